"""`oc.map`: one prompt for many items, at once, paced, resumable; here or on the workers of an executor.

`plan` is what is asked, `rows` and `templates` make the prompts, `pacing` says how fast, `asking` asks one, `here` and
`elsewhere` carry a batch out, `results` is what it comes to, `progress` what is seen of it meanwhile.
"""

from __future__ import annotations

from openclaw_ipython.batch.mapping import map_items as map  # noqa: A004 - the name it has for people: oc.map

__all__ = ["map"]
