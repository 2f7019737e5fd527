"""oc.map on the workers of an executor: threads, processes, a Dask cluster and an ipyparallel cluster, all real."""

import _thread
import logging
import os
import pickle
import signal
import sys
from collections import Counter
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import pytest

import openclaw_ipython as oc
from openclaw_ipython.batch.executor import chunk_size, workers_of
from openclaw_ipython.batch.handover import Handover
from openclaw_ipython.batch.interrupted import Interrupted
from openclaw_ipython.batch.rate_limit import Limits
from openclaw_ipython.batch.worker import Chunk, Returned, carry_out
from openclaw_ipython.chat.dialects import PORTAL
from openclaw_ipython.chat.types import ChatRequest, Message, Reply, Usage
from openclaw_ipython.errors import (
    LoginRequired,
    RateLimited,
    RequestRejected,
    SchemaMismatch,
    ServiceUnavailable,
)
from openclaw_ipython.sanitize.secrets import Secret

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # the clusters' own

TOKEN = "token-that-nobody-may-see-0123456789"


@pytest.fixture(scope="module")
def dask(cluster_home):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=None,
            local_directory=str(cluster_home / "dask"),
            silence_logs=logging.CRITICAL,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def engines(cluster_home):
    ipyparallel = pytest.importorskip("ipyparallel")
    cluster = ipyparallel.Cluster(
        n=2,
        log_level=logging.CRITICAL,
        ipython_dir=str(cluster_home / "ipython"),
        controller_args=["--HeartMonitor.period=200", "--HeartMonitor.max_heartmonitor_misses=3"],
    )
    client = cluster.start_and_connect_sync()
    yield client
    client.close()
    cluster.stop_cluster_sync()


@pytest.fixture(params=["threads", "processes", "dask", "ipyparallel"])
def executor(request):
    match request.param:
        case "threads":
            with ThreadPoolExecutor(2) as pool:
                yield pool
        case "processes":
            with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
                yield pool
        case "dask":
            yield request.getfixturevalue("dask").get_executor()
        case "ipyparallel":
            yield request.getfixturevalue("engines").executor()


def ask(far, items, prompt="{item}", **options):
    return oc.map(items, prompt, client=far.client, **{"progress": False, "table": False, **options})


def test_work_goes_out_in_chunks_and_comes_back_in_order(far, executor):
    replies = ask(far, [f"item-{i:03d}" for i in range(60)], "Say {item}.", concurrency=8, executor=executor)
    assert [f"Say item-{i:03d}." in reply for i, reply in enumerate(replies)] == [True] * 60
    assert Counter(far.prompts()) == Counter(f"Say item-{i:03d}." for i in range(60))
    assert replies[0].usage is not None
    assert workers_of(executor) == 2


def test_a_token_that_ends_on_the_way_is_renewed_by_the_driver_and_the_rest_is_sent_on(far, executor):
    def rows():
        for number in range(60):
            if number == 40:
                far.portal.expires_tokens()
            yield f"item {number}"

    replies = ask(far, rows(), concurrency=4, executor=executor)
    assert replies.tally.errors == 0
    assert Counter(far.prompts()).keys() == {f"item {i}" for i in range(60)}
    assert len(far.tokens()) == 2
    refreshes = [r for r in far.portal.requests if b"grant_type=refresh_token" in r.body]
    assert len(refreshes) == 1


def test_a_login_that_cannot_be_renewed_ends_the_batch(far):
    far.portal.expires_tokens().revokes_refresh()
    with ThreadPoolExecutor(2) as pool, pytest.raises(oc.AuthError):
        ask(far, [str(i) for i in range(60)], concurrency=4, executor=pool)
    assert len(far.prompts()) <= 8


def test_a_service_that_refuses_every_login_is_not_asked_for_ever(far):
    far.portal.fails_next("completions", 401, {"error": {"message": "no"}}, times=None)
    with ThreadPoolExecutor(2) as pool, pytest.raises(oc.AuthError):
        ask(far, [str(i) for i in range(60)], concurrency=4, executor=pool)
    assert len(far.prompts()) <= 16


def test_failures_are_values_and_too_many_requests_are_waited_out_there_too(far):
    far.portal.fails_next("completions", 400, {"error": {"message": "no"}})
    far.portal.fails_next("completions", 429, {"error": {"code": "limit_requests"}}, {"retry-after-ms": "5"})
    with ThreadPoolExecutor(1) as pool:
        replies = ask(far, ["a", "b", "c"], concurrency=1, executor=pool)
    assert isinstance(replies[0], RequestRejected)
    assert [isinstance(reply, Reply) for reply in replies] == [False, True, True]


@dataclass
class Label:
    mood: str


def test_the_schema_stays_with_the_driver_and_a_mismatch_is_asked_again(far):
    far.portal.says("no json").says('{"mood": "a"}').says('{"mood": "b"}')
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        replies = ask(far, ["x", "y"], concurrency=1, executor=pool, schema=Label)
    assert {reply.parsed.mood for reply in replies} == {"a", "b"}
    assert len(far.prompts()) == 3


