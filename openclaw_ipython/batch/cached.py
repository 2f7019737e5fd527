"""The answer cache, for a batch: what was answered before is not asked again, wherever the rest is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from openclaw_ipython.dispatch.cache import keep, reply_of, shape_of
from openclaw_ipython.journal.cache import key_of

if TYPE_CHECKING:
    from openclaw_ipython.batch.plan import Ask
    from openclaw_ipython.chat.types import Reply
    from openclaw_ipython.dispatch.failover import Question
    from openclaw_ipython.journal.cache import Answers


class Cached:
    """The answers that are kept, by everything that shapes them."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def known(self, question: Question, ask: Ask) -> Reply | None:
        """The answer that was given to the same request before."""
        found = self._answers.get(_key(question, ask))
        return reply_of(found) if found is not None else None

    def keep(self, question: Question, ask: Ask, reply: Reply) -> None:
        """Keep an answer, if it is complete."""
        keep(replace(question, key=_key(question, ask), kept=None), reply, self._answers)


def _key(question: Question, ask: Ask) -> str:
    request = question.asked if question.asked is not None else question.request
    return key_of(shape_of(question.ref, replace(request, messages=ask.messages, schema=ask.schema)))
