"""A base URL at which the service does not answer, and the one nearby at which it does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from openclaw_ipython.errors import RequestRejected
from openclaw_ipython.i18n import _
from openclaw_ipython.net.http import HttpClient, HTTPError, InvalidURL, read_capped
from openclaw_ipython.sanitize.text import json_value

if TYPE_CHECKING:
    from openclaw_ipython.chat.http_errors import ErrorDetails

NO_SUCH_PATH = frozenset({404, 405})
"""The statuses of a path that a server does not have."""

_PASTED = r"/(chat/completions|completions|chat|responses|embeddings|models)$"
_LOOK_SECONDS = 3.0


def is_wrong_path(status: int, details: ErrorDetails) -> bool:
    """Whether a refusal is about the path, not about the model."""
    about_model = details.code == "model_not_found" or re.search(r"\bmodel\b", details.message, re.I)
    return status in NO_SUCH_PATH and not about_model and "coding agents" not in details.message.lower()


def nearby(base_url: str) -> Iterator[str]:
    """The base URLs that may be meant: without a pasted path, with `/v1`, and `/v1` of the host alone."""
    base_url = base_url.rstrip("/")
    bare = re.sub(_PASTED, "", base_url)
    parts = urlsplit(base_url)
    for url in dict.fromkeys([bare, f"{bare}/v1", f"{parts.scheme}://{parts.netloc}/v1"]):
        if url != base_url:
            yield url


async def answering_base_url(http: HttpClient, base_url: str) -> str:
    """The first base URL near `base_url` that has a list of models, empty for none. No login is sent.

    A list that is refused without a login counts.
    """
    for url in nearby(base_url):
        try:
            async with aclosing(await http.send("GET", f"{url}/models", idle=_LOOK_SECONDS)) as response:
                body = await read_capped(response, 1024 * 1024, _LOOK_SECONDS)
        except (HTTPError, InvalidURL):
            continue
        answer = json_value(body)
        is_list = isinstance(answer, dict) and isinstance(answer.get("data"), list)
        if is_list if response.is_success else response.status_code in {401, 403}:
            return url
    return ""


def wrong_address(base_url: str, provider: str, answering: str, status: int, reason: str) -> RequestRejected:
    """The error for a base URL without the service; `answering` is what `answering_base_url` found."""
    if re.search(_PASTED, base_url):
        problem = _("the base URL ends with a path that is added to it")
    elif answering.endswith("/v1"):
        problem = _("the base URL lacks /v1")
    else:
        problem = _("is the base URL right?")
    return RequestRejected(
        _(
            "nothing is served below {base_url} ({status}: {reason}): {problem}",
            base_url=base_url,
            status=status,
            reason=reason,
            problem=problem,
        ),
        hint=f"%openclaw config set models.providers.{provider}.baseUrl {answering or 'https://…/v1'}",
        status=status,
    )
