"""What a batch came to: a sequence of replies and error values in the order of the items, and a table of them.

Answers are kept as small values; replies are made when one is looked at. pandas and polars are imported only to
make a table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, overload

from openclaw_ipython.i18n import _

if TYPE_CHECKING:
    from openclaw_ipython.batch.outcomes import Outcome
    from openclaw_ipython.batch.rows import Items
    from openclaw_ipython.chat.types import Reply
    from openclaw_ipython.errors import OpenClawError

Replaced = Callable[["OpenClawError", Any], Any]
"""What stands in the place of an answer that failed, given the error and the item."""


@dataclass(slots=True)
class Tally:
    """Sums over a batch. `cost` is US dollars where prices are known, else None. `asked` counts items of this run."""

    done: int = 0
    errors: int = 0
    remembered: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None

    def add(self, outcome: Outcome) -> None:
        """One more."""
        self.done += 1
        if outcome.error is not None:
            self.errors += 1
            return
        if outcome.remembered:
            self.remembered += 1
            return
        usage = outcome.usage
        if usage is not None:
            self.input_tokens += usage.input_tokens or 0
            self.output_tokens += usage.output_tokens or 0
            if usage.cost is not None:
                self.cost = (self.cost or 0.0) + usage.cost

    def summary(self, of: int | None = None) -> str:
        """In a line, for people."""
        answered = self.done - self.errors
        if of is None:
            parts = [_("{done:,} answered", done=answered)]
        else:
            parts = [_("{done:,} of {of:,} answered", done=answered, of=of)]
        if self.errors:
            parts.append(_("{count:,} failed", count=self.errors))
        if self.remembered:
            parts.append(_("{count:,} from an earlier run", count=self.remembered))
        if self.input_tokens or self.output_tokens:
            parts.append(
                _("{came_in:,} tokens in, {out:,} out", came_in=self.input_tokens, out=self.output_tokens)
            )
        if self.cost is not None:
            parts.append(f"${self.cost:.4g}")
        return " · ".join(parts)


class Results(Sequence[Any]):
    """Replies in the order of the items; an error stands where an item has no answer.

    `tally` has the sums, `errors` what failed by position, `notes` what happened by the way (who stood in, and why);
    `table()` makes a DataFrame. Of an interrupted batch,
    items that were not finished are None.
    """

    def __init__(self, items: Items, replaced: Replaced | None = None) -> None:
        self._items = items
        self._given: list[Any] = []  # items that could not be pulled a second time
        self._outcomes: list[Outcome | None] = []
        self._replaced = replaced
        self._instead: dict[int, Any] = {}  # what the function gave, which is called once for an error
        self.tally = Tally()
        self.notes: list[str] = []

    def add(self, outcome: Outcome, item: Any) -> None:
        """One more, in any order."""
        missing = outcome.position + 1 - len(self._outcomes)
        if missing > 0:
            self._outcomes += [None] * missing
        if self._items.columns is None:
            if missing > 0:
                self._given += [None] * missing
            self._given[outcome.position] = item
        self._outcomes[outcome.position] = outcome
        self.tally.add(outcome)

    def __len__(self) -> int:
        return len(self._outcomes)

    @overload
    def __getitem__(self, at: int) -> Any: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Any]: ...
    def __getitem__(self, at: int | slice) -> Any:
        if isinstance(at, slice):
            return [self._value(outcome) for outcome in self._outcomes[at]]
        return self._value(self._outcomes[at])

    def __iter__(self) -> Iterator[Any]:
        return map(self._value, self._outcomes)

    @property
    def errors(self) -> dict[int, OpenClawError]:
        """Position → what went wrong."""
        return {o.position: o.error for o in self._outcomes if o is not None and o.error is not None}

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.tally.summary(len(self))}>"

    def table(self, library: str = "pandas") -> Any:
        """The same as a DataFrame of pandas or polars.

        The item (or the columns it came with), then `answer`, or the fields of the schema, `error`, `model`,
        `tokens_in`, `tokens_out`, `cost` (US dollars, where prices are known) and `seconds`. Where a name is taken
        already, the later column gets a `_` behind it.
        """
        columns = self._columns()
        if library == "polars":
            polars = import_module("polars")
            given = self._polars_given(polars)
            taken = set(given.columns)
            ours = [
                polars.Series(_free(name, taken), values, strict=False) for name, values in columns.items()
            ]
            return given.with_columns(ours)
        pandas = import_module("pandas")
        given = self._pandas_given(pandas)
        taken = set(map(str, given.columns))
        ours = pandas.DataFrame(
            {_free(name, taken): values for name, values in columns.items()}, index=given.index
        )
        return pandas.concat([given, ours], axis=1)

    def _value(self, outcome: Outcome | None) -> Reply | OpenClawError | Any:
        if outcome is None:
            return None
        if outcome.error is not None:
            if self._replaced is None:
                return outcome.error
            at = outcome.position
            if at not in self._instead:
                self._instead[at] = self._replaced(outcome.error, self._item(at))
            return self._instead[at]
        return outcome.reply

    def _item(self, position: int) -> Any:
        if self._items.columns is None:
            return self._given[position]
        return dict(zip(self._items.columns, _row(self._items, position), strict=True))

    def _columns(self) -> dict[str, list[Any]]:
        outcomes = self._outcomes
        answers = [self._answer(o) for o in outcomes]
        columns = _spread(answers) or {"answer": answers}
        done = [o if o is not None and o.error is None else None for o in outcomes]
        ours: dict[str, list[Any]] = {
            "error": [_error_text(o) for o in outcomes],
            "model": [o.model if o else None for o in done],
            "tokens_in": [o.usage.input_tokens if o and o.usage else None for o in done],
            "tokens_out": [o.usage.output_tokens if o and o.usage else None for o in done],
            "cost": [o.usage.cost if o and o.usage else None for o in done],
            "seconds": [round(o.seconds, 3) if o else None for o in done],
        }
        if all(cost is None for cost in ours["cost"]):
            del ours["cost"]
        taken = set(columns)  # an answer may have a field of such a name
        return columns | {_free(name, taken): values for name, values in ours.items()}

    def _answer(self, outcome: Outcome | None) -> Any:
        if outcome is None:
            return None
        if outcome.error is not None:
            return self._value(outcome) if self._replaced is not None else None
        return outcome.parsed if outcome.parsed is not None else outcome.text

    def _pandas_given(self, pandas: Any) -> Any:
        source, size = self._items.source, len(self)
        if self._items.library == "pandas":
            frame = source if self._items.columns is not None else source.to_frame(_name(source))
            return frame.iloc[:size]
        return pandas.DataFrame({"item": pandas.Series(self._given, dtype=object).infer_objects()})

    def _polars_given(self, polars: Any) -> Any:
        source, size = self._items.source, len(self)
        if self._items.library == "polars":
            frame = source if self._items.columns is not None else source.to_frame(_name(source))
            return frame.head(size)
        return polars.DataFrame({"item": polars.Series(self._given, strict=False)})


def table_library(items: Items) -> str:
    """The library whose DataFrame is returned: the one the items came from, else pandas where it is installed."""
    return items.library or ("pandas" if find_spec("pandas") is not None else "")


def _name(series: Any) -> str:
    return str(series.name) if series.name not in (None, "") else "item"


def _row(items: Items, position: int) -> tuple[Any, ...]:
    if items.library == "polars":
        return tuple(items.source.row(position))
    return tuple(items.source.iloc[position])


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _error_text(outcome: Outcome | None) -> str | None:
    if outcome is None:
        return _("not asked")
    if outcome.error is None:
        return None
    return f"{type(outcome.error).__name__}: {outcome.error}"


def _spread(answers: list[Any]) -> dict[str, list[Any]] | None:
    """A column for each field, where the answers are objects with fields."""
    rows = [_fields(answer) for answer in answers]
    names = list(dict.fromkeys(name for row in rows if row is not None for name in row))
    if not names or any(row is None and not _absent(a) for row, a in zip(rows, answers, strict=True)):
        return None
    return {name: [row.get(name) if row is not None else None for row in rows] for name in names}


def _absent(answer: Any) -> bool:
    return answer is None


def _fields(value: Any) -> Mapping[str, Any] | None:
    """The fields of a dataclass, a pydantic model, a struct, a named tuple or a dictionary."""
    if isinstance(value, dict):
        return value
    names = (
        [field.name for field in fields(value)]
        if is_dataclass(value)
        else getattr(type(value), "model_fields", None)
        or getattr(value, "__struct_fields__", None)
        or getattr(value, "_fields", None)
    )
    return {name: getattr(value, name) for name in names} if names else None
