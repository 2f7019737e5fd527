"""Which batch interface a service has, with its limits. Pure.

From the services' documentation, read 2026-11-29: Model Studio help ("Batch Chat", "OpenAI-compatible Batch"), OpenAI,
Groq, Together and OpenRouter ("Batch API Quickstart", API reference).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, cast, get_args
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _

if TYPE_CHECKING:
    from openclaw_ipython.providers.spec import Price

Form = Literal["chat", "files", "inline"]
"""One request a row to a host of its own; a file of rows; all rows in the body of one request."""


class BatchService(Struct, frozen=True):
    """The batch interface of a service.

    `host` is that of the form `chat`. `window` is the time the service may take, `purpose` and `label` are its words
    for the purpose of a file and for the metadata with the name of a batch. `max_rows`, `max_bytes` and `max_row_bytes`
    limit a batch, `poll` is the shortest time between two looks at it in seconds. `share` is the part of the price in
    real time. `lists_by_file`: batches are listed by their file. `known`: it is in the table; another host is tried.
    """

    form: Form = "files"
    host: str = ""
    window: str = "24h"
    purpose: str = "batch"
    label: str = "oc_key"
    max_rows: int = 50_000
    max_bytes: int = 100_000_000  # every service in the table takes as much
    max_row_bytes: int = 100_000_000
    poll: float = 15.0
    share: float = 0.5
    lists_by_file: bool = False
    known: bool = True

    def url(self, url: str) -> str:
        """The address of a row in the form `chat`, from that in real time."""
        return urlsplit(url)._replace(netloc=self.host).geturl() if self.host else url

    def price(self, price: Price | None) -> Price | None:
        """The price of a row. Prompt caches do not count here."""
        if price is None:
            return None
        names = ("input", "output", "above_input", "above_output")
        lower = {name: value * self.share for name in names if (value := getattr(price, name)) is not None}
        return replace(price, cache_read=None, cache_write=None, unmarked_read=None, **lower)


_DASHSCOPE = BatchService(label="ds_name", max_row_bytes=6_000_000, poll=60.0, lists_by_file=True)
_SERVICES = (
    (r"dashscope\.aliyuncs\.com", replace(_DASHSCOPE, form="chat", host="batch.dashscope.aliyuncs.com")),
    (r"dashscope-intl\.aliyuncs\.com", _DASHSCOPE),
    (r"(?!token-plan)[\w-]+\.(cn-beijing|ap-southeast-1)\.maas\.aliyuncs\.com", _DASHSCOPE),
    (r"(\w+\.)?openrouter\.ai", BatchService("inline", poll=60.0)),
    (r"api\.together\.(xyz|ai)", BatchService(purpose="batch-api", poll=45.0)),
    (r"api\.(openai|groq)\.com", BatchService()),
)


def batch_service(url: str, wanted: bool | str = True) -> BatchService:
    """The interface of the host of `url`; `wanted` may be the form to use there. Raises UsageError for another word."""
    host = urlsplit(url).hostname or ""
    found = next((service for pattern, service in _SERVICES if re.fullmatch(pattern, host)), None)
    service = found or BatchService(known=False)
    if isinstance(wanted, bool):
        return service
    if wanted not in get_args(Form):
        forms = ", ".join(f"'{form}'" for form in get_args(Form))
        raise UsageError(_("batch is True or one of {forms}", forms=forms), suggestions=get_args(Form))
    return replace(service, form=cast("Form", wanted))
