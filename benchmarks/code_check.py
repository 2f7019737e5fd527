"""The processor time that the check of a cell takes: every right cell of the corpus, warm, in this process."""

from __future__ import annotations

import time


def available() -> bool:
    """Whether the libraries are installed that the corpus is about."""
    from importlib.util import find_spec

    return all(find_spec(name) is not None for name in ("matplotlib", "pandas", "polars", "sklearn"))


def milliseconds() -> tuple[float, float]:
    """The median and the 95th percentile, each cell checked once before."""
    import codecheck_corpus as corpus

    from openclaw_ipython.codecheck.checker import check

    names = corpus.namespace()
    cells = [cell.code for name in ("first_right", "second_right") for cell in corpus.cells(name)]
    taken = []
    for warm in (False, True):
        for code in cells:
            began = time.process_time()
            check(code, names)
            if warm:
                taken.append(1000 * (time.process_time() - began))
    taken.sort()
    return taken[len(taken) // 2], taken[len(taken) * 95 // 100]