def test_with_the_cache_a_batch_replays_without_a_login_there_too(far):
    with ThreadPoolExecutor(1) as pool:
        ask(far, ["a", "b"], executor=pool, cache=True)
        far.home.auth_profiles.unlink()
        replies = ask(far, ["a", "b"], executor=pool, cache=True)
        with pytest.raises(LoginRequired):
            ask(far, ["a", "c"], executor=pool, cache=True)
    assert [f"```text\n{item}\n```" in reply for item, reply in zip("ab", replies, strict=True)] == [True] * 2
    assert len(far.prompts()) == 2


def test_a_service_without_quota_ends_the_batch_with_what_was_done(far):
    far.portal.says("one").says("two")

    def rows():
        for number in range(50):
            if number == 8:
                far.portal.fails_next("completions", 402, {"error": {"message": "no money"}}, times=None)
            yield str(number)

    with ThreadPoolExecutor(1) as pool, pytest.raises(oc.ServiceError, match="the same call goes on"):
        ask(far, rows(), concurrency=1, executor=pool, workers=1)
    far.portal._failures.clear()
    with ThreadPoolExecutor(1) as pool:
        again = ask(far, map(str, range(50)), concurrency=1, executor=pool)
    assert again.tally.remembered >= 4
    assert max(Counter(far.prompts()).values()) <= 2


def test_an_interrupt_keeps_what_came_back_and_the_same_call_goes_on(far):
    def rows():
        for number in range(60):
            if number == 30:
                _thread.interrupt_main()
            yield f"item {number}"

    with ThreadPoolExecutor(2) as pool, pytest.raises(Interrupted) as caught:
        ask(far, rows(), concurrency=4, executor=pool)
    done = sum(reply is not None for reply in caught.value.results)
    with ThreadPoolExecutor(2) as pool:
        again = ask(far, [f"item {i}" for i in range(60)], concurrency=4, executor=pool)
    assert again.tally.remembered >= done > 0
    assert [f"item {i}" in reply for i, reply in enumerate(again)] == [True] * 60
    assert max(Counter(far.prompts()).values()) <= 2


def test_what_is_known_already_goes_to_no_worker_however_much_it_is(far):
    executor = Dying()
    options = {"concurrency": 1, "executor": executor, "workers": 1, "cache": True}
    ask(far, ["a", "b"], **options)
    again = ask(far, ["a", "b"] * 200 + ["c"], **options)
    assert (len(again), again.tally.remembered, again.tally.errors) == (401, 400, 0)
    assert len(executor.chunks) == 2
    assert far.prompts()[-1] == "c"


# -- workers that die --------------------------------------------------------------------------


def kills_at(number, count, pid):
    for item in range(count):
        if item == number:
            os.kill(pid, signal.SIGKILL)
        yield f"item {item}"


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_the_chunk_of_a_dask_worker_that_dies_is_done_again(far, dask):
    far.portal.takes(0.02)
    victim = next(iter(dask.run(os.getpid).values()))
    executor = dask.get_executor()
    replies = ask(far, kills_at(30, 80, victim), "Say {item}.", concurrency=4, executor=executor)
    assert [f"item {i}." in reply for i, reply in enumerate(replies)] == [True] * 80
    assert max(Counter(far.prompts()).values()) <= 2


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_the_chunk_of_an_engine_that_dies_is_done_again(far, engines):
    far.portal.takes(0.02)
    executor = engines.executor()
    victim = engines[engines.ids[0]].apply_sync(os.getpid)
    replies = ask(far, kills_at(30, 80, victim), "Say {item}.", concurrency=4, executor=executor)
    assert [f"item {i}." in reply for i, reply in enumerate(replies)] == [True] * 80
    assert max(Counter(far.prompts()).values()) <= 2


class Dying:
    """An executor whose workers die over the chunks of the numbers given; the others are carried out."""

    def __init__(self, *deaths):
        self.deaths = deaths
        self.chunks = []

    def submit(self, fn, chunk):
        self.chunks.append(chunk)
        future = Future()
        if len(self.chunks) in self.deaths:
            future.set_exception(RuntimeError("the worker is gone"))
        else:
            future.set_result(fn(chunk))
        return future


def test_an_item_that_every_worker_dies_over_fails_alone(far):
    executor = Dying(2, 3, 4)
    replies = ask(far, [str(i) for i in range(12)], concurrency=1, executor=executor, workers=1)
    failed = [r for r in replies if isinstance(r, ServiceUnavailable)]
    assert len(failed) == 4
    assert "3 workers ended over it" in str(failed[0])
    assert len(set(far.prompts())) == 8


def test_workers_that_can_do_nothing_at_all_end_the_batch(far):
    with pytest.raises(ServiceUnavailable, match="RuntimeError: the worker is gone") as caught:
        ask(far, ["a", "b"], executor=Dying(*range(1, 99)))
    assert "installed" in caught.value.hint
    assert far.prompts() == []


