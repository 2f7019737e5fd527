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
from openclaw_ipython.batch.rate_limit import Limits
from openclaw_ipython.batch.worker import Chunk, ChunkResult, CredentialEnvelope, run_chunk
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


def ask(remote, items, prompt="{item}", **options):
    return oc.map(items, prompt, client=remote.client, **{"progress": False, "table": False, **options})


def test_replies_of_chunks_are_in_the_order_of_the_items(remote, executor):
    replies = ask(
        remote, [f"item-{i:03d}" for i in range(60)], "Say {item}.", concurrency=8, executor=executor
    )
    assert [f"Say item-{i:03d}." in reply for i, reply in enumerate(replies)] == [True] * 60
    assert Counter(remote.prompts()) == Counter(f"Say item-{i:03d}." for i in range(60))
    assert replies[0].usage is not None
    assert workers_of(executor) == 2


def test_the_driver_refreshes_an_expired_token_and_sends_the_rest_of_the_chunk_again(remote, executor):
    def rows():
        for number in range(60):
            if number == 40:
                remote.portal.expires_tokens()
            yield f"item {number}"

    replies = ask(remote, rows(), concurrency=4, executor=executor)
    assert replies.tally.errors == 0
    assert Counter(remote.prompts()).keys() == {f"item {i}" for i in range(60)}
    assert len(remote.tokens()) == 2
    refreshes = [r for r in remote.portal.requests if b"grant_type=refresh_token" in r.body]
    assert len(refreshes) == 1


def test_a_login_that_cannot_be_refreshed_ends_the_batch(remote):
    remote.portal.expires_tokens().revokes_refresh()
    with ThreadPoolExecutor(2) as pool, pytest.raises(oc.AuthError):
        ask(remote, [str(i) for i in range(60)], concurrency=4, executor=pool)
    assert len(remote.prompts()) <= 8


def test_a_service_that_refuses_every_login_ends_the_batch(remote):
    remote.portal.fails_next("completions", 401, {"error": {"message": "no"}}, times=None)
    with ThreadPoolExecutor(2) as pool, pytest.raises(oc.AuthError):
        ask(remote, [str(i) for i in range(60)], concurrency=4, executor=pool)
    assert len(remote.prompts()) <= 16


def test_errors_are_values_and_workers_wait_after_too_many_requests(remote):
    remote.portal.fails_next("completions", 400, {"error": {"message": "no"}})
    remote.portal.fails_next(
        "completions", 429, {"error": {"code": "limit_requests"}}, {"retry-after-ms": "5"}
    )
    with ThreadPoolExecutor(1) as pool:
        replies = ask(remote, ["a", "b", "c"], concurrency=1, executor=pool)
    assert isinstance(replies[0], RequestRejected)
    assert [isinstance(reply, Reply) for reply in replies] == [False, True, True]


@dataclass
class Label:
    mood: str


def test_the_driver_validates_the_schema_and_asks_again_after_a_mismatch(remote):
    remote.portal.says("no json").says('{"mood": "a"}').says('{"mood": "b"}')
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        replies = ask(remote, ["x", "y"], concurrency=1, executor=pool, schema=Label)
    assert {reply.parsed.mood for reply in replies} == {"a", "b"}
    assert len(remote.prompts()) == 3


def test_cached_answers_need_no_login(remote):
    with ThreadPoolExecutor(1) as pool:
        ask(remote, ["a", "b"], executor=pool, cache=True)
        remote.home.auth_profiles.unlink()
        replies = ask(remote, ["a", "b"], executor=pool, cache=True)
        with pytest.raises(LoginRequired):
            ask(remote, ["a", "c"], executor=pool, cache=True)
    assert [f"```text\n{item}\n```" in reply for item, reply in zip("ab", replies, strict=True)] == [True] * 2
    assert len(remote.prompts()) == 2


def test_an_exhausted_quota_ends_the_batch_and_the_next_run_resumes(remote):
    remote.portal.says("one").says("two")

    def rows():
        for number in range(50):
            if number == 8:
                remote.portal.fails_next("completions", 402, {"error": {"message": "no money"}}, times=None)
            yield str(number)

    with ThreadPoolExecutor(1) as pool, pytest.raises(oc.ServiceError, match="the same call resumes"):
        ask(remote, rows(), concurrency=1, executor=pool, workers=1)
    remote.portal._failures.clear()
    with ThreadPoolExecutor(1) as pool:
        again = ask(remote, map(str, range(50)), concurrency=1, executor=pool)
    assert again.tally.remembered >= 4
    assert max(Counter(remote.prompts()).values()) <= 2


