"""Where pictures come from: a file, an address, a variable, a result, what a cell displayed.

Libraries are told by their types; none is imported but Pillow. What a word means is decided here, how a picture is
made ready in `pictures`.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from openclaw_ipython.context import image_encoding
from openclaw_ipython.context.attachments import unknown
from openclaw_ipython.context.files import existing, read_bytes
from openclaw_ipython.context.image_encoding import MOST, Limits, Picture, by_address
from openclaw_ipython.context.names import Broken, Names, Notebook, find, is_path
from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _

_DATA = re.compile(r"data:image/[\w.+-]+;base64,", re.I)
_DEEPEST = 3  # lists in lists, as plotting functions return them


class NoPicture(Exception):
    """A value that is none. `str()` says what it is."""


def gather(words: Sequence[str], notebook: Notebook, limits: Limits) -> list[Picture]:
    """The pictures that `words` name, each once, in order. Raises UsageError for what is none, or for too many."""
    found: dict[str, Picture] = {}
    for word in words:
        for picture in _named(word, notebook, limits):
            found.setdefault(picture.url, picture)
            if len(found) > MOST:
                raise UsageError(_("a question takes at most {count} pictures", count=MOST))
    return list(found.values())


def of_values(values: Sequence[Any], limits: Limits) -> list[Picture]:
    """The same for values at hand: what a program passes. Raises UsageError."""
    return gather([f"image[{at}]" for at in range(len(values))], Names({"image": list(values)}), limits)


def _named(word: str, notebook: Notebook, limits: Limits) -> list[Picture]:
    if word.startswith(("https://", "http://")):
        return [by_address(word)]
    path = existing(word)
    if is_path(word):
        try:
            return _from_notebook(word, notebook, limits)
        except KeyError:
            pass
        except Broken as error:
            if path is None:  # else `fig.png`, where there is a variable `fig`
                raise UsageError(_("{word} leads nowhere ({why})", word=word, why=error)) from None
    if path is not None:
        return [image_encoding.from_bytes(path.name, read_bytes(path), limits)]
    raise unknown(word, notebook)


def _from_notebook(word: str, notebook: Notebook, limits: Limits) -> list[Picture]:
    """What a variable or a result holds; where that is no picture, what its cell displayed. Raises KeyError, Broken."""
    number = re.fullmatch(r"Out\[(\d+)\]", word)
    displayed = (
        notebook.pictures(int(number[1])) if number else notebook.last_pictures() if word == "_" else ()
    )
    try:
        found = _read(word, find(word, notebook, modules=True), limits)
    except KeyError:
        if not displayed:
            if number:
                raise UsageError(
                    _("{word}: that cell returned and displayed no picture", word=word)
                ) from None
            raise
    except NoPicture as what:
        if not displayed:
            raise UsageError(_("{word} is no picture ({what})", word=word, what=what)) from None
    else:
        return found
    names = [word if len(displayed) == 1 else f"{word} ({at})" for at in range(1, len(displayed) + 1)]
    return [
        image_encoding.from_bytes(name, data, limits)
        for name, (_kind, data) in zip(names, displayed, strict=True)
    ]


def _read(name: str, value: Any, limits: Limits) -> list[Picture]:
    """The pictures in `value`, whatever it does when it is looked at: a file that was cut, one that is closed."""
    try:
        return list(_from_value(name, value, limits, _DEEPEST))
    except (NoPicture, UsageError):
        raise
    except Exception as error:
        why = f" ({type(error).__name__})"
        raise UsageError(_("{name} is not a picture that can be read{why}", name=name, why=why)) from None


def _from_value(name: str, value: Any, limits: Limits, depth: int) -> Iterator[Picture]:
    """The pictures in `value`. Raises NoPicture, or UsageError with what is to be done."""
    if isinstance(value, (str, Path)):
        yield _from_text(name, str(value), limits)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        yield image_encoding.from_bytes(name, bytes(value), limits)
    elif isinstance(value, (Sequence, set, frozenset)) or _is_array_of_objects(value):
        yield from _from_several(name, list(value.flat if hasattr(value, "flat") else value), limits, depth)
    elif _is_a(value, "PIL", "Image"):
        yield image_encoding.from_pillow(name, value, limits)
    elif (figure := _figure(value)) is not None:
        yield image_encoding.from_bytes(name, _drawn(figure, limits), limits)
    elif _is_a(value, "plotly", "BaseFigure"):
        yield image_encoding.from_bytes(name, _plotted(value), limits)
    elif _is_a(value, "IPython", "Image"):
        yield _from_display(name, value, limits)
    elif _is_a(value, "numpy", "ndarray") or _is_a(value, "torch", "Tensor"):
        yield _from_array(name, value, limits)
    else:
        yield image_encoding.from_bytes(name, _shown(value), limits)


def _from_text(name: str, text: str, limits: Limits) -> Picture:
    """A variable with an address, a data URL or the name of a file."""
    if text.startswith(("https://", "http://")):
        return by_address(text)
    if _DATA.match(text):
        return image_encoding.from_bytes(name, _decoded(text.partition(",")[2]), limits)
    path = existing(text)
    if path is None:
        raise NoPicture(_("{text!r} names no file", text=text[:80]))
    return image_encoding.from_bytes(path.name, read_bytes(path), limits)


def _from_several(name: str, values: list[Any], limits: Limits, depth: int) -> Iterator[Picture]:
    """The pictures among several values; the lines of one figure are that figure, once."""
    if depth == 0 or not values:
        raise NoPicture("list")
    figures: set[int] = set()
    found = 0
    for at, value in enumerate(values[: 10 * MOST]):
        figure = _figure(value)
        if figure is not None and id(figure) in figures:
            continue
        figures.add(id(figure))
        try:
            several = list(
                _from_value(name if figure is not None else f"{name}[{at}]", value, limits, depth - 1)
            )
        except NoPicture:
            continue
        found += len(several)
        yield from several
    if not found:
        raise NoPicture("list")


def _from_display(name: str, value: Any, limits: Limits) -> Picture:
    """`IPython.display.Image`: its data, or the address it shows."""
    if value.data:
        return image_encoding.from_bytes(
            name, value.data if isinstance(value.data, bytes) else _decoded(value.data), limits
        )
    return by_address(str(value.url or ""))


# -- figures ---------------------------------------------------------------------------------


def _figure(value: Any) -> Any:
    """The matplotlib figure that `value` is or belongs to: axes, lines, bars, a seaborn grid. None if to none."""
    if "matplotlib" not in sys.modules:
        return None
    for _attempt in range(4):  # artists belong to axes, axes to a part of a figure, that to the figure
        if value is None or _is_a(value, "matplotlib", "Figure"):
            return value
        if not _is_a(value, "matplotlib", "Artist") and not _is_a(value, "seaborn", "Grid"):
            return None
        value = getattr(value, "figure", None)
    return None


def _drawn(figure: Any, limits: Limits) -> bytes:
    into = io.BytesIO()
    try:
        most = (
            2 * limits.edge / max(*figure.get_size_inches(), 1)
        )  # of a poster fewer dots, it is scaled anyway
        figure.savefig(into, format="png", bbox_inches="tight", dpi=min(figure.get_dpi(), most))
    except Exception as error:  # labels with broken TeX, a renderer that is missing
        raise UsageError(
            _(
                "matplotlib could not draw the figure: {why}",
                why=" ".join(f"{type(error).__name__}: {error}".split())[:200],
            )
        ) from None
    return into.getvalue()


def _plotted(figure: Any) -> bytes:
    try:
        return bytes(figure.to_image(format="png"))
    except Exception as error:  # kaleido is missing, or the browser it draws with
        missing = "kaleido" in str(error).lower() or isinstance(error, ImportError)
        raise UsageError(
            _("plotly needs Kaleido to draw a picture")
            if missing
            else _("plotly could not draw the figure: {why}", why=type(error).__name__),
            hint="pip install kaleido",
        ) from None


def _shown(value: Any) -> bytes:
    """The picture that an object shows in a notebook. Raises NoPicture."""
    kind = type(value).__name__
    for method in ("_repr_png_", "_repr_jpeg_"):
        show = getattr(value, method, None)
        try:
            data = show() if callable(show) and not isinstance(value, type) else None
        except Exception:  # it shows something else, then
            data = None
        data = data[0] if isinstance(data, tuple) else data
        if data:
            return data if isinstance(data, bytes) else _decoded(data)
    raise NoPicture(kind)


# -- arrays ----------------------------------------------------------------------------------


def _is_array_of_objects(value: Any) -> bool:
    return _is_a(value, "numpy", "ndarray") and value.dtype.kind == "O"


def _from_array(name: str, value: Any, limits: Limits) -> Picture:
    """Grey levels or colours as numbers: of 0 to 255, of 0 to 1, or of whatever range they have."""
    array = value.detach().cpu().numpy() if hasattr(value, "detach") else value
    if array.ndim == 3 and array.shape[0] in (1, 3, 4) and array.shape[2] not in (1, 3, 4):
        array = array.transpose(1, 2, 0)  # channels first, as in torch
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or not array.size or array.dtype.kind not in "biuf":
        raise NoPicture(f"an array of shape {tuple(array.shape)}, {array.dtype}")
    if array.ndim == 3 and array.shape[2] not in (3, 4):
        raise NoPicture(f"an array of shape {tuple(array.shape)}")
    if array.shape[0] * array.shape[1] > image_encoding.MOST_PIXELS:
        raise UsageError(_("{name} is too large to be opened safely{pixels}", name=name, pixels=""))
    if not image_encoding.has_pillow():
        raise image_encoding.without_pillow(name)
    from PIL import Image

    was = array.shape[1], array.shape[0]
    step = max(1, max(was) // (4 * limits.edge))  # numbers take eight times the room of grey levels
    return image_encoding.from_pillow(name, Image.fromarray(_eight_bits(array[::step, ::step])), limits, was)


def _eight_bits(array: Any) -> Any:
    if array.dtype.kind == "b":
        return array.astype("uint8") * 255
    if array.dtype.name == "uint8":
        return array
    numbers = array.astype("float64")
    counted = abs(numbers) < float("inf")  # neither infinite nor missing
    finite = numbers[counted]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    numbers[~counted] = low
    if array.dtype.kind == "f" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif array.dtype.kind != "f" and low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    numbers = (numbers - low) * (255 / ((high - low) or 1.0))
    return numbers.clip(0, 255).round().astype("uint8")


# -- small things ----------------------------------------------------------------------------


def _is_a(value: Any, library: str, name: str) -> bool:
    """Whether the type of `value` is, or inherits from, one of that name in that library."""
    return any(
        kind.__name__ == name and kind.__module__.partition(".")[0] == library for kind in type(value).__mro__
    )


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        raise NoPicture("str") from None
