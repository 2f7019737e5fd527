"""MCP: the tool servers of OpenClaw and Qwen Code as a client, with the official SDK imported at its first use."""

from __future__ import annotations

import logging
from importlib.util import find_spec

from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _


def require_sdk() -> None:
    """Raise UsageError where the extra `mcp` is not installed. `mcp_types` is of the SDK since version 2.

    What the SDK reports about a server or a client, however much, is no output of a cell.
    """
    if any(find_spec(name) is None for name in ("mcp_types", "psutil")):
        raise UsageError(_("MCP servers need the package mcp"), hint="%pip install 'openclaw-ipython[mcp]'")
    logging.getLogger("mcp").setLevel(logging.CRITICAL)
