"""What a client writes down of its requests, and which answers it need not ask for again.

Joins the client with the journal, which is opened at the first use: a plain question has been answered and shown by
then. Nothing in here keeps a question from being answered.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_ipython.dispatch.send import Sent

if TYPE_CHECKING:
    from openclaw_ipython.chat.types import ChatEvent, ChatRequest
    from openclaw_ipython.dispatch.failover import Question
    from openclaw_ipython.dispatch.resolve import Questions
    from openclaw_ipython.journal.cache import AnswerCache
    from openclaw_ipython.journal.journal import Journal
    from openclaw_ipython.journal.writer import WriteBehindQueue
    from openclaw_ipython.providers import Providers
    from openclaw_ipython.providers.spec import Quota

NEAR = 0.9
"""The part of a limit from which on the reader is told."""

DAY = 86_400.0


class Keeping:
    """What is kept, looked at before each question: it may be changed at any time.

    `journal`: usage, conversations and resumable jobs; `cache`: answers, in the journal or in `cache_file`, a file that
    can be passed on. `daily_limit` is how many requests a day the person's plan allows to one provider, 0 for none.
    """

    def __init__(self, *, journal: bool = True, cache: bool | str | os.PathLike[str] = False) -> None:
        self.journal = journal
        self.cache = bool(cache)
        self.cache_file = None if isinstance(cache, bool) else Path(cache).expanduser()
        self.daily_limit = 0

    def follow_notebook(self) -> None:
        """Take over the preferences of the notebook this runs in, if it runs in one that loaded the extension."""
        ipython = sys.modules.get("IPython")
        shell = ipython.get_ipython() if ipython is not None else None
        options = getattr(shell, "_openclaw_ipython", None)
        if options is not None:
            self.follow(options)

    def follow(self, options: Any) -> None:
        """Take over a notebook's preferences: `journal`, `cache`, `cache_file`, `daily_limit`."""
        self.journal, self.cache, self.daily_limit = options.journal, options.cache, options.daily_limit
        self.cache_file = Path(options.cache_file).expanduser() if options.cache_file else None


class Bookkeeping:
    """The books of one client. `path` is the journal's; `clock` is epoch seconds."""

    def __init__(
        self, path: Path, keeping: Keeping, providers: Providers, clock: Callable[[], float]
    ) -> None:
        self._path = path
        self.keeping = keeping
        self._providers = providers
        self._clock = clock
        self._journal: Journal | None = None
        self._behind: WriteBehindQueue[Sent] | None = None
        self._portable: tuple[Path, AnswerCache] | None = None
        self._near: dict[str, str] = {}

    @property
    def opened(self) -> bool:
        """Whether there may be anything to write or to let go of."""
        return any(part is not None for part in (self._behind, self._journal, self._portable))

    @property
    def journal(self) -> Journal:
        """The journal of this home. Opening it here reads and writes nothing yet."""
        if self._journal is None:
            from openclaw_ipython.journal.journal import Journal

            self._journal = Journal(self._path, clock=self._clock, enabled=lambda: self.keeping.journal)
        return self._journal

    @property
    def answers(self) -> AnswerCache:
        """The answers that are kept: in the file that was named, else in the journal."""
        path = self.keeping.cache_file
        if path is None:
            return self.journal.cache
        if self._portable is None or self._portable[0] != path:
            from openclaw_ipython.journal.journal import portable_cache

            self._let_go()
            self._portable = (path, portable_cache(path, self._clock))
        return self._portable[1]

    def question(
        self, cache: bool | None, questions: Questions, word: str | None, request: ChatRequest
    ) -> Question:
        """The question to the model that `word` stands for, with the answer to it where one is kept and will do."""
        if not (self.keeping.cache if cache is None else cache):
            return questions.to(word, request)
        from openclaw_ipython.dispatch.cache import from_cache

        ref = questions.meant(word, request)
        return from_cache(ref, request, self.answers, lambda: questions.to(word, request))

    def answer(
        self, question: Question, deliver: Callable[[Question], AsyncGenerator[ChatEvent, None]]
    ) -> AsyncGenerator[ChatEvent, None]:
        """What answers a question: what is kept, or what `deliver` brings, which is kept if it may be."""
        if not question.key:
            return deliver(question)
        from openclaw_ipython.dispatch.cache import keeping, replayed

        if question.kept is None:
            return keeping(question, deliver(question), self.answers)
        self.note(Sent(question, self._clock(), 0.0, "cache"))
        return replayed(question)

    def note(self, sent: Sent) -> None:
        """Write one request down, a moment later. Returns at once."""
        if not self.keeping.journal:
            return
        if self._behind is None:
            from openclaw_ipython.journal.writer import WriteBehindQueue

            self._behind = WriteBehindQueue(self._write)
        self._behind.add(sent)

    def warnings(self, provider: str) -> list[str]:
        """What the person should know by the way: a limit of `provider` that comes near, a journal begun anew.

        As far as is known without looking anything up: it comes with the question after.
        """
        said = [near] if (near := self._near.get(provider)) else []
        if self._journal is not None:
            while self._journal.notices:
                said.append(self._journal.notices.pop(0))
        return said

    def quotas(self, provider: str) -> tuple[Quota, ...]:
        """The limits of a provider that are known: the service's own, and the person's."""
        known = self._providers.get(provider)
        quotas = known.quotas if known is not None else ()
        if self.keeping.daily_limit:
            from openclaw_ipython.providers.spec import Quota, Source

            quotas = (*quotas, Quota(self.keeping.daily_limit, DAY, Source("OpenClaw.daily_limit", "")))
        return quotas

    def flush(self) -> None:
        """Return when every request noted so far is written down."""
        if self._behind is not None:
            self._behind.flush()

    def close(self) -> None:
        """Write what is left, and let go of the files."""
        self.flush()
        self._let_go()
        if self._journal is not None:
            self._journal.close()

    def _let_go(self) -> None:
        if self._portable is not None:
            self._portable[1].close()

    def _write(self, sent: list[Sent]) -> None:
        from openclaw_ipython.journal.usage import UsageRecord

        rows = []
        for one in sent:
            question, usage = one.question, one.usage
            tokens = (
                (usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.reasoning_tokens)
                if usage is not None
                else (None, None, None, None)
            )
            rows.append(
                UsageRecord(
                    one.at, question.kind, question.ref.provider, str(question.ref), one.outcome, *tokens,
                    one.first_text, one.seconds, usage.cost if usage is not None else None,
                )
            )  # fmt: skip
        self.journal.usage.add(rows)
        for provider in {row.provider for row in rows}:
            self._look_at_limits(provider)

    def _look_at_limits(self, provider: str) -> None:
        self._near.pop(provider, None)
        for quota in self.quotas(provider):
            count = self.journal.usage.count(provider, self._clock() - quota.seconds)
            if count >= quota.requests * NEAR:
                self._near[provider] = near_text(provider, count, quota)
                return


def near_text(provider: str, count: int, quota: Quota) -> str:
    """The sentence about a limit that comes near."""
    from openclaw_ipython.i18n import _

    return _(
        "{count} of {limit} requests in {span} used ({provider})",
        count=count,
        limit=quota.requests,
        span=span_text(quota.seconds),
        provider=provider,
    )


def span_text(seconds: float) -> str:
    """`5 h`, `24 h`, `7 days`: the time a limit is counted over."""
    from openclaw_ipython.i18n import _

    if seconds <= 2 * DAY:
        return _("{hours} h", hours=round(seconds / 3600))
    return _("{days} days", days=round(seconds / DAY))
