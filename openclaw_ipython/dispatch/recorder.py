"""Records requests in the journal and answers them from the response cache.

The journal is opened at its first use, after a plain request has been answered. A journal that fails does not keep a
request from being answered.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_ipython.cell_errors import running_shell
from openclaw_ipython.chat.types import Usage
from openclaw_ipython.dispatch.send import SentRequest
from openclaw_ipython.i18n import _

if TYPE_CHECKING:
    from openclaw_ipython.chat.types import ChatEvent, ChatRequest
    from openclaw_ipython.dispatch.failover import ResolvedRequest
    from openclaw_ipython.dispatch.resolve import RequestResolver
    from openclaw_ipython.journal.answer_cache import AnswerCache
    from openclaw_ipython.journal.journal import Journal
    from openclaw_ipython.journal.writer import WriteBehindQueue
    from openclaw_ipython.providers import Providers
    from openclaw_ipython.providers.spec import Quota

NEAR = 0.9
"""The part of a limit from which on it is mentioned."""

DAY = 86_400.0


class RecordingOptions:
    """What is recorded; read before each request, so it may be changed at any time.

    `journal`: usage, conversations and resumable jobs. `cache`: answers, in the journal or in `cache_file`, a file that
    can be given to others. `daily_limit` is the number of requests a day that the user's plan allows to one provider,
    0 for no limit.
    """

    def __init__(self, *, journal: bool = True, cache: bool | str | os.PathLike[str] = False) -> None:
        self.journal = journal
        self.cache = bool(cache)
        self.cache_file = None if isinstance(cache, bool) else Path(cache).expanduser()
        self.daily_limit = 0

    def follow_notebook(self) -> None:
        """Take over the options of the notebook this runs in, if it has loaded the extension."""
        options = getattr(running_shell(), "_openclaw_ipython", None)
        if options is not None:
            self.follow(options)

    def follow(self, options: Any) -> None:
        """Take over a notebook's `journal`, `cache`, `cache_file` and `daily_limit`."""
        self.journal, self.cache, self.daily_limit = options.journal, options.cache, options.daily_limit
        self.cache_file = Path(options.cache_file).expanduser() if options.cache_file else None


