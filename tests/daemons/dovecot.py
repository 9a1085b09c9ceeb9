"""A real Dovecot, from a folder of its own, on loopback ports.

It reads users from passwd-files and mail from Maildirs that a test fills. The
folder is short and open to other users (Dovecot's sockets and its unprivileged
processes need that), so it is not pytest's.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

NOBODY = 65534
START_SECONDS = 10

CONFIG = """
protocols = imap
listen = 127.0.0.1
base_dir = {root}/run
state_dir = {root}/run
log_path = {root}/log
ssl = {ssl}
disable_plaintext_auth = no
auth_failure_delay = 0
mail_location = maildir:{root}/mail/%u
maildir_very_dirty_syncs = no
namespace inbox {{
  inbox = yes
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {root}/users/%u
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home={root}/home/%u
}}
# No pauses after a wrong password, which all tests on this host would share.
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
"""


@dataclass(slots=True)
class Dovecot:
    """One server; ``port`` speaks IMAP (and STARTTLS), ``tls_port`` IMAP over TLS."""

    binary: str
    root: Path
    port: int
    tls_port: int
    _process: subprocess.Popen[bytes] | None = None
    _delivered: int = 0

    @property
    def running(self) -> bool:
        """Say whether it was started and not stopped."""
        return self._process is not None

    def start(self) -> None:
        """Start and wait until the port answers."""
        command = [self.binary, "-F", "-c", str(self.root / "dovecot.conf")]
        # A process group of its own, so that its sessions can be ended with it.
        self._process = subprocess.Popen(command, cwd=self.root, start_new_session=True)
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError((self.root / "log").read_text(errors="replace"))
            time.sleep(0.01)

    def stop(self) -> None:
        """End the master process and every session."""
        if self._process is None:
            return
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(timeout=START_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process = None

    def put_user(self, login: str, password: str) -> None:
        """Add a user, or give one another password.

        Each has a file of its own. Dovecot reads a file again only in another
        second, so a new password may not be the valid one at once.
        """
        _write(self.root / "users" / login, f"{login}:{{PLAIN}}{password}\n".encode())

    def deliver(self, login: str, raw: bytes, *, seen: bool = False) -> Path:
        """Put a message into the user's Maildir, as read or as new mail; return its file."""
        self._delivered += 1
        maildir = self.root / "mail" / login
        for folder in ("cur", "new", "tmp"):
            _folder(maildir / folder)
        name = f"{1_700_000_000 + self._delivered}.M1P1.test"
        file = maildir / "cur" / f"{name}:2,S" if seen else maildir / "new" / name
        _write(maildir / "tmp" / name, raw)
        return (maildir / "tmp" / name).rename(file)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                return connection.recv(4) == b"* OK"
        except OSError:
            return False


@contextmanager
def dovecot_running(binary: str, *, certificate: bytes = b"") -> Iterator[Dovecot]:
    """Run Dovecot for a while; ``certificate`` is PEM, key and certificate, and turns TLS on."""
    root = Path(mkdtemp(prefix="kp-dovecot-", dir="/tmp"))
    root.chmod(0o755)
    server = Dovecot(binary, root, port=_free_port(), tls_port=_free_port())
    (root / "dovecot.conf").write_text(_config(server, certificate))
    for folder in ("mail", "home", "users"):
        _folder(root / folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(root, ignore_errors=True)


def _config(server: Dovecot, certificate: bytes) -> str:
    tls_port = server.tls_port if certificate else 0
    ssl = "yes" if certificate else "no"
    config = CONFIG.format(root=server.root, port=server.port, tls_port=tls_port, ssl=ssl)
    if certificate:
        pem = server.root / "server.pem"
        pem.write_bytes(certificate)
        config += f"ssl_cert = <{pem}\nssl_key = <{pem}\n"
    return config


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _folder(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    for made in (path.parent, path):
        os.chown(made, NOBODY, NOBODY)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o644)
    os.chown(path, NOBODY, NOBODY)
