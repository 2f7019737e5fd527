"""The approval pages. Pure; every value is escaped here.

There is one style sheet, which the content security policy allows by its hash, no script, and no external resource.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from openclaw_ipython.practice.http_types import HttpResponse, html_response

if TYPE_CHECKING:
    from openclaw_ipython.practice.oauth import AuthorizationStatus

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2030; --soft: #5b6275; --paper: #f4f5f9; --card: #ffffff;
  --line: #dfe2ea; --accent: #5b4bdb; --on-accent: #ffffff; --note: #fff4d6; --note-ink: #5c4400; }
@media (prefers-color-scheme: dark) { :root { --ink: #eceef5; --soft: #a3a9bb; --paper: #14161d;
  --card: #1e212b; --line: #343948; --accent: #a79bff; --on-accent: #16122f; --note: #3a3011;
  --note-ink: #ffe2a0; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: flex; flex-direction: column; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
.note { margin: 0; padding: .6rem 1rem; text-align: center; background: var(--note); color: var(--note-ink); }
main { margin: auto; padding: 1.5rem 1rem; width: 100%; max-width: 30rem; }
.card { padding: 2rem; background: var(--card); border: 1px solid var(--line); border-radius: 16px; }
h1 { margin: 0 0 .75rem; font-size: 1.4rem; line-height: 1.25; }
p { margin: 0 0 1rem; overflow-wrap: anywhere; }
.soft { margin: 1.25rem 0 0; color: var(--soft); font-size: .9rem; }
.code { margin: 1.25rem 0; padding: .8rem; text-align: center; border: 1px dashed var(--line);
  border-radius: 12px; font: 600 1.9rem/1.2 ui-monospace, monospace; letter-spacing: .12em; user-select: all; }
.row { display: flex; gap: .75rem; flex-wrap: wrap; }
button, input { font: inherit; padding: .8rem 1rem; border-radius: 10px; border: 1px solid var(--line);
  background: transparent; color: inherit; flex: 1 1 9rem; min-width: 0; }
button { font-weight: 600; cursor: pointer; }
button.yes { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
button:focus-visible, input:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
input { text-transform: uppercase; letter-spacing: .08em; }
"""

NOTE = "Practice portal: not a real service, no account needed."

_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # "no-referrer" would turn the form's Origin header into "null"
    "cross-origin-opener-policy": "same-origin",
}


def _page(status: int, title: str, content: str) -> HttpResponse:
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)} · practice portal</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f'<p class="note" role="note">{NOTE}</p>\n'
        f'<main><div class="card">\n<h1>{escape(title)}</h1>\n{content}\n</div></main>\n</body>\n</html>\n'
    )
    return html_response(status, page, _HEADERS)


def code_page(*, status: int = 200, title: str = "Enter your code", reason: str = "") -> HttpResponse:
    """A page with a field for the code."""
    content = (
        f"<p>{escape(reason or 'The notebook shows a code of eight letters. Type it here.')}</p>\n"
        '<form method="get" action="/authorize"><div class="row">\n'
        '<input name="user_code" aria-label="Code" placeholder="ABCD-EFGH" maxlength="16" required '
        'autofocus autocomplete="off" spellcheck="false">\n'
        '<button class="yes">Continue</button>\n</div></form>'
    )
    return _page(status, title, content)


def approval_page(
    *, user_code: str, client_name: str, scopes: Sequence[str], csrf_token: str
) -> HttpResponse:
    """The page with *Approve* and *Deny*; its form returns `csrf_token`."""
    content = (
        f"<p><strong>{escape(client_name)}</strong> asks to sign in.</p>\n"
        "<p>Approve only if your notebook shows the same code:</p>\n"
        f'<div class="code">{escape(user_code)}</div>\n'
        '<form method="post" action="/authorize">\n'
        f'<input type="hidden" name="user_code" value="{escape(user_code)}">\n'
        f'<input type="hidden" name="csrf_token" value="{escape(csrf_token)}">\n'
        '<div class="row">\n<button class="yes" name="decision" value="approve">Approve</button>\n'
        '<button name="decision" value="deny">Deny</button>\n</div>\n</form>\n'
        f'<p class="soft">It asks for: {escape(", ".join(scopes))}. '
        "Here that means practice answers only.</p>"
    )
    return _page(200, "Sign in to the practice portal?", content)


def decision_page(*, approved: bool) -> HttpResponse:
    """The page after a decision."""
    if approved:
        text = "<p>The notebook is being signed in. You can close this page and go back to it.</p>"
        return _page(200, "Approved", text)
    return _page(200, "Denied", "<p>Nobody was signed in. You can close this page.</p>")


_CLOSED: dict[AuthorizationStatus, tuple[int, str, str]] = {
    "expired": (410, "This code has expired", "Start the sign-in again in your notebook for a new code."),
    "used": (410, "This code was already used", "The notebook is signed in. You can close this page."),
    "approved": (200, "Already approved", "The notebook is being signed in. You can close this page."),
    "denied": (200, "Already denied", "Start the sign-in again in your notebook if you meant to approve."),
}


def closed_page(state: AuthorizationStatus) -> HttpResponse:
    """The page of a code that is not pending."""
    status, title, text = _CLOSED[state]
    return _page(status, title, f"<p>{escape(text)}</p>")


def unknown_code_page() -> HttpResponse:
    """The page of an unknown code, with a field to type it again."""
    return code_page(
        status=404, title="Unknown code", reason="No sign-in is waiting under that code. Type it again."
    )


def rejected_form_page() -> HttpResponse:
    """The page after a form without a valid token."""
    text = "This answer did not come from the approval page. Open the link of your notebook again."
    return _page(403, "Not accepted", f"<p>{escape(text)}</p>")
