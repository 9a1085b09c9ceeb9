"""What happens while a letter is being sent: no word too many reaches anybody."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from fakes.notifier import PlainLetterWriter
from fakes.office import OTHER_PAYER, PAYER, Agent, Office
from keypost.errors import NotifierUnavailable, PaymentProviderUnavailable
from keypost.letters import Letter, LetterState
from keypost.use_cases.send_letters import SendLetters

AGENT = Agent(1)


@dataclass
class Meanwhile:
    """A notifier that fails, after something has happened."""

    happens: Callable[[], Awaitable[object]]

    async def send(self, letter: Letter, *, idempotency_key: str) -> None:  # noqa: ARG002
        await self.happens()
        raise NotifierUnavailable


@pytest.fixture
def office() -> Office:
    return Office()


async def send(office: Office, *, meanwhile: Callable[[], Awaitable[object]]) -> None:
    notifier = Meanwhile(meanwhile)
    await SendLetters(office.store.uow, PlainLetterWriter(), notifier, office.clock)()


def states(office: Office) -> list[LetterState]:
    return [letter.state for letter in office.store.letters]


async def test_a_letter_that_fails_while_it_is_paid_is_not_tried_again(office: Office) -> None:
    await office.claim(AGENT)
    await send(office, meanwhile=lambda: office.pay(office.session()))
    assert states(office) == [LetterState.DROPPED]


async def test_a_letter_that_fails_while_it_is_replaced_is_not_tried_again(office: Office) -> None:
    await office.claim(AGENT)
    await send(office, meanwhile=lambda: office.claim(AGENT, billing=OTHER_PAYER))
    assert sorted(state.value for state in states(office)) == ["dropped", "queued"]


async def test_an_address_that_comes_back_keeps_the_other_from_being_written_to(
    office: Office,
) -> None:
    await office.claim(AGENT)
    await office.send_letters()
    await office.claim(AGENT, billing=OTHER_PAYER)
    await office.claim(AGENT, billing=PAYER)
    office.clock.advance(timedelta(minutes=11))
    await office.send_letters()
    assert [letter.to for letter in office.notifier.sent.values()] == [PAYER]


async def test_a_provider_whose_links_are_over_at_once_is_not_believed(office: Office) -> None:
    office.provider.lifetime = timedelta(0)
    with pytest.raises(PaymentProviderUnavailable):
        await office.claim(AGENT)
    assert states(office) == []


async def test_a_letter_that_is_over_is_dropped_and_told(office: Office) -> None:
    await office.claim(AGENT)
    office.clock.advance(timedelta(days=2))
    [told] = await office.send_letters()
    assert told.state is LetterState.DROPPED
    assert office.notifier.sent == {}
