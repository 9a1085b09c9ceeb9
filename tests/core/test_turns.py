"""One at a time per name, and nothing is left behind."""

import asyncio

from keypost.use_cases.turns import Turns


async def test_one_name_lets_one_in_at_a_time() -> None:
    turns, inside, most = Turns(), 0, 0

    async def visit() -> None:
        nonlocal inside, most
        async with turns.of("name"):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(visit() for _ in range(20)))
    assert most == 1


async def test_two_names_do_not_wait_for_each_other() -> None:
    turns = Turns()
    async with asyncio.timeout(10), turns.of("one"), turns.of("two"):
        pass


async def test_a_visitor_that_fails_or_gives_up_lets_the_next_in() -> None:
    turns = Turns()

    async def fail() -> None:
        async with turns.of("name"):
            raise ZeroDivisionError

    async with turns.of("name"):
        waiting = asyncio.create_task(fail())
        giving_up = asyncio.create_task(fail())
        await asyncio.sleep(0)
        giving_up.cancel()
    outcomes = await asyncio.gather(waiting, giving_up, return_exceptions=True)
    assert [type(each) for each in outcomes] == [ZeroDivisionError, asyncio.CancelledError]
    async with asyncio.timeout(10), turns.of("name"):
        pass


async def test_names_are_forgotten_when_nobody_wants_them() -> None:
    turns = Turns()
    for number in range(5):
        async with turns.of(str(number)):
            pass
    assert turns == Turns()
