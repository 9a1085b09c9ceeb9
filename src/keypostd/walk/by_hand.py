"""What ``keypostd up`` says once it is up."""

import sys
from pathlib import Path

from keypostd.local import LocalSettings
from keypostd.settings import Settings

_LINE = "─" * 78

_TEXT = """
{line}
Everything is up. The same by hand, in another terminal, with nothing but
ssh-keygen and curl:

url={url} smtp={smtp} imap={imap}

{commands}

Or with any mail client: IMAP on {imap}, no encryption (loopback only), with
username and password from access.json.

  API and how to use it   {url}/schema, {url}/llms.txt
  letters                 {state}/letters
  log                     {state}/keypostd.log
  the agent of the walk   HOME={state}/agent KEYPOST_URL={url} {keypost} messages --all

Ctrl-C stops it; nothing is lost.
{line}"""

# The README holds the same lines; a test compares them and runs them.
COMMANDS = r"""ssh-keygen -q -t ed25519 -N '' -f agent_key
key=$(cut -d' ' -f1,2 agent_key.pub)

# One field of a JSON answer.
field() { sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p'; }

# A proof of the key for one request: good once, for 30 seconds.
proof() {
  challenge=$(curl -s $url/v1/auth/challenge -d "{\"public_key\": \"$key\"}" | field challenge)
  signature=$(printf %s "$challenge" |
    ssh-keygen -q -Y sign -n edproof -f agent_key | grep -v -e ----- | tr -d '\n')
  printf '"edproof": "%s", "challenge": "%s", "signature": "%s"' "$key" "$challenge" "$signature"
}

# Claim the key's mailbox and pay for it; the link is in the letter as well.
curl -s $url/v1/mailboxes/claim -d "{$(proof), \"billing_email\": \"owner@example.org\"}" > mailbox.json
curl -s "$(field payment_url < mailbox.json)"

# What opens the mailbox: IMAP details and an access token.
curl -s $url/v1/access/resolve -d "{$(proof), \"protocol\": \"imap\"}" > access.json
email=$(field email < access.json) token=$(field access_token < access.json)

# A mail comes in …
printf 'Subject: hello\r\n\r\nworld\r\n' |
  curl -s smtp://$smtp --mail-from you@example.org --mail-rcpt "$email" -T -

# … and is read over HTTP and over IMAP.
curl -s $url/v1/imap/messages -d "{\"access_token\": \"$token\"}"
curl -s "imap://$imap/INBOX;MAILINDEX=1" -u "$email:$(field password < access.json)"
"""


def by_hand(local: LocalSettings, settings: Settings) -> str:
    """Return the instructions for this very server."""
    return _TEXT.format(
        line=_LINE,
        commands=COMMANDS.rstrip(),
        url=settings.public_base_url,
        smtp=local.smtp,
        imap=local.imap,
        state=local.state.path,
        keypost=Path(sys.executable).with_name("keypost"),
    )
