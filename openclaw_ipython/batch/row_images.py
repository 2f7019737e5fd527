"""The images of rows, from a column or by a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _

if TYPE_CHECKING:
    from openclaw_ipython.batch.rows import Row
    from openclaw_ipython.context.image_encoding import EncodedImage


class ImageReader:
    """Reads the images of rows from a column, or by a function. `missing` are the positions of rows without any."""

    def __init__(self, source: str | Callable[[Any], Any]) -> None:
        self._source = source
        self.missing: set[int] = set()

    def __call__(self, row: Row) -> tuple[EncodedImage, ...]:
        """The images of a row. Raises UsageError."""
        from openclaw_ipython.context.image_encoding import STANDARD
        from openclaw_ipython.context.images import images_of

        found = self._find(row)
        if found is None or (isinstance(found, float) and found != found):  # noqa: PLR0124
            self.missing.add(row.position)
            return ()
        several = isinstance(found, Sequence) and not isinstance(found, (str, bytes))
        return tuple(images_of(list(found) if several else [found], STANDARD))

    def _find(self, row: Row) -> Any:
        if callable(self._source):
            return self._source(row.item)
        if self._source not in row.names:
            raise UsageError(
                _("no column {name} for the images", name=self._source), suggestions=tuple(row.names)
            )
        return row.names[self._source]
