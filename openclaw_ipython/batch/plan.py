"""The plan of a batch: the requests of each item, and which model and login receive them. Sends nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field, structs

from openclaw_ipython.chat.types import Message
from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _
from openclaw_ipython.structured.loop import ModelRequest, tool_loop

if TYPE_CHECKING:
    from openclaw_ipython.batch.rows import PromptTemplate, Row
    from openclaw_ipython.chat.types import Reply
    from openclaw_ipython.client import Client
    from openclaw_ipython.context.image_encoding import EncodedImage
    from openclaw_ipython.dispatch.failover import ResolvedRequest
    from openclaw_ipython.structured.schema import Schema

_PLACEHOLDER_IMAGE = Message("user", ({"type": "image_url", "image_url": {"url": ""}},))
"""Makes the choice of a model take images into account when the first row has none. It is never sent."""


class ImageReader:
    """Reads the images of rows from a column, or by a function. `missing` are the positions of rows without any."""

    def __init__(self, source: str | Callable[[Any], Any]) -> None:
        self.column = source if isinstance(source, str) else ""
        self.missing: set[int] = set()
        self._source = source

    def __call__(self, row: Row) -> tuple[EncodedImage, ...]:
        """The images of a row. Raises UsageError."""
        from openclaw_ipython.context.image_encoding import STANDARD
        from openclaw_ipython.context.images import images_of

        if not callable(self._source) and self._source not in row.names:
            what = _("no column {name} for the images", name=self._source)
            raise UsageError(what, suggestions=tuple(row.names))
        found = self._source(row.item) if callable(self._source) else row.names[self._source]
        if found is None or (isinstance(found, float) and found != found):  # noqa: PLR0124
            self.missing.add(row.position)
            return ()
        several = isinstance(found, Sequence) and not isinstance(found, (str, bytes))
        return tuple(images_of(list(found) if several else [found], STANDARD))


class Plan(Struct, frozen=True, eq=False):
    """What a batch asks. `options` are those of `Client.resolve`."""

    prompt: PromptTemplate
    model: str | None = None
    system: str | None = None
    schema: Schema | None = None
    images: ImageReader | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def messages(self, row: Row) -> tuple[Message, ...]:
        """The messages for one row. Raises UsageError for an image that cannot be read."""
        text = self.prompt.fill(row.names)
        content: Any = text
        if self.images is not None:
            from openclaw_ipython.context.image_encoding import message_content

            content = message_content(text, self.images(row))
        turn = (Message("user", content),)
        return (Message("system", self.system), *turn) if self.system else turn

    def resolve(
        self, client: Client, first: ModelRequest, *, shared: str | None = None, cache: bool = False
    ) -> ResolvedRequest:
        """Resolve model and login for the whole batch, from its first request. Raises what `Client.resolve` raises.

        `shared` is that of `ChatRequest`. With `cache`, a request whose answer is cached needs no login.
        """
        stream = self.options.get("thinking") not in (None, "off")  # some hosts think only while they stream
        messages = first.messages
        if self.images is not None and not cache:
            messages = (*messages, _PLACEHOLDER_IMAGE)
        resolved = client.resolve(
            messages, model=self.model, stream=stream, answer_schema=first.schema, cache=cache,
            **self.options,
        )  # fmt: skip
        chosen, *others = (
            structs.replace(
                route, kind="map", unadapted=structs.replace(route.unadapted or route.request, shared=shared)
            )
            for route in (resolved, *resolved.alternatives)
        )
        return structs.replace(chosen, alternatives=tuple(others))

    def key(self, route: ResolvedRequest) -> str:
        """The key of this batch in the journal: equal calls have equal keys, in any process."""
        return job_key(
            {
                "prompt": self.prompt.text,
                "model": str(route.requested_model),
                "system": self.system,
                "schema": self.schema.for_request if self.schema is not None else None,
                "images": self.images.column if self.images is not None else "",
                **self.options,
            }
        )


class Item:
    """One item in progress. `request` is the next one to send; `sent` tells whether any was sent.

    `worker_failures` counts the workers that ended while they had this item, `replies` what was received.
    """

    __slots__ = ("_steps", "key", "replies", "request", "row", "sent", "worker_failures")

    def __init__(self, plan: Plan, row: Row) -> None:
        messages = plan.messages(row)
        self.row = row
        self.replies = 0
        self.key = item_key(row.position, messages)
        self.worker_failures = 0
        self.sent = False
        self._steps = tool_loop(messages, plan.schema)
        self.request = self._next(None)

    @property
    def id(self) -> str:
        """The key of `request`: that of the item, with a number after the first one."""
        return f"{self.key}-{self.replies + 1}" if self.replies else self.key

    def receive(self, reply: Reply) -> Reply | None:
        """Take a reply: returns the final one, or None when `request` is to be sent next. Raises SchemaMismatch."""
        self.replies += 1
        try:
            self.request = self._next(reply)
        except StopIteration as end:
            final: Reply = end.value
            return final
        return None

    def _next(self, reply: Reply | None) -> ModelRequest:
        step = self._steps.send(reply)
        assert isinstance(step, ModelRequest)  # a batch offers no functions  # noqa: S101
        return step


def job_key(shape: Mapping[str, Any]) -> str:
    """A key of the prompt, model and options of a batch."""
    return "map-" + _digest(json.dumps(shape, sort_keys=True, ensure_ascii=False, default=repr), 16)


def item_key(position: int, messages: Sequence[Message]) -> str:
    """A key of the position and the messages of an item."""
    return (
        f"{position}-{_digest(json.dumps([message.content for message in messages], ensure_ascii=False), 12)}"
    )


def _digest(text: str, size: int) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).hexdigest()
