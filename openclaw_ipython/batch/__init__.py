"""`oc.map`: one prompt for many items, concurrent, rate limited and resumable; in this process or on an executor.

`mapping` is the call, `rows` its input, `plan` the requests of each item, `checkpoint` earlier answers, `run` what the
runners share (`local`, `executor` with `worker`), `rate_limit` and `request` sending, `results` and `progress` output.
"""

from __future__ import annotations

from openclaw_ipython.batch.mapping import map_items as map  # noqa: A004 - its public name is oc.map

__all__ = ["map"]
