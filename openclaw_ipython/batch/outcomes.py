"""What became of one item: an answer, or the error that stands in its place. Values; no I/O."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openclaw_ipython.chat.types import Reply, Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openclaw_ipython.chat.types import Message
    from openclaw_ipython.errors import OpenClawError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the item at `position`. With an `error` there is no answer, and the other fields say nothing.

    `remembered`: nothing was sent for it, since an earlier run had asked already.
    """

    position: int
    text: str = ""
    parsed: Any = None
    model: str = ""
    usage: Usage | None = None
    finish_reason: str = ""
    reasoning: str = ""
    seconds: float = 0.0
    error: OpenClawError | None = None
    remembered: bool = False

    @property
    def reply(self) -> Reply:
        """The answer as `ask` would have returned it."""
        return Reply(
            self.text,
            reasoning=self.reasoning,
            usage=self.usage,
            model=self.model,
            finish_reason=self.finish_reason,
            parsed=self.parsed,
            seconds=self.seconds,
        )


def outcome_of(position: int, reply: Reply, *, remembered: bool = False) -> Outcome:
    """An answer."""
    return Outcome(
        position,
        str(reply),
        reply.parsed,
        reply.model,
        reply.usage,
        reply.finish_reason,
        reply.reasoning,
        reply.seconds,
        remembered=remembered,
    )


# -- as it is kept in the journal ----------------------------------------------------------------


def kept(reply: Reply) -> dict[str, Any]:
    """A reply as a JSON value. What it was parsed to is left out: it is parsed again."""
    usage = reply.usage
    counts = [getattr(usage, name) for name in _COUNTS] if usage is not None else None
    return {
        "text": str(reply),
        "model": reply.model,
        "usage": counts,
        "finish": reply.finish_reason,
        "reasoning": reply.reasoning,
        "seconds": reply.seconds,
    }


_COUNTS = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")


def recalled(value: Any) -> Reply | None:
    """The reply that `kept` was made of; None for what is none."""
    match value:
        case {
            "text": str() as text,
            "model": str() as model,
            "finish": str() as finish,
            "reasoning": str() as reasoning,
            "seconds": int() | float() as seconds,
            "usage": [*counts] | (None as counts),
        }:
            usage = Usage(*(c if isinstance(c, int) else None for c in counts[:4])) if counts else None
            return Reply(
                text,
                model=model,
                finish_reason=finish,
                reasoning=reasoning,
                seconds=float(seconds),
                usage=usage,
            )
    return None


def job_key(shape: Mapping[str, Any]) -> str:
    """The name of a batch: the same for the same prompt, model and options, in any process."""
    text = json.dumps(shape, sort_keys=True, ensure_ascii=False, default=repr)
    return "map-" + hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def item_key(position: int, messages: Sequence[Message]) -> str:
    """The name of an item in its batch: where it stands and what is asked."""
    text = json.dumps([message.content for message in messages], ensure_ascii=False)
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
    return f"{position}-{digest}"