def test_an_executor_that_takes_no_more_work_ends_the_batch(far):
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(ServiceUnavailable, match="cannot schedule new futures"):
        ask(far, ["a", "b"], executor=pool)


# -- the limits are shared ---------------------------------------------------------------------


def test_each_chunk_has_its_share_of_the_limits_and_what_the_last_one_learned(far):
    executor = Dying()
    options = {"concurrency": 8, "requests_per_minute": 6000, "tokens_per_minute": 4e6}
    ask(far, [str(i) for i in range(40)], executor=executor, workers=4, **options)
    assert {c.limits for c in executor.chunks} == {Limits(2, 1500, 1e6)}
    assert executor.chunks[0].window is None
    assert executor.chunks[-1].window == 2
    assert len({c.number for c in executor.chunks}) == len(executor.chunks) == 5


def test_what_a_chunk_has_used_up_of_the_limits_the_next_one_waits_for(far):
    executor = Dying()
    ask(far, list("abcde"), executor=executor, workers=1, concurrency=1, requests_per_minute=600)
    assert [len(c.requests) for c in executor.chunks] == [4, 1]
    assert executor.chunks[0].rest == 0
    assert 0 < executor.chunks[1].rest <= 0.4


@pytest.mark.parametrize(
    ("limits", "size"),
    [
        (Limits(1), 4),
        (Limits(16), 64),
        (Limits(500), 200),
        (Limits(16, 60), 15),
        (Limits(16, 0.5), 1),
    ],
)
def test_a_chunk_is_some_rounds_or_some_seconds_of_work(limits, size):
    assert chunk_size(limits) == size


def test_a_few_items_are_shared_out_among_all_workers(far):
    executor = Dying()
    ask(far, [str(i) for i in range(10)], executor=executor, workers=4)
    assert [len(c.requests) for c in executor.chunks] == [3, 3, 3, 1]


def test_an_executor_that_does_not_tell_its_workers_gets_a_few():
    assert workers_of(object()) == 4


# -- the login travels in memory only ------------------------------------------------------------


def chunk(**changes):
    fields = {
        "number": "1", "url": "http://127.0.0.1:9/v1/chat/completions", "name": "qwen-portal", "model": "a/b",
        "dialect": PORTAL, "wrong_key": "", "login": Handover(Secret(TOKEN)), "limits": Limits(1),
        "window": None, "requests": (ChatRequest("m", (Message("user", "my secret prompt"),)),),
    }  # fmt: skip
    return Chunk(**(fields | changes))


def test_a_chunk_shows_neither_the_login_nor_a_prompt():
    for shown in (repr(chunk()), str(chunk()), f"{chunk()}", repr(chunk().login), str(chunk().login)):
        assert TOKEN not in shown
        assert "prompt" not in shown


def test_a_chunk_arrives_with_its_login_and_a_secret_alone_is_never_pickled():
    arrived = pickle.loads(pickle.dumps(chunk()))
    assert arrived.login.secret() == Secret(TOKEN)
    assert arrived.requests == chunk().requests
    with pytest.raises(TypeError):
        pickle.dumps(Secret(TOKEN))


@pytest.mark.parametrize(
    "came",
    [
        Reply("text", usage=Usage(1, 2), model="a/b", reasoning="r", seconds=1.5),
        RequestRejected("no", status=400, code="bad", request_id="r", hint="h"),
        RateLimited("slow", retry_after=3.0),
        SchemaMismatch("no", reply=Reply("x")),
    ],
)
def test_what_comes_back_is_what_was_sent_back(came):
    back = pickle.loads(pickle.dumps(Returned((came,), None, 1.0, 0))).came[0]
    assert type(back) is type(came)
    assert str(back) == str(came)
    assert vars(back) == vars(came)


def test_nothing_a_worker_sends_back_holds_the_login(far):
    far.portal.fails_next("completions", 400, {"error": {"message": f"not with {TOKEN}"}})
    returned = carry_out(chunk(url=f"{far.origin}/v1/chat/completions"))
    assert isinstance(returned.came[0], RequestRejected)
    assert TOKEN.encode() not in pickle.dumps(returned)


def environment_of_worker():
    return dict(os.environ)


def test_no_cluster_writes_the_login_anywhere(far, dask, engines, cluster_home):
    for executor in (dask.get_executor(), engines.executor()):
        ask(far, [f"item {i}" for i in range(20)], concurrency=4, executor=executor)
    far.portal.fails_next("completions", 400, {"error": {"message": "broken"}}, times=None)
    with pytest.raises(RequestRejected):
        ask(far, ["a"] * 30, concurrency=2, executor=dask.get_executor())
    (token,) = far.tokens()
    secret = token.encode()
    files = [path for path in cluster_home.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if secret in path.read_bytes()]
    environments = [*dask.run(environment_of_worker).values(), *engines[:].apply_sync(environment_of_worker)]
    assert token not in repr(environments)
    assert token not in repr([dask.get_worker_logs(), dask.get_scheduler_logs()])
