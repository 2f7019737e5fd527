"""Functions that a model calls: on which thread or loop they run, and what their results and errors become."""

import asyncio
import contextvars
import io
import re
import subprocess
import sys
import threading

import numpy as np
import pytest
from IPython.display import Image as DisplayedImage
from matplotlib.figure import Figure
from PIL import Image

from openclaw_ipython.chat.types import ToolCall
from openclaw_ipython.errors import UsageError
from openclaw_ipython.structured.loop import CallOutcome, PlannedCall
from openclaw_ipython.structured.runner import CallRunner, is_coroutine_function, run_calls
from openclaw_ipython.structured.tools import tool_of


def planned(function, *args, refusal="", **kwargs) -> PlannedCall:
    name = getattr(function, "__name__", "f")
    return PlannedCall(ToolCall("call_1", name, "{}"), tool_of(function, name), args, kwargs, refusal)


def outcomes(*calls, loop=None) -> list[CallOutcome]:
    with CallRunner(loop) as runner:
        found = dict(runner.run(calls))
    return [found[at] for at in range(len(calls))]


async def run_in_loop(*calls) -> list[CallOutcome]:
    return await asyncio.wait_for(run_calls(calls), 10)


def in_both_ways(*calls) -> list[list[CallOutcome]]:
    return [outcomes(*calls), asyncio.run(run_in_loop(*calls))]


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
        (planned(double, n=4), CallOutcome("8")),
        (planned(double, 4), CallOutcome("8")),
        (planned(later, n=4), CallOutcome("12")),
        (planned(hands_over), CallOutcome("15")),
        (planned(raises), CallOutcome("ValueError: of no use", failed=True)),
        (planned(raises_later), CallOutcome("LookupError: not there", failed=True)),
        (planned(leaves), CallOutcome("SystemExit: 3", failed=True)),
        (planned(leaves_later), CallOutcome("SystemExit: 3", failed=True)),
        (planned(gives_up_at_once), CallOutcome("CancelledError: at once", failed=True)),
        (planned(runs_out), CallOutcome("StopIteration", failed=True)),
        (planned(gives_up), CallOutcome("CancelledError: on its own", failed=True)),
        (
            planned(double, n=4, refusal="There is no such function."),
            CallOutcome("There is no such function.", failed=True),
        ),
    ],
)
def test_results_and_errors_become_outcomes(call, outcome):
    assert in_both_ways(call) == [[outcome], [outcome]]


def test_outcomes_are_in_the_order_of_the_calls():
    calls = [planned(later, n=1), planned(double, n=2), planned(raises), planned(later, n=3)]
    for found in in_both_ways(*calls):
        assert [one.text for one in found] == ["3", "4", "ValueError: of no use", "9"]


def test_coroutines_run_concurrently():
    async def meets(own: asyncio.Event, other: asyncio.Event):
        own.set()
        await other.wait()
        return "met"

    def calls():
        a, b = asyncio.Event(), asyncio.Event()
        return [planned(lambda own=None: meets(a, b)), planned(lambda own=None: meets(b, a))]

    assert [one.text for one in outcomes(*calls())] == ["met", "met"]


def test_functions_run_on_the_calling_thread_or_from_a_loop_in_another_thread():
    where = []
    on_this = planned(lambda: where.append(threading.current_thread()))
    in_both_ways(on_this)
    assert where[0] is threading.current_thread()
    assert where[1] is not threading.current_thread()


def test_all_coroutines_of_an_answer_share_a_loop_that_is_closed_after_it():
    loops = []

    async def look():
        loops.append(asyncio.get_running_loop())

    with CallRunner() as runner:
        list(runner.run([planned(look)]))
        list(runner.run([planned(look)]))
        assert loops[0] is loops[1]
        assert not loops[0].is_closed()
    assert loops[0].is_closed()


def test_a_loop_that_is_passed_in_is_used_and_not_closed():
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


def test_cancellation_from_outside_is_raised():
    async def main():
        started = asyncio.Event()

        async def waits():
            started.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(run_calls([planned(waits)]))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_functions_see_context_variables():
    variable = contextvars.ContextVar("variable", default="unset")
    variable.set("set")
    assert outcomes(planned(lambda: variable.get()))[0].text == "set"


def test_a_coroutine_runs_on_the_running_loop_which_is_patched_only_then():
    code = """
import asyncio, sys
from openclaw_ipython.structured.runner import CallRunner
from openclaw_ipython.structured.loop import PlannedCall
from openclaw_ipython.structured.tools import tool_of
from openclaw_ipython.chat.types import ToolCall

def plan(function):
    return PlannedCall(ToolCall("1", "f", ""), tool_of(function, "f"))

async def main():
    lock = asyncio.Lock()
    seen = []
    async def locked():
        async with lock:
            await asyncio.sleep(0)
            seen.append(asyncio.get_running_loop())
            return "done"
    def cell():  # ordinary code below a running loop, as a cell magic is
        with CallRunner() as runner:
            first = [o.text for _, o in runner.run([plan(lambda: "plain")])]
            patched_before = "nest_asyncio2" in sys.modules
            second = [o.text for _, o in runner.run([plan(locked), plan(locked)])]
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
def test_a_loop_that_is_not_asyncios_is_named_in_the_error():
    class Foreign(asyncio.AbstractEventLoop):
        pass

    asyncio._set_running_loop(Foreign())
    try:
        with pytest.raises(UsageError, match="cannot be entered again"):
            outcomes(planned(later, n=1))
        assert outcomes(planned(double, n=1)) == [CallOutcome("2")]
    finally:
        asyncio._set_running_loop(None)


@pytest.mark.parametrize(("function", "expected"), [(later, True), (double, False), (hands_over, False)])
def test_coroutine_functions_are_recognised(function, expected):
    assert is_coroutine_function(function) is expected


def test_an_object_with_an_async_call_is_a_coroutine_function():
    class Search:
        async def __call__(self, words: str):
            return words

    assert is_coroutine_function(Search())
    assert asyncio.run(run_in_loop(planned(Search(), words="a"))) == [CallOutcome("a")]


def png():
    into = io.BytesIO()
    Image.new("RGB", (40, 30)).save(into, "PNG")
    return into.getvalue()


def drawn():
    figure = Figure(figsize=(2, 1), dpi=100)
    figure.subplots(1, 2)
    return figure


@pytest.mark.parametrize(
    "value",
    [drawn(), drawn().axes[0], Image.new("RGB", (40, 30)), DisplayedImage(data=png())],
    ids=["figure", "axes", "PIL", "IPython"],
)
def test_a_figure_is_a_picture_with_its_size(value):
    tool = tool_of(lambda: value, "draw")
    with CallRunner() as runner:
        ((_, outcome),) = runner.run([PlannedCall(ToolCall("1", "draw", "{}"), tool)])
    assert re.fullmatch(r"A picture, \d+×\d+ pixels\.", outcome.text)
    (url,) = outcome.images
    assert url.startswith("data:image/png;base64,")


@pytest.mark.parametrize("value", [drawn().axes[0].xaxis, [drawn()], np.zeros((20, 20)), b"bytes", "a.png"])
def test_other_values_are_text(value):
    tool = tool_of(lambda: value, "draw")
    with CallRunner() as runner:
        ((_, outcome),) = runner.run([PlannedCall(ToolCall("1", "draw", "{}"), tool)])
    assert isinstance(outcome.text, str)
    assert outcome.images == () or type(value).__name__ == "XAxis"
