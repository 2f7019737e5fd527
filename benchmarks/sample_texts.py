"""Sample answers of any length: Markdown as models write it, always the same. Pure."""

from __future__ import annotations

from itertools import cycle

_SENTENCES = (
    "The mean of a column says little about its shape, so look at a histogram before a table.",
    "A join that grows the number of rows usually has **duplicate keys** on one of its sides.",
    "Call `groupby` once and keep the object; every aggregation on it reuses the same split.",
    "When two numbers disagree, the smaller script is the one to read first.",
    "An index is a promise about order, and a promise that nobody checks is *easily broken*.",
    "Missing values are data too: count them by column and by day, and plot the count.",
)
_LIST = "- read the first rows\n- check the types\n- count what is missing\n\n"
_TABLE = (
    "| column | type | missing |\n|---|---|---:|\n"
    "| day | date | 0 |\n| price | float | 12 |\n| city | text | 3 |\n\n"
)
_CODE = '''```python
def summary(frame, column):
    """Count, mean and spread of one column."""
    values = frame[column].dropna()
    return {"count": len(values), "mean": values.mean(), "spread": values.std()}
```

'''


def prose(size: int) -> str:
    """`size` characters of headings, paragraphs and lists."""
    return _filled(size, code=False)


def mixed(size: int) -> str:
    """`size` characters, about half of them code and tables."""
    return _filled(size, code=True)


def _filled(size: int, *, code: bool) -> str:
    parts: list[str] = []
    length = 0
    sentences = cycle(_SENTENCES)
    for number in cycle(range(1, 1000)):
        section = [f"## Step {number}\n\n"]
        section += [" ".join(next(sentences) for _ in range(4)) + "\n\n" for _ in range(2)]
        section += [_CODE, _TABLE, _CODE] if code else [_LIST]
        parts += section
        length += sum(map(len, section))
        if length >= size:
            break
    return "".join(parts)[:size]


def cut(text: str, size: int) -> tuple[str, ...]:
    """`text` in pieces of `size` characters."""
    return tuple(text[at : at + size] for at in range(0, len(text), size))
