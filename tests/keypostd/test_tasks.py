"""What runs beside the main line: never silently gone."""

import asyncio

import pytest

from keypostd.tasks import background


async def test_a_work_that_fails_stops_the_process_and_says_why() -> None:
    stopping = asyncio.Event()

    async def fail() -> None:
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        async with background(fail, stopping=stopping):
            await stopping.wait()


async def test_a_work_that_goes_on_is_cancelled_at_the_end() -> None:
    stopping, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with background(work, stopping=stopping):
        await asyncio.sleep(0)
        assert not stopping.is_set()
    assert ended.is_set()


async def test_a_work_that_can_be_asked_to_stop_ends_by_itself() -> None:
    asked, finished = asyncio.Event(), []

    async def work() -> None:
        await asked.wait()
        finished.append("the last request")

    async with background(work, stopping=asyncio.Event(), stop=asked.set):
        pass
    assert finished == ["the last request"]
