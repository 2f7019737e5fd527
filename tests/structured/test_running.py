"""Functions run for a model: on this thread, on the loop they belong to, and never with a traceback."""

import asyncio
import contextvars
import subprocess
import sys
import threading

import pytest

from openclaw_ipython.chat.types import ToolCall
from openclaw_ipython.errors import UsageError
from openclaw_ipython.structured.loop import Outcome, Planned
from openclaw_ipython.structured.running import Caller, call_all, is_async
from openclaw_ipython.structured.tools import tool_of


def planned(function, *places, told="", **names) -> Planned:
    name = getattr(function, "__name__", "f")
    return Planned(ToolCall("call_1", name, "{}"), tool_of(function, name), places, names, told)


def outcomes(*calls, loop=None) -> list[Outcome]:
    with Caller(loop) as caller:
        found = dict(caller.each(calls))
    return [found[at] for at in range(len(calls))]


async def awaited(*calls) -> list[Outcome]:
    return await asyncio.wait_for(call_all(calls), 10)


def both_ways(*calls) -> list[list[Outcome]]:
    return [outcomes(*calls), asyncio.run(awaited(*calls))]


def double(n: int):
    return n * 2


async def later(n: int):
    await asyncio.sleep(0)
    return n * 3


def raises():
    raise ValueError("of no use")


async def raises_later():
    await asyncio.sleep(0)
    raise LookupError("not there")


def leaves():
    sys.exit(3)


async def leaves_later():
    sys.exit(3)


async def gives_up():
    raise asyncio.CancelledError("on its own")


def gives_up_at_once():
    raise asyncio.CancelledError("at once")


def runs_out():
    return next(iter(()))


def hands_over():
    return later(5)


@pytest.mark.parametrize(
    ("call", "outcome"),
    [
        (planned(double, n=4), Outcome("8")),
        (planned(double, 4), Outcome("8")),
        (planned(later, n=4), Outcome("12")),
        (planned(hands_over), Outcome("15")),
        (planned(raises), Outcome("ValueError: of no use", failed=True)),
        (planned(raises_later), Outcome("LookupError: not there", failed=True)),
        (planned(leaves), Outcome("SystemExit: 3", failed=True)),
        (planned(leaves_later), Outcome("SystemExit: 3", failed=True)),
        (planned(gives_up_at_once), Outcome("CancelledError: at once", failed=True)),
        (planned(runs_out), Outcome("StopIteration", failed=True)),
        (planned(gives_up), Outcome("CancelledError: on its own", failed=True)),
        (
            planned(double, n=4, told="There is no such function."),
            Outcome("There is no such function.", failed=True),
        ),
    ],
)
def test_whatever_a_function_does_there_is_an_outcome(call, outcome):
    assert both_ways(call) == [[outcome], [outcome]]


def test_outcomes_stand_in_the_order_of_the_calls():
    calls = [planned(later, n=1), planned(double, n=2), planned(raises), planned(later, n=3)]
    for found in both_ways(*calls):
        assert [one.text for one in found] == ["3", "4", "ValueError: of no use", "9"]


def test_coroutines_run_side_by_side():
    async def meets(own: asyncio.Event, other: asyncio.Event):
        own.set()
        await other.wait()
        return "met"

    def calls():
        a, b = asyncio.Event(), asyncio.Event()
        return [planned(lambda own=None: meets(a, b)), planned(lambda own=None: meets(b, a))]

    assert [one.text for one in outcomes(*calls())] == ["met", "met"]


def test_ordinary_functions_run_on_the_callers_thread_and_in_a_thread_for_a_loop():
    where = []
    on_this = planned(lambda: where.append(threading.current_thread()))
    both_ways(on_this)
    assert where[0] is threading.current_thread()
    assert where[1] is not threading.current_thread()


def test_all_coroutines_of_an_answer_share_a_loop_which_ends_with_it():
    loops = []

    async def look():
        loops.append(asyncio.get_running_loop())

    with Caller() as caller:
        list(caller.each([planned(look)]))
        list(caller.each([planned(look)]))
        assert loops[0] is loops[1]
        assert not loops[0].is_closed()
    assert loops[0].is_closed()


def test_a_loop_that_is_given_is_used_and_left_open():
    loop = asyncio.new_event_loop()
    loops = []

    async def look():
        loops.append(asyncio.get_running_loop())

    try:
        outcomes(planned(look), loop=loop)
        assert loops == [loop]
        assert not loop.is_closed()
    finally:
        loop.close()


def test_an_interrupt_is_raised_and_cancels_the_other_coroutines():
    ended = []

    async def waits():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async def interrupted():
        await asyncio.sleep(0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outcomes(planned(waits), planned(interrupted))
    assert ended == ["cancelled"]


def test_an_interrupt_of_an_ordinary_function_is_raised():
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outcomes(planned(interrupted))


def test_being_cancelled_is_no_outcome():
    async def main():
        started = asyncio.Event()

        async def waits():
            started.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(call_all([planned(waits)]))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_context_variables_are_seen_by_functions():
    variable = contextvars.ContextVar("variable", default="unset")
    variable.set("set")
    assert outcomes(planned(lambda: variable.get()))[0].text == "set"


def test_a_coroutine_of_a_running_loop_runs_there_and_only_then_the_loop_is_patched():
    code = """
import asyncio, sys
from openclaw_ipython.structured.running import Caller
from openclaw_ipython.structured.loop import Planned
from openclaw_ipython.structured.tools import tool_of
from openclaw_ipython.chat.types import ToolCall

def plan(function):
    return Planned(ToolCall("1", "f", ""), tool_of(function, "f"))

async def main():
    lock = asyncio.Lock()
    seen = []
    async def locked():
        async with lock:
            await asyncio.sleep(0)
            seen.append(asyncio.get_running_loop())
            return "done"
    def cell():  # ordinary code below a running loop, as a cell magic is
        with Caller() as caller:
            first = [o.text for _, o in caller.each([plan(lambda: "plain")])]
            patched_before = "nest_asyncio2" in sys.modules
            second = [o.text for _, o in caller.each([plan(locked), plan(locked)])]
        return first, patched_before, second
    print(cell(), seen == [asyncio.get_running_loop()] * 2)
    await asyncio.sleep(0)
    async with lock:
        print("still there")
asyncio.run(main())
"""
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert out.splitlines() == ["(['plain'], False, ['done', 'done']) True", "still there"]


@pytest.mark.filterwarnings("error")
def test_a_loop_that_cannot_be_entered_again_is_named():
    class Foreign(asyncio.AbstractEventLoop):
        pass

    asyncio._set_running_loop(Foreign())
    try:
        with pytest.raises(UsageError, match="cannot be entered again"):
            outcomes(planned(later, n=1))
        assert outcomes(planned(double, n=1)) == [Outcome("2")]
    finally:
        asyncio._set_running_loop(None)


@pytest.mark.parametrize(("function", "expected"), [(later, True), (double, False), (hands_over, False)])
def test_coroutine_functions_are_known(function, expected):
    assert is_async(function) is expected


def test_objects_with_an_async_call_are_coroutine_functions():
    class Search:
        async def __call__(self, words: str):
            return words

    assert is_async(Search())
    assert asyncio.run(awaited(planned(Search(), words="a"))) == [Outcome("a")]
