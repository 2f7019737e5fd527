"""`oc.compare` and `oc.filter`: which prompt and which model, measured on rows; and a yes-or-no question for each row.

`comparing` and `filtering` are the calls, `asking` what they share: questions by `oc.map`. `comparison` is a result;
`cascade` decides which model is asked. `estimates` has the statistics.
"""

from __future__ import annotations

from openclaw_ipython.evaluation.comparing import Judge, compare
from openclaw_ipython.evaluation.comparison import Comparison, Score
from openclaw_ipython.evaluation.filtering import Filtered
from openclaw_ipython.evaluation.filtering import filter_rows as filter  # noqa: A004 - its public name

__all__ = ["Comparison", "Filtered", "Judge", "Score", "compare", "filter"]