def test_an_interrupt_keeps_finished_items_and_the_same_call_resumes(remote):
    remote.portal.takes(0.02)

    def rows():
        for number in range(60):
            if number == 55:
                _thread.interrupt_main()
            yield f"item {number}"

    with ThreadPoolExecutor(2) as pool, pytest.raises(KeyboardInterrupt) as caught:
        ask(remote, rows(), concurrency=4, executor=pool)
    done = sum(reply is not None for reply in caught.value.results)
    with ThreadPoolExecutor(2) as pool:
        again = ask(remote, [f"item {i}" for i in range(60)], concurrency=4, executor=pool)
    assert again.tally.remembered >= done > 0
    assert [f"item {i}" in reply for i, reply in enumerate(again)] == [True] * 60
    assert max(Counter(remote.prompts()).values()) <= 2


def test_cached_items_are_never_sent_to_a_worker(remote):
    executor = FailingExecutor()
    options = {"concurrency": 1, "executor": executor, "workers": 1, "cache": True}
    ask(remote, ["a", "b"], **options)
    again = ask(remote, ["a", "b"] * 200 + ["c"], **options)
    assert (len(again), again.tally.remembered, again.tally.errors) == (401, 400, 0)
    assert len(executor.chunks) == 2
    assert remote.prompts()[-1] == "c"


# -- workers that fail -------------------------------------------------------------------------


def kills_at(number, count, pid):
    for item in range(count):
        if item == number:
            os.kill(pid, signal.SIGKILL)
        yield f"item {item}"


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_the_chunk_of_a_killed_dask_worker_is_sent_again(remote, dask):
    remote.portal.takes(0.02)
    victim = next(iter(dask.run(os.getpid).values()))
    executor = dask.get_executor()
    replies = ask(remote, kills_at(30, 80, victim), "Say {item}.", concurrency=4, executor=executor)
    assert [f"item {i}." in reply for i, reply in enumerate(replies)] == [True] * 80
    assert max(Counter(remote.prompts()).values()) <= 2


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_the_chunk_of_a_killed_ipyparallel_engine_is_sent_again(remote, engines):
    remote.portal.takes(0.02)
    executor = engines.executor()
    victim = engines[engines.ids[0]].apply_sync(os.getpid)
    replies = ask(remote, kills_at(30, 80, victim), "Say {item}.", concurrency=4, executor=executor)
    assert [f"item {i}." in reply for i, reply in enumerate(replies)] == [True] * 80
    assert max(Counter(remote.prompts()).values()) <= 2


class FailingExecutor:
    """An executor that runs chunks in place; the workers of the chunks with these numbers fail."""

    def __init__(self, *worker_failures):
        self.worker_failures = worker_failures
        self.chunks = []

    def submit(self, fn, chunk):
        self.chunks.append(chunk)
        future = Future()
        if len(self.chunks) in self.worker_failures:
            future.set_exception(RuntimeError("the worker is gone"))
        else:
            future.set_result(fn(chunk))
        return future


def test_an_item_fails_after_three_workers_have_ended_over_it(remote):
    executor = FailingExecutor(2, 3, 4)
    replies = ask(remote, [str(i) for i in range(12)], concurrency=1, executor=executor, workers=1)
    failed = [r for r in replies if isinstance(r, ServiceUnavailable)]
    assert len(failed) == 4
    assert "3 workers ended while they had this item" in str(failed[0])
    assert len(set(remote.prompts())) == 8


def test_a_batch_ends_when_no_worker_returns_anything(remote):
    with pytest.raises(ServiceUnavailable, match="RuntimeError: the worker is gone") as caught:
        ask(remote, ["a", "b"], executor=FailingExecutor(*range(1, 99)))
    assert "installed" in caught.value.hint
    assert remote.prompts() == []


def test_an_executor_that_was_shut_down_ends_the_batch(remote):
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(ServiceUnavailable, match="cannot schedule new futures"):
        ask(remote, ["a", "b"], executor=pool)


# -- the limits are shared ---------------------------------------------------------------------


