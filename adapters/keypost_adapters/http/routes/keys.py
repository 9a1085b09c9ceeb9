"""Prove a key: the first step of everything."""

from typing import Final

from litestar.handlers import HTTPRouteHandler
from msgspec.json import Decoder

from keypost.use_cases.prove_key import IssueChallenge
from keypost_adapters.http.described import KEY_FACTS, Described, Gives, post
from keypost_adapters.http.reading import AnyRequest, read_json
from keypost_adapters.http.replies import ChallengeReply, challenge_reply
from keypost_adapters.http.requests import ChallengeRequest

_CHALLENGE: Final = Decoder(ChallengeRequest)


def key_routes(issue: IssueChallenge) -> list[HTTPRouteHandler]:
    """Return the routes that prove keys."""

    @post(
        "/v1/auth/challenge",
        Described(
            tag="Keys",
            summary="Get a challenge to sign",
            case=IssueChallenge,
            takes=ChallengeRequest,
            gives={200: Gives("A text to sign with the key.", ChallengeReply)},
            raises=KEY_FACTS,
        ),
    )
    async def issue_challenge(request: AnyRequest) -> ChallengeReply:
        asked = await read_json(request, _CHALLENGE)
        return challenge_reply(issue(asked.public_key))

    return [issue_challenge]
