"""`--dry-run`: what would be sent, and to whom. Nothing is."""

from __future__ import annotations

import html
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from openclaw_ipython.chat import token_estimate
from openclaw_ipython.chat.adjustments import AdjustedRequest
from openclaw_ipython.i18n import _
from openclaw_ipython.sanitize.html import html_code, html_text, preformatted
from openclaw_ipython.sanitize.text import safe_text, visible
from openclaw_ipython.shell.views import View

if TYPE_CHECKING:
    from openclaw_ipython.context.image_encoding import EncodedImage
    from openclaw_ipython.dispatch.failover import ResolvedRequest

_SHOWN = 20_000
"""Characters of one message that are shown."""


class DryRun(View, frozen=True):
    """Facts about a request, then its messages: role and text."""

    facts: Sequence[str]
    messages: Sequence[tuple[str, str]]

    def text(self) -> str:
        """The facts, then each message under its role."""
        parts = [safe_text("\n".join(self.facts))]
        parts += [f"--- {role} ---\n{safe_text(visible(text))}" for role, text in self.messages]
        return "\n\n".join(parts)

    def html(self) -> str:
        """The same; the messages as they are, in a frame."""
        facts = "".join(f"<div>{html_text(fact)}</div>" for fact in self.facts)
        frame = "white-space:pre-wrap;border-left:2px solid var(--jp-border-color2,#ccc);padding:0 0 0 8px;margin:4px 0"
        messages = "".join(
            f"<div><strong>{html.escape(role)}</strong></div>"
            f"{preformatted(html_code(visible(text)), style=frame)}"
            for role, text in self.messages
        )
        return f"<div>{facts}{messages}</div>"


def dry_run(
    request: ResolvedRequest, images: Sequence[EncodedImage], adjustments: Collection[str] = ()
) -> DryRun:
    """What `request` would send. `images` are those of its last message.

    `adjustments` are those that the host is remembered to need.
    """
    known = {image.url: image for image in images}
    chat = request.request
    sent = AdjustedRequest(chat, request.dialect.adjustments.union(adjustments))
    messages = [
        (message["role"], "\n".join(_shown(message.get("content") or "", known)))
        for message in sent.body["messages"]
    ]
    about = token_estimate.of_messages(chat.messages)
    about += sum(image.tokens - token_estimate.PICTURE for image in images)
    facts = [
        _("Nothing was sent."),
        _(
            "To {ref} at {host}, with {login}",
            ref=request.ref,
            host=urlsplit(request.url).netloc,
            login=request.credential.label,
        ),
        _("About {count} tokens; messages: {messages}", count=f"{about:,}", messages=len(messages)),
    ]
    usual = {"model", "messages", "stream", "stream_options"} - set(chat.extra)
    others = {name: value for name, value in sent.body.items() if name not in usual}
    if fields := json.dumps(others, ensure_ascii=False, default=repr)[1:-1]:
        facts.append(_("With {options}", options=fields))
    return DryRun([*facts, *request.notes, *sent.notes()], messages)


def _shown(content: str | Sequence[Mapping[str, Any]], known: Mapping[str, EncodedImage]) -> Iterator[str]:
    parts: Sequence[Mapping[str, Any]] = (
        [{"type": "text", "text": content}] if isinstance(content, str) else content
    )
    for part in parts:
        if part.get("type") == "text":
            text = str(part.get("text", ""))
            more = len(text) - _SHOWN
            yield f"{text[:_SHOWN]}… ({more:,} more characters)" if more > 0 else text
        else:
            image = known.get(part.get("image_url", {}).get("url", ""))
            yield f"[{image.note if image else part.get('type')}]"
