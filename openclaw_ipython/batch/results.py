"""The results of a batch: a sequence of replies and errors in the order of the items, and a DataFrame of them.

pandas and polars are imported only to make a DataFrame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, overload

from msgspec import Struct

from openclaw_ipython.chat.endings import mark_of
from openclaw_ipython.chat.types import Reply
from openclaw_ipython.i18n import _
from openclaw_ipython.runtime.interrupts import one_line

if TYPE_CHECKING:
    from openclaw_ipython.batch.rows import ItemSource
    from openclaw_ipython.errors import OpenClawError
    from openclaw_ipython.structured.schema import Schema

_FEW_ANSWERS = 10  # whose mean cost says little about the others

ErrorHandler = Callable[["OpenClawError", Any], Any]
"""Called with the error and the item; returns the value that takes the place of the answer."""


class ItemResult(Struct, frozen=True):
    """The result of the item at `position`: a reply or an error.

    `remembered` is true when no request was sent, because the answer existed already.
    """

    position: int
    value: Reply | OpenClawError
    remembered: bool = False

    @property
    def error(self) -> str | None:
        """The error as text; None for a reply."""
        return None if isinstance(self.value, Reply) else f"{type(self.value).__name__}: {self.value}"


@dataclass(slots=True)
class Tally:
    """Sums over a batch. Tokens and cost count the requests of this run; `cost` is in US dollars, None if unknown, and
    at most that with `upper_bound`. `cached_tokens` are those of the input that were read from the prompt cache. `rows`
    is the number of items, None if unknown, and `estimated_cost` that of the batch before it was sent.

    `incomplete` counts the answers that are not complete, by the reason.
    """

    done: int = 0
    errors: int = 0
    incomplete: dict[str, int] = field(default_factory=dict)
    remembered: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost: float | None = None
    upper_bound: bool = False
    rows: int | None = None
    estimated_cost: float | None = None

    def add(self, result: ItemResult) -> None:
        """Add the result of an item."""
        self.done += 1
        reply = result.value
        if not isinstance(reply, Reply):
            self.errors += 1
            return
        if mark := mark_of(reply.finish_reason, empty=not reply.strip()):
            self.incomplete[mark] = self.incomplete.get(mark, 0) + 1
        if result.remembered:
            self.remembered += 1
            return
        usage = reply.usage
        if usage is not None:
            self.input_tokens += usage.input_tokens or 0
            self.output_tokens += usage.output_tokens or 0
            self.cached_tokens += usage.cached_tokens or 0
            self.upper_bound |= usage.upper_bound
            if usage.cost is not None:
                self.cost = (self.cost or 0.0) + usage.cost

    @property
    def expected_cost(self) -> float | None:
        """The cost of the whole batch: by the answers so far, or the estimate while there are few."""
        asked = self.done - self.remembered - self.errors
        if self.cost is None or self.rows is None or asked < _FEW_ANSWERS:
            return self.estimated_cost
        return self.cost / asked * (self.rows - self.remembered)

    def cost_text(self, digits: int) -> str:
        """The cost so far, with so many digits."""
        return f"{'≤ ' if self.upper_bound else ''}${self.cost or 0:.{digits}g}"

    @property
    def complete(self) -> int:
        """How many answers are complete."""
        return self.done - self.errors - sum(self.incomplete.values())

    def summary(self, of: int | None = None) -> str:
        """The sums in one line; `of` is the number of items."""
        answered = self.complete
        if of is None:
            parts = [_("{done:,} answered", done=answered)]
        else:
            parts = [_("{done:,} of {of:,} answered", done=answered, of=of)]
        parts += [f"{count:,} {mark}" for mark, count in self.incomplete.items()]
        if self.errors:
            parts.append(_("{count:,} failed", count=self.errors))
        if self.remembered:
            parts.append(_("{count:,} from an earlier run", count=self.remembered))
        if self.input_tokens or self.output_tokens:
            parts.append(
                _("{came_in:,} tokens in, {out:,} out", came_in=self.input_tokens, out=self.output_tokens)
            )
        if self.cached_tokens:
            parts.append(_("{count:,} from the prompt cache", count=self.cached_tokens))
        if self.cost is not None:
            parts.append(self.cost_text(4))
        return " · ".join(parts)


class Results(Sequence[Any]):
    """The replies in the order of the items, with an error in the place of a reply that failed.

    `tally` has the sums, `errors` the errors by position, `notes` the notices (such as a change of model); `table()`
    makes a DataFrame. After an interrupt, items that were not finished are None.
    """

    def __init__(
        self, source: ItemSource, on_error: ErrorHandler | None = None, schema: Schema | None = None
    ) -> None:
        self._source = source
        self._schema = schema
        self._pulled: list[Any] = []  # the items, unless they are rows of a DataFrame
        self._results: list[ItemResult | None] = []
        self._on_error = on_error
        self._replacements: dict[int, Any] = {}  # by position; the function is called once for each error
        self.tally = Tally()
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        """Add a notice, once."""
        if text not in self.notes:
            self.notes.append(text)

    def add(self, result: ItemResult, item: Any) -> None:
        """Add the result of an item, in any order."""
        missing = result.position + 1 - len(self._results)
        if missing > 0:
            self._results += [None] * missing
        if self._source.columns is None:
            if missing > 0:
                self._pulled += [None] * missing
            self._pulled[result.position] = item
        self._results[result.position] = result
        self.tally.add(result)

    def __len__(self) -> int:
        return len(self._results)

    @overload
    def __getitem__(self, at: int) -> Any: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Any]: ...
    def __getitem__(self, at: int | slice) -> Any:
        if isinstance(at, slice):
            return [self._value(result) for result in self._results[at]]
        return self._value(self._results[at])

    def __iter__(self) -> Iterator[Any]:
        return map(self._value, self._results)

    @property
    def errors(self) -> dict[int, OpenClawError]:
        """The errors by position."""
        failed = (o for o in self._results if o is not None)
        return {o.position: o.value for o in failed if not isinstance(o.value, Reply)}

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.tally.summary(self._source.size or len(self))}>"

    def table(self, library: str = "pandas") -> Any:
        """The results as a DataFrame of pandas or polars.

        Its columns are the item (or the columns of the items), `answer` or the fields of the schema, `error`,
        `finish_reason` ("stop" is a complete answer), `model`, `tokens_in`, `tokens_out`, `cost` (US dollars, if prices
        are known) and `seconds`. `_` is appended to a name that exists already.
        """
        columns = self._columns()
        module = import_module(library)
        items = self._items_table(library, module)
        taken = set(map(str, items.columns))
        named = {_unique(name, taken): values for name, values in columns.items()}
        if library == "polars":
            return items.with_columns([module.Series(name, v, strict=False) for name, v in named.items()])
        return module.concat([items, module.DataFrame(named, index=items.index)], axis=1)

    def _value(self, result: ItemResult | None) -> Reply | OpenClawError | Any:
        if result is None or isinstance(result.value, Reply) or self._on_error is None:
            return result and result.value
        at = result.position
        if at not in self._replacements:
            self._replacements[at] = self._on_error(result.value, self._item(at))
        return self._replacements[at]

    def _item(self, position: int) -> Any:
        if self._source.columns is None:
            return self._pulled[position]
        data = self._source.data
        row = data.row(position) if self._source.library == "polars" else data.iloc[position]
        return dict(zip(self._source.columns, row, strict=True))

    def _columns(self) -> dict[str, list[Any]]:
        results = self._results
        answers = [self._answer(o) for o in results]
        columns = self._field_columns(answers) or {"answer": answers}
        done = [o.value if o is not None and isinstance(o.value, Reply) else None for o in results]
        usages = [r.usage if r is not None else None for r in done]
        ours: dict[str, list[Any]] = {
            "error": [_("not asked") if o is None else o.error for o in results],
            "finish_reason": [r.finish_reason if r is not None else None for r in done],
            "model": [r.model if r is not None else None for r in done],
            "tokens_in": [usage.input_tokens if usage else None for usage in usages],
            "tokens_out": [usage.output_tokens if usage else None for usage in usages],
            "cost": [usage.cost if usage else None for usage in usages],
            "seconds": [round(r.seconds, 3) if r is not None else None for r in done],
        }
        if all(cost is None for cost in ours["cost"]):
            del ours["cost"]
        taken = set(columns)  # a schema may have fields of these names
        return columns | {_unique(name, taken): values for name, values in ours.items()}

    def _answer(self, result: ItemResult | None) -> Any:
        if result is not None and isinstance(result.value, Reply):
            return result.value.parsed if self._schema is not None else str(result.value)
        return self._value(result) if self._on_error is not None else None

    def _field_columns(self, answers: list[Any]) -> dict[str, list[Any]] | None:
        """A column for each field of the schema; None if it has none.

        A value without fields, with which a function replaced an error, is in all of them.
        """
        names = self._schema.columns if self._schema is not None else None
        if not names:
            return None
        rows = [fields_of(answer) or dict.fromkeys(names, answer) for answer in answers]
        return {name: [row.get(name) for row in rows] for name in names}

    def _items_table(self, library: str, module: Any) -> Any:
        """The items as a DataFrame of the library."""
        source, data = self._source, self._source.data
        if source.library == library:
            frame = data if source.columns is not None else data.to_frame(_name(data))
            return frame.head(len(self))
        columns = {"item": self._pulled}
        if source.columns is not None:
            rows = [self._item(position) for position in range(len(self))]
            columns = {name: [row[name] for row in rows] for name in source.columns}
        if library == "polars":
            return module.DataFrame({name: module.Series(v, strict=False) for name, v in columns.items()})
        return module.DataFrame(
            {name: module.Series(v, dtype=object).infer_objects() for name, v in columns.items()}
        )


def interrupted(message: str, results: Results) -> KeyboardInterrupt:
    """The interrupt of `oc.map`, with the `results` so far; shown as one line."""
    error: Any = one_line(KeyboardInterrupt(message))
    error.results = results
    return error  # type: ignore[no-any-return]


def table_library(source: ItemSource) -> str:
    """The library of the table: that of the items, else pandas if it is installed, else an empty string."""
    return source.library or ("pandas" if find_spec("pandas") is not None else "")


def _name(series: Any) -> str:
    return str(series.name) if series.name not in (None, "") else "item"


def _unique(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def fields_of(value: Any) -> Mapping[str, Any] | None:
    """The fields of a dictionary, dataclass, pydantic model, msgspec struct or named tuple; None for other values."""
    if isinstance(value, dict):
        return value
    from openclaw_ipython.structured.annotations import field_names

    names = field_names(type(value))
    return {name: getattr(value, name) for name in names} if names else None
