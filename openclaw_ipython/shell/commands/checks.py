"""What the commands that look around report: probes, a scan, a check-up; as JSON objects and as views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from openclaw_ipython.diagnostics.probe import MAX_TOKENS, SECONDS, Probed
from openclaw_ipython.shell.views import MessageView, TableView, View

if TYPE_CHECKING:
    from openclaw_ipython.diagnostics.checks import Finding
    from openclaw_ipython.diagnostics.scan import Found
    from openclaw_ipython.shell.session import Session

_MARKS = {"error": "✗", "warning": "!", "note": "·"}


def probes(session: Session) -> dict[str, Any]:
    """`auth.probes` of `models status --json`, with OpenClaw's field names. Sends one tiny question per login."""
    started = session.monotonic()
    rows = session.bridge.run(session.client.upkeep.probe())
    return {
        "durationMs": round((session.monotonic() - started) * 1000),
        "totalTargets": len(rows),
        "options": {"timeoutMs": int(SECONDS * 1000), "maxTokens": MAX_TOKENS},
        "results": [_probe(row) for row in rows],
    }


def probes_view(report: dict[str, Any]) -> View:
    """The probes for people: a row for each login."""
    rows = [
        (
            row["label"],
            row.get("model", ""),
            row["status"],
            f"{row['latencyMs']} ms" if "latencyMs" in row else "",
            row.get("error", ""),
        )
        for row in report["results"]
    ]
    return TableView(
        ("Login", "Model", "Result", "Time", "Error"), rows, "there is no login to try", "%openclaw login"
    )


def scan(found: Sequence[Found]) -> dict[str, Any]:
    """`models scan` as a JSON object."""
    return {
        "found": [
            {
                "kind": row.kind,
                "name": row.name,
                "provider": row.provider or None,
                "models": list(row.models),
                "detail": row.detail,
                "command": row.command,
            }
            for row in found
        ]
    }


def scan_view(found: Sequence[Found]) -> View:
    """The scan for people."""
    rows = [(row.kind, row.name, row.detail, row.command) for row in found]
    return TableView(("What", "Where", "Found", "To use it"), rows, "nothing was found", "%openclaw login")


def findings(found: Sequence[Finding]) -> dict[str, Any]:
    """`doctor` as a JSON object: `ok` when nothing but notes was found."""
    return {
        "ok": all(row.severity == "note" for row in found),
        "findings": [
            {
                "check": row.check,
                "severity": row.severity,
                "what": row.what,
                "where": row.where,
                "fix": row.fix or None,
            }
            for row in found
        ],
    }


def findings_view(found: Sequence[Finding]) -> View:
    """The check-up for people: one line when all is fine."""
    if all(row.severity == "note" for row in found):
        return MessageView("Everything is fine", details=tuple(map(_note, found)))
    rows = [(_MARKS[row.severity], row.where, row.what, row.fix) for row in found]
    return TableView(("", "Where", "What", "To mend it"), rows)


def _note(row: Finding) -> str:
    act = f"; to use it: {row.fix}" if row.fix.startswith("%") else ""
    return f"{row.where}: {row.what}{act}"


def _probe(row: Probed) -> dict[str, Any]:
    fields = {
        "provider": row.provider,
        "model": row.model,
        "profileId": row.profile_id,
        "label": row.label,
        "source": row.source,
        "mode": row.mode,
        "status": row.status,
        "error": row.error,
        "latencyMs": row.latency_ms,
    }
    return {key: value for key, value in fields.items() if value is not None}