def test_each_chunk_has_its_share_of_the_limits_and_the_window_of_the_previous_one(remote):
    executor = FailingExecutor()
    options = {"concurrency": 8, "requests_per_minute": 6000, "tokens_per_minute": 4e6}
    ask(remote, [str(i) for i in range(40)], executor=executor, workers=4, **options)
    assert {c.limits for c in executor.chunks} == {Limits(2, 1500, 1e6)}
    assert executor.chunks[0].window is None
    assert executor.chunks[-1].window == 2
    assert len({c.id for c in executor.chunks}) == len(executor.chunks) == 5


def test_a_chunk_waits_for_what_the_previous_one_used_of_the_limits(remote):
    executor = FailingExecutor()
    ask(remote, list("abcde"), executor=executor, workers=1, concurrency=1, requests_per_minute=600)
    assert [len(c.requests) for c in executor.chunks] == [4, 1]
    assert executor.chunks[0].delay == 0
    assert 0 < executor.chunks[1].delay <= 0.4


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
def test_the_size_of_a_chunk_follows_the_limits(limits, size):
    assert chunk_size(limits) == size


def test_few_items_are_divided_among_all_workers(remote):
    executor = FailingExecutor()
    ask(remote, [str(i) for i in range(10)], executor=executor, workers=4)
    assert [len(c.requests) for c in executor.chunks] == [3, 3, 3, 1]


def test_four_workers_are_assumed_for_an_unknown_executor():
    assert workers_of(object()) == 4


# -- the login travels in memory only ------------------------------------------------------------


def chunk(**changes):
    fields = {
        "id": "1", "url": "http://127.0.0.1:9/v1/chat/completions", "name": "qwen-portal", "model": "a/b",
        "dialect": PORTAL, "wrong_key": "", "login": CredentialEnvelope(TOKEN), "limits": Limits(1),
        "window": None, "requests": (ChatRequest("m", (Message("user", "my secret prompt"),)),),
    }  # fmt: skip
    return Chunk(**(fields | changes))


def test_the_repr_of_a_chunk_shows_neither_token_nor_prompt():
    for shown in (repr(chunk()), str(chunk()), f"{chunk()}", repr(chunk().login), str(chunk().login)):
        assert TOKEN not in shown
        assert "prompt" not in shown


def test_a_chunk_is_pickled_with_its_token_and_a_secret_alone_cannot_be():
    arrived = pickle.loads(pickle.dumps(chunk()))
    assert arrived.login == Secret(TOKEN)
    assert arrived.requests == chunk().requests
    with pytest.raises(TypeError):
        pickle.dumps(Secret(TOKEN))


@pytest.mark.parametrize(
    "result",
    [
        Reply("text", usage=Usage(1, 2), model="a/b", reasoning="r", seconds=1.5),
        RequestRejected("no", status=400, code="bad", request_id="r", hint="h"),
        RateLimited("slow", retry_after=3.0),
        SchemaMismatch("no", reply=Reply("x")),
    ],
)
def test_results_survive_pickling(result):
    back = pickle.loads(pickle.dumps(ChunkResult((result,), None, 1.0, 0))).results[0]
    assert type(back) is type(result)
    assert str(back) == str(result)
    assert vars(back) == vars(result)


def test_the_results_of_a_worker_do_not_contain_the_token(remote):
    remote.portal.fails_next("completions", 400, {"error": {"message": f"not with {TOKEN}"}})
    returned = run_chunk(chunk(url=f"{remote.origin}/v1/chat/completions"))
    assert isinstance(returned.results[0], RequestRejected)
    assert TOKEN.encode() not in pickle.dumps(returned)


def environment_of_worker():
    return dict(os.environ)


def test_no_cluster_writes_the_login_anywhere(remote, dask, engines, cluster_home):
    for executor in (dask.get_executor(), engines.executor()):
        ask(remote, [f"item {i}" for i in range(20)], concurrency=4, executor=executor)
    remote.portal.fails_next("completions", 400, {"error": {"message": "broken"}}, times=None)
    with pytest.raises(RequestRejected):
        ask(remote, ["a"] * 30, concurrency=2, executor=dask.get_executor())
    (token,) = remote.tokens()
    secret = token.encode()
    files = [path for path in cluster_home.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if secret in path.read_bytes()]
    environments = [*dask.run(environment_of_worker).values(), *engines[:].apply_sync(environment_of_worker)]
    assert token not in repr(environments)
    assert token not in repr([dask.get_worker_logs(), dask.get_scheduler_logs()])
