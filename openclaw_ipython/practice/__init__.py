"""The practice portal: a stand-in for the Qwen portal on this computer, for demos, docs and tests.

It speaks the portal's wire formats and refuses what the portal refuses. It is not a model, and every
answer says so. Nothing of the extension imports this room; it imports nothing of the extension but the
version. `wire` holds the values, `device` the sign-in, `checks`/`prompts`/`answers`/`completions` the
chat, `pages` what a browser shows, `script` the sentences that steer it, `portal` joins them, and
`server` and `transport` are its two doors.
"""

from openclaw_ipython.practice.portal import Portal
from openclaw_ipython.practice.wire import HangUp, Request

__all__ = ["HangUp", "Portal", "Request"]