class Recorder:
    """Records the requests of one client. `path` is the journal's; `clock` is epoch seconds.

    With `quiet` the answers of the client have no notices of the journal, as nothing of them is displayed.
    """

    def __init__(
        self, path: Path, options: RecordingOptions, providers: Providers, clock: Callable[[], float]
    ) -> None:
        self._path = path
        self.options = options
        self._providers = providers
        self._clock = clock
        self._queue: WriteBehindQueue[SentRequest] | None = None
        self._cache_file: tuple[Path, AnswerCache] | None = None
        self._near: dict[str, str] = {}
        self.quiet = False

    @property
    def opened(self) -> bool:
        """Whether there may be anything to write or to close."""
        return "journal" in vars(self) or self._queue is not None or self._cache_file is not None

    @cached_property
    def journal(self) -> Journal:
        """The journal of this home. Opening it here reads and writes nothing yet."""
        from openclaw_ipython.journal.journal import Journal

        return Journal(self._path, clock=self._clock, enabled=lambda: self.options.journal)

    @property
    def answers(self) -> AnswerCache:
        """The response cache: the file of the options, or else the journal."""
        path = self.options.cache_file
        if path is None:
            return self.journal.cache
        if self._cache_file is None or self._cache_file[0] != path:
            from openclaw_ipython.journal.journal import portable_cache

            self._close_cache_file()
            self._cache_file = (path, portable_cache(path, self._clock))
        return self._cache_file[1]

    def resolve(
        self, cache: bool | None, resolver: RequestResolver, model: str | None, request: ChatRequest
    ) -> ResolvedRequest:
        """The resolved request to `model`, with its cached answer if there is one and `cache` allows it."""
        if not (self.options.cache if cache is None else cache):
            return resolver.resolve(model, request)
        from openclaw_ipython.dispatch.cache import resolve_from_cache

        ref = resolver.requested_model(model, request)
        return resolve_from_cache(ref, request, self.answers, lambda: resolver.resolve(model, request))

    def answer(
        self,
        resolved: ResolvedRequest,
        send: Callable[[ResolvedRequest], AsyncGenerator[ChatEvent, None]],
    ) -> AsyncGenerator[ChatEvent, None]:
        """The cached answer, or what `send` yields, which is stored if `resolved` has a cache key."""
        if not resolved.cache_key:
            return send(resolved)
        from openclaw_ipython.dispatch.cache import replay, storing

        if resolved.cached_reply is None:
            return storing(resolved, send(resolved), self.answers)
        self.record(SentRequest(resolved, self._clock(), 0.0, "cache"))
        return replay(resolved)

    def record(self, sent: SentRequest) -> None:
        """Write one request to the journal, a moment later. Returns at once."""
        if not self.options.journal:
            return
        if self._queue is None:
            from openclaw_ipython.journal.writer import WriteBehindQueue

            self._queue = WriteBehindQueue(self._write)
        self._queue.add(sent)

    def warnings(self, provider: str) -> list[str]:
        """Notes for the next answer: a limit of `provider` that is near, a journal that was started anew.

        Reads nothing; a limit is noticed after a request was written, so its note comes with the next one.
        """
        near = self._near.get(provider)
        return [*([near] if near else []), *([] if self.quiet else self.notices())]

    def notices(self) -> list[str]:
        """What the journal has for the person; to be shown, as it is not returned again."""
        stand_ins = sys.modules.get("openclaw_ipython.journal.stand_in")  # loaded with the first journal
        notices: list[str] = stand_ins.stand_in_for(self._path).notices if stand_ins is not None else []
        found, notices[:] = list(notices), []
        return found

    def quotas(self, provider: str) -> tuple[Quota, ...]:
        """The known limits of a provider: the service's own, and that of the options."""
        known = self._providers.get(provider)
        quotas = known.quotas if known is not None else ()
        if self.options.daily_limit:
            from openclaw_ipython.providers.spec import Quota, Source

            quotas = (*quotas, Quota(self.options.daily_limit, DAY, Source("OpenClaw.daily_limit", "")))
        return quotas

    def flush(self) -> None:
        """Return when every request recorded so far is written."""
        if self._queue is not None:
            self._queue.flush()

    def close(self) -> None:
        """Write what is left and close the files."""
        self.flush()
        self._close_cache_file()
        if "journal" in vars(self):
            self.journal.close()

    def _close_cache_file(self) -> None:
        if self._cache_file is not None:
            self._cache_file[1].close()

    def _write(self, sent: list[SentRequest]) -> None:
        from openclaw_ipython.journal.usage import UsageRecord

        rows = []
        for one in sent:
            resolved, usage = one.resolved, one.usage or Usage()
            rows.append(
                UsageRecord(
                    one.at, resolved.kind, resolved.ref.provider, str(resolved.ref), one.outcome,
                    usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.reasoning_tokens,
                    one.first_text, one.seconds, usage.cost, usage.written_tokens, usage.upper_bound,
                )
            )  # fmt: skip
        self.journal.usage.add(rows)
        for provider in {row.provider for row in rows}:
            self._check_limits(provider)

    def _check_limits(self, provider: str) -> None:
        self._near.pop(provider, None)
        for quota in self.quotas(provider):
            count = self.journal.usage.count(provider, self._clock() - quota.seconds)
            if count >= quota.requests * NEAR:
                span = period_text(quota.seconds)
                self._near[provider] = _(
                    "{count} of {limit} requests in {span} used ({provider})",
                    count=count, limit=quota.requests, span=span, provider=provider,
                )  # fmt: skip
                return


def period_text(seconds: float) -> str:
    """`5 h`, `24 h`, `7 days`: the period of a limit."""
    if seconds <= 2 * DAY:
        return _("{hours} h", hours=round(seconds / 3600))
    return _("{days} days", days=round(seconds / DAY))
