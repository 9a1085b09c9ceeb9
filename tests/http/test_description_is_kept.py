"""Schemathesis makes requests out of the API's description, and holds every answer against it."""

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Any, TypeAlias

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from fakes.service import Agent, MemoryService, talking_to

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

Asked: TypeAlias = "schemathesis.Case[Any]"

QUIET = settings(
    max_examples=20,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


async def _paid(service: MemoryService) -> str:
    """Have one mailbox with a mail in it, and return its token."""
    async with talking_to(service.app()) as client:
        token = await Agent(client).token()
    service.inbox.deliver(service.logins()[0], b"Subject: hello\n\nworld\n")
    return token


def _knowing(token: str, case: Asked) -> Asked:
    """Give a request a token that opens something, or else none would get far."""
    if isinstance(case.body, dict) and isinstance(case.body.get("access_token"), str):
        case.body["access_token"] = token
    return case


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_every_answer_is_as_described(mode: GenerationMode) -> None:
    service = MemoryService()
    token = asyncio.run(_paid(service))
    described = schemathesis.openapi.from_asgi("/schema/openapi.json", service.app())
    asked = Counter[int]()

    for found in described.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()

        # Schemathesis' own pytest plugin does not know pytest 9.2.
        @QUIET
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Asked) -> None:
            reply = _knowing(token, case).call(headers={"Authorization": f"Bearer {token}"})
            asked[reply.status_code] += 1
            case.validate_response(reply, checks=CHECKS)

        with suppress(Unsatisfiable):  # nothing can be wrong about a request without parts
            ask()

    wanted, times = (200, 50) if mode is GenerationMode.POSITIVE else (400, 50)
    assert asked[wanted] > times, asked
