"""The loop of another thread: async work from ordinary code, stopped whenever the ordinary code stops."""

import asyncio
import os
import sys
import threading
import time

import pytest

from openclaw_ipython.runtime.event_loop import LoopThread


@pytest.fixture
def loop_thread():
    loop_thread = LoopThread()
    yield loop_thread
    loop_thread.close()


EARLIER: set[threading.Thread] = set()
"""Threads that were there before the test: those of other tests of this process."""


@pytest.fixture(autouse=True)
def earlier_threads():
    EARLIER.clear()
    EARLIER.update(threading.enumerate())


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name == "openclaw" and t not in EARLIER]


async def numbers(count, log=None):
    try:
        for n in range(count):
            yield n
            await asyncio.sleep(0)
    finally:
        if log is not None:
            log.append("closed")


async def forever(log):
    try:
        while True:
            yield 1
            await asyncio.sleep(0.001)
    finally:
        log.append("closed")


def drained(loop_thread, make, interval=0.0):
    with loop_thread.batches(make, interval) as batches:
        return [item for batch in batches for item in batch]


def until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    return condition()


def test_a_result_comes_back(loop_thread):
    async def work():
        return threading.current_thread().name

    assert loop_thread.run(work()) == "openclaw"


def test_an_error_comes_back_as_itself(loop_thread):
    async def work():
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        loop_thread.run(work())


def test_a_timeout_error_of_the_work_is_not_mistaken_for_our_own_waiting(loop_thread):
    async def work():
        raise TimeoutError("the work's own")

    with pytest.raises(TimeoutError, match="the work's own"):
        loop_thread.run(work())


@pytest.mark.parametrize("interval", [0.0, 0.01])
def test_every_item_comes_once_and_in_order(loop_thread, interval):
    assert drained(loop_thread, lambda: numbers(1000), interval) == list(range(1000))


def test_the_first_items_come_at_once_and_later_ones_together(loop_thread):
    async def quick():
        yield "first"
        for n in range(500):
            await asyncio.sleep(0.0005)
            yield n

    with loop_thread.batches(quick, 0.1) as batches:
        sizes = [len(batch) for batch in batches if batch]
    assert sizes[0] <= 5
    assert len(sizes) < 30


def test_what_is_over_at_once_comes_in_one_batch(loop_thread):
    def batches():
        with loop_thread.batches(lambda: numbers(3), 10.0) as came:
            return list(came)

    # on a busy machine a moment may pass between any two steps
    assert any(batches() == [[0, 1, 2]] for _ in range(50))


def test_an_error_is_raised_after_the_items_before_it(loop_thread):
    async def broken():
        yield 1
        yield 2
        raise ValueError("broken")

    got = []
    with pytest.raises(ValueError, match="broken"), loop_thread.batches(broken, 0.0) as batches:
        for batch in batches:
            got += batch
    assert got == [1, 2]


def test_time_passing_without_items_is_told(loop_thread):
    async def slow():
        await asyncio.sleep(0.5)
        yield 1

    with loop_thread.batches(slow, 0.0) as batches:
        assert [] in list(batches)


@pytest.mark.parametrize("how", ["break", "error", "interrupt"])
def test_leaving_early_closes_the_iterator(loop_thread, how):
    log = []
    error = {"break": None, "error": ValueError, "interrupt": KeyboardInterrupt}[how]

    def leave():
        with loop_thread.batches(lambda: forever(log), 0.0) as batches:
            for _ in batches:
                if error is not None:
                    raise error
                break

    if error is None:
        leave()
    else:
        with pytest.raises(error):
            leave()
    assert until(lambda: log == ["closed"])


def test_the_loop_is_started_once_and_only_when_needed(loop_thread):
    assert threads() == []
    drained(loop_thread, lambda: numbers(3))
    drained(loop_thread, lambda: numbers(3))
    assert threads() == ["openclaw"]


def test_closing_cancels_what_runs_and_ends_the_thread(loop_thread):
    log = []
    future = loop_thread.submit(_consume(forever(log)))
    assert until(lambda: threads() == ["openclaw"])
    time.sleep(0.02)
    loop_thread.close()
    assert future.cancelled() or future.done()
    assert log == ["closed"]
    assert threads() == []


async def _consume(items):
    async for _ in items:
        pass


def test_it_starts_again_after_closing(loop_thread):
    drained(loop_thread, lambda: numbers(2))
    loop_thread.close()
    assert drained(loop_thread, lambda: numbers(2)) == [0, 1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_gets_a_loop_of_its_own(loop_thread):
    drained(loop_thread, lambda: numbers(2))
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if drained(loop_thread, lambda: numbers(3)) == [0, 1, 2] else 1)
        except BaseException:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_it_works_while_a_loop_runs_on_the_calling_thread(loop_thread):
    async def inside():
        return drained(loop_thread, lambda: numbers(3))

    assert asyncio.run(inside()) == [0, 1, 2]
    assert "nest_asyncio" not in sys.modules
