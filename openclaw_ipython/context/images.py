"""Finding images: files, web addresses, variables, results, and images that cells displayed.

Types of other libraries are recognised by name; only Pillow is imported. `image_encoding` encodes the images.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from openclaw_ipython.context import image_encoding
from openclaw_ipython.context.file_reading import existing_path, read_bytes
from openclaw_ipython.context.image_encoding import MAX_IMAGES, EncodedImage, ImageLimits, from_url
from openclaw_ipython.context.names import (
    BrokenReference,
    Notebook,
    is_reference,
    look_up,
    unknown_name,
)
from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import N_, _

_DATA_URL = r"(?i)data:image/[\w.+-]+;base64,"
_MAX_DEPTH = 3  # of nested lists, which plotting functions return


class NotAnImage(Exception):
    """The value is not an image. `str()` says what it is."""


def load_images(words: Sequence[str], notebook: Notebook, limits: ImageLimits) -> list[EncodedImage]:
    """The images that `words` name, without duplicates, in order. Raises UsageError for no image, or too many."""
    found: dict[str, EncodedImage] = {}
    for word in words:
        for image in _named(word, notebook, limits):
            found.setdefault(image.url, image)
            if len(found) > MAX_IMAGES:
                raise UsageError(_("a question takes at most {count} images", count=MAX_IMAGES))
    return list(found.values())


def images_of(values: Sequence[Any], limits: ImageLimits) -> list[EncodedImage]:
    """The images of values that a program passes. Raises UsageError."""
    words = [f"image[{at}]" for at in range(len(values))]
    return load_images(words, Notebook({"image": list(values)}), limits)


def _named(word: str, notebook: Notebook, limits: ImageLimits) -> list[EncodedImage]:
    if word.startswith(("https://", "http://")):
        return [from_url(word)]
    path = existing_path(word)
    if is_reference(word):
        try:
            return _from_notebook(word, notebook, limits)
        except KeyError:
            pass
        except BrokenReference as error:
            if path is None:  # `fig.png` may be a file while there is a variable `fig`
                raise UsageError(_("{word} has no value ({why})", word=word, why=error)) from None
    if path is not None:
        return [image_encoding.from_bytes(path.name, read_bytes(path), limits)]
    raise unknown_name(word, notebook)


def _from_notebook(word: str, notebook: Notebook, limits: ImageLimits) -> list[EncodedImage]:
    """The images in a variable or result; if it is not an image, those that its cell displayed.

    Raises KeyError, BrokenReference.
    """
    number = re.fullmatch(r"Out\[(\d+)\]", word)
    displayed = notebook.images(int(number[1])) if number else notebook.last_images() if word == "_" else ()
    try:
        found = _read(word, look_up(word, notebook, modules=True), limits)
    except KeyError:
        if not displayed:
            if number:
                raise UsageError(_("{word}: that cell returned and displayed no image", word=word)) from None
            raise
    except NotAnImage as what:
        if not displayed:
            raise UsageError(_("{word} is not an image ({what})", word=word, what=what)) from None
    else:
        return found
    names = [word if len(displayed) == 1 else f"{word} ({at})" for at in range(1, len(displayed) + 1)]
    return [
        image_encoding.from_bytes(name, data, limits)
        for name, (_kind, data) in zip(names, displayed, strict=True)
    ]


def _read(name: str, value: Any, limits: ImageLimits) -> list[EncodedImage]:
    """The images in `value`. Errors of the value itself, such as a closed file, become UsageError."""
    try:
        return list(_from_value(name, value, limits, _MAX_DEPTH))
    except (NotAnImage, UsageError):
        raise
    except Exception as error:
        why = f" ({type(error).__name__})"
        raise UsageError(_("{name} is not an image that can be read{why}", name=name, why=why)) from None


def _from_value(name: str, value: Any, limits: ImageLimits, depth: int) -> Iterator[EncodedImage]:
    """The images in `value`. Raises NotAnImage, or UsageError with a hint."""
    if isinstance(value, (str, Path)):
        yield _from_text(name, str(value), limits)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        yield image_encoding.from_bytes(name, bytes(value), limits)
    elif isinstance(value, (Sequence, set, frozenset)) or (
        _is_a(value, "numpy", "ndarray") and value.dtype.kind == "O"
    ):
        yield from _from_several(name, list(value.flat if hasattr(value, "flat") else value), limits, depth)
    elif _is_a(value, "PIL", "Image"):
        yield image_encoding.from_pillow(name, value, limits)
    elif (figure := _figure(value)) is not None:
        yield image_encoding.from_bytes(name, _matplotlib_png(figure, limits), limits)
    elif _is_a(value, "plotly", "BaseFigure"):
        failed = N_("plotly could not draw the figure: {why}")  # Kaleido or its browser is missing
        png = _drawn(lambda into: into.write(value.to_image(format="png")), failed, "pip install kaleido")
        yield image_encoding.from_bytes(name, png, limits)
    elif _is_a(value, "altair", "TopLevelMixin"):
        failed = N_(
            "altair could not draw the chart: {why}"
        )  # vl-convert is missing, or the chart is not valid
        png = _drawn(lambda into: value.save(into, format="png"), failed, "pip install vl-convert-python")
        yield image_encoding.from_bytes(name, png, limits)
    elif _is_a(value, "IPython", "Image"):
        if value.data:
            data = value.data if isinstance(value.data, bytes) else _decoded(value.data)
            yield image_encoding.from_bytes(name, data, limits)
        else:
            yield from_url(str(value.url or ""))
    elif _is_a(value, "numpy", "ndarray") or _is_a(value, "torch", "Tensor"):
        yield _from_array(name, value, limits)
    else:
        yield image_encoding.from_bytes(name, _displayed(value), limits)


def _from_text(name: str, text: str, limits: ImageLimits) -> EncodedImage:
    if text.startswith(("https://", "http://")):
        return from_url(text)
    if re.match(_DATA_URL, text):
        return image_encoding.from_bytes(name, _decoded(text.partition(",")[2]), limits)
    path = existing_path(text)
    if path is None:
        raise NotAnImage(_("{text!r} names no file", text=text[:80]))
    return image_encoding.from_bytes(path.name, read_bytes(path), limits)


def _from_several(name: str, values: list[Any], limits: ImageLimits, depth: int) -> Iterator[EncodedImage]:
    """The images among several values. Several artists of one figure count as that figure, once."""
    if depth == 0 or not values:
        raise NotAnImage("list")
    figures: set[int] = set()
    found = 0
    for at, value in enumerate(values[: 10 * MAX_IMAGES]):
        figure = _figure(value)
        if figure is not None and id(figure) in figures:
            continue
        figures.add(id(figure))
        try:
            several = list(
                _from_value(name if figure is not None else f"{name}[{at}]", value, limits, depth - 1)
            )
        except NotAnImage:
            continue
        found += len(several)
        yield from several
    if not found:
        raise NotAnImage("list")


# -- figures ---------------------------------------------------------------------------------


def _figure(value: Any) -> Any:
    """The matplotlib figure that `value` (axes, lines, bars, a seaborn grid) is or belongs to, or None."""
    if "matplotlib" not in sys.modules:
        return None
    for _attempt in range(4):  # artist → axes → subfigure → figure
        if value is None or _is_a(value, "matplotlib", "Figure"):
            return value
        if not _is_a(value, "matplotlib", "Artist") and not _is_a(value, "seaborn", "Grid"):
            return None
        value = getattr(value, "figure", None)
    return None


def _matplotlib_png(figure: Any, limits: ImageLimits) -> bytes:
    max_dpi = 2 * limits.edge / max(*figure.get_size_inches(), 1)  # a large figure is scaled down anyway
    options = {"format": "png", "bbox_inches": "tight", "dpi": min(figure.get_dpi(), max_dpi)}
    failed = N_("matplotlib could not draw the figure: {why}")  # invalid TeX in labels, a missing renderer
    return _drawn(lambda into: figure.savefig(into, **options), failed)


def _drawn(draw: Callable[[io.BytesIO], object], failed: str, hint: str = "") -> bytes:
    """What `draw` writes. `failed` is the sentence for its error, `hint` what it may lack."""
    into = io.BytesIO()
    try:
        draw(into)
    except Exception as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UsageError(_(failed, why=why), hint=hint) from None
    return into.getvalue()


def _displayed(value: Any) -> bytes:
    """The image that IPython displays for an object. Raises NotAnImage."""
    kind = type(value).__name__
    for method in ("_repr_png_", "_repr_jpeg_"):
        show = getattr(value, method, None)
        try:
            data = show() if callable(show) and not isinstance(value, type) else None
        except Exception:  # it may have another representation
            data = None
        data = data[0] if isinstance(data, tuple) else data
        if data:
            return data if isinstance(data, bytes) else _decoded(data)
    svg = getattr(value, "data", None) if _is_a(value, "IPython", "SVG") else None
    if isinstance(svg, str):
        return svg.encode()  # refused with a hint
    raise NotAnImage(kind)


# -- arrays ----------------------------------------------------------------------------------


def _from_array(name: str, value: Any, limits: ImageLimits) -> EncodedImage:
    """An array of grey levels or colours: 0 to 255, 0 to 1, or any other range, which is scaled."""
    array = value.detach().cpu().numpy() if hasattr(value, "detach") else value
    if array.ndim == 3 and array.shape[0] in (1, 3, 4) and array.shape[2] not in (1, 3, 4):
        array = array.transpose(1, 2, 0)  # channels first, as in torch
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or not array.size or array.dtype.kind not in "biuf":
        raise NotAnImage(f"an array of shape {tuple(array.shape)}, {array.dtype}")
    if array.ndim == 3 and array.shape[2] not in (3, 4):
        raise NotAnImage(f"an array of shape {tuple(array.shape)}")
    if array.shape[0] * array.shape[1] > image_encoding.MAX_PIXELS:
        raise UsageError(_("{name} is too large to be opened safely{pixels}", name=name, pixels=""))
    if not image_encoding.has_pillow():
        raise image_encoding.pillow_missing(name)
    from PIL import Image

    size = array.shape[1], array.shape[0]
    step = max(1, max(size) // (4 * limits.edge))  # the conversion needs eight times the memory of the result
    levels, spread = _eight_bits(array[::step, ::step])
    image = image_encoding.from_pillow(name, Image.fromarray(levels), limits, size)
    if spread is None:
        return image
    low, high = spread
    return image_encoding.with_note(
        image, _("values {low} to {high} shown as black to white", low=f"{low:.4g}", high=f"{high:.4g}")
    )


def _eight_bits(array: Any) -> tuple[Any, tuple[float, float] | None]:
    """The array in eight bits, and its range if that is neither 0 to 1 nor 0 to 255 and so is spread over them.

    Grey levels that reach no higher than half of 255 are taken for measurements, which would be dark.
    """
    if array.dtype.kind == "b":
        return array.astype("uint8") * 255, None
    if array.dtype.name == "uint8":
        return array, None
    numbers = array.astype("float64")
    is_finite = abs(numbers) < float("inf")  # False for NaN as well
    finite = numbers[is_finite]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    numbers[~is_finite] = low
    spread = None
    if low >= 0 and high <= 1 and array.dtype.kind == "f":
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 255 and (array.dtype.kind != "f" or array.ndim == 3 or high > 127):
        low, high = 0.0, 255.0
    else:
        spread = low, high
    numbers = (numbers - low) * (255 / ((high - low) or 1.0))
    return numbers.clip(0, 255).round().astype("uint8"), spread


# -- helpers -------------------------------------------------------------------------------


def _is_a(value: Any, library: str, name: str) -> bool:
    """Whether the type of `value` or one of its bases has that name and comes from that library."""
    return any(
        kind.__name__ == name and kind.__module__.partition(".")[0] == library for kind in type(value).__mro__
    )


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        raise NotAnImage("str") from None
