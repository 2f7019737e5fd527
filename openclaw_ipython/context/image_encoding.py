"""A picture made ready for a model: turned upright, scaled to the limit, encoded; what was done is kept for the footer.

Pillow does the work (extra `images`). Without it a file that is small enough goes as it is.
"""

from __future__ import annotations

import base64
import importlib.util
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _

if TYPE_CHECKING:
    from PIL.Image import Image

PATCH = 28
"""Pixels: the edge of the square that costs one token (Qwen-VL's, and near enough for others)."""

MOST_PIXELS = 178_956_970
"""A picture with more pixels is taken for an attack on memory, as Pillow does by itself."""

_FORMATS = (
    "PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "TGA", "ICO", "ICNS", "JPEG2000", "AVIF", "HEIF",
)  # fmt: skip
"""What is opened. Not every format that Pillow knows: for EPS it runs another program."""

MOST = 20
"""Pictures of one question."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a model takes of one picture: its longest edge in pixels, patches in all, bytes of the file.

    The first set is what Qwen's own client sends for ordinary viewing; the service refuses a data URL above 10 MB.
    """

    edge: int = 1_568
    patches: int = 1_568
    size: int = 7_000_000
    smallest: int = 11
    ratio: int = 200


ORDINARY = Limits()
DETAILED = Limits(edge=7_680, patches=16_384)
"""With `vl_high_resolution_images` (Model Studio help, visual understanding)."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is sent. `url` is a data URL, or the https address of one that was not fetched.

    `width`, `height` and `size` (pixels, bytes) are 0 where they are not known; `note` tells the reader what was done.
    """

    name: str
    url: str
    note: str
    width: int = 0
    height: int = 0
    size: int = 0
    kind: str = ""

    @property
    def tokens(self) -> int:
        """About how many tokens it costs; a thousand where its size is not known."""
        return ceil(self.width / PATCH) * ceil(self.height / PATCH) or 1_000


def has_pillow() -> bool:
    """Whether pictures can be scaled here."""
    return importlib.util.find_spec("PIL") is not None


def by_address(url: str) -> Picture:
    """A picture on the web, which the service will fetch. Raises UsageError for an address without TLS."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise UsageError(_("{url}: only https addresses of pictures are passed on", url=url))
    return Picture(
        parts.path.rpartition("/")[2] or parts.hostname, url, _("picture at {host}", host=parts.hostname)
    )


def from_bytes(name: str, data: bytes, limits: Limits, *, pillow: Callable[[], bool] = has_pillow) -> Picture:
    """A picture file (PNG, JPEG, WebP, GIF, and with Pillow many others). Raises UsageError for what is none."""
    kind = media_type(data)
    if not pillow():
        if kind and len(data) <= limits.size:
            return _as_it_is(name, data, kind)
        raise without_pillow(name)
    image, asked = _opened(name, data)
    upright = _upright(image)
    if upright.size != image.size:  # a quarter turn
        asked = asked[1], asked[0]
    if (
        upright is image
        and kind in ("image/png", "image/jpeg", "image/webp")
        and len(data) <= limits.size
        and _fits(image.size, limits)
        and not _is_transparent(image)
        and not getattr(image, "is_animated", False)
        and not _tells_more(image)
    ):
        return _picture(name, data, kind, asked, image.size)
    photo = kind in ("image/jpeg", "image/webp")
    return _encoded(name, upright, asked, limits, photo=photo)


def from_pillow(name: str, image: Image, limits: Limits, was: tuple[int, int] | None = None) -> Picture:
    """A picture in memory, which is left as it is. `was` is its size before, where it is told as another one."""
    return _encoded(name, _upright(image), was or image.size, limits, photo=False)


def without_pillow(name: str) -> UsageError:
    """What is said where Pillow would be needed."""
    return UsageError(
        _("{name} has to be scaled or encoded first, and Pillow is not installed", name=name),
        hint="pip install 'openclaw-ipython[images]'",
    )


def media_type(data: bytes) -> str:
    """The MIME type of a picture file that any service takes, by its first bytes; empty for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return ""


def scaled_size(size: tuple[int, int], limits: Limits) -> tuple[int, int]:
    """The size within the limits that is nearest to `size`, of the same proportions. Never larger than `size`."""
    width, height = size
    factor = min(1.0, limits.edge / max(width, height))
    patches = (width * factor / PATCH) * (height * factor / PATCH)
    factor *= min(1.0, sqrt(limits.patches / patches))
    while True:  # a patch that is begun counts whole
        scaled = max(1, int(width * factor)), max(1, int(height * factor))
        if ceil(scaled[0] / PATCH) * ceil(scaled[1] / PATCH) <= limits.patches:
            return (width, height) if factor >= 1 else scaled
        factor *= 0.99


def size_text(size: int) -> str:
    """Bytes, for people."""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(1, round(size / 1e3))} kB"


# -- inside ----------------------------------------------------------------------------------


def _opened(name: str, data: bytes) -> tuple[Image, tuple[int, int]]:
    """The picture, and its size as the file has it."""
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # Pillow's own warning about large pictures: MOST_PIXELS is looked at here
            Pillow.init()
            image = Pillow.open(io.BytesIO(data), formats=[form for form in _FORMATS if form in Pillow.OPEN])
            if image.width * image.height > MOST_PIXELS:
                raise _too_large(name, image.size)
            size = image.size
            image.draft("RGB", (2 * DETAILED.edge, 2 * DETAILED.edge))  # a JPEG need not be unpacked in full
            image.load()
    except Pillow.DecompressionBombError:
        raise _too_large(name) from None
    except UsageError:
        raise
    except Exception as error:  # decoders raise nearly anything on damaged data
        why = "" if isinstance(error, UnidentifiedImageError) else f" ({type(error).__name__})"
        raise UsageError(_("{name} is not a picture that can be read{why}", name=name, why=why)) from None
    return image, size


def _too_large(name: str, size: tuple[int, int] | None = None) -> UsageError:
    pixels = f", {size[0]:,} × {size[1]:,} pixels" if size else ""
    return UsageError(_("{name} is too large to be opened safely{pixels}", name=name, pixels=pixels))


def _upright(image: Image) -> Image:
    """The picture as it is meant to be seen; the same object where nothing is to be done."""
    from PIL import ImageOps

    if image.getexif().get(0x0112, 1) == 1:  # EXIF 2.32, tag Orientation
        return image
    return ImageOps.exif_transpose(image)


def _is_transparent(image: Image) -> bool:
    if image.mode in ("RGBA", "LA", "PA"):
        return bool(image.getchannel("A").getextrema()[0] < 255)  # type: ignore[operator]
    return "transparency" in image.info


def _tells_more(image: Image) -> bool:
    """Whether where, when and by whom it was taken stands in the file, which is nobody's business."""
    return bool(image.getexif()) or not {"xmp", "XML:com.adobe.xmp", "photoshop"}.isdisjoint(image.info)


def _fits(size: tuple[int, int], limits: Limits) -> bool:
    return scaled_size(size, limits) == size and _padded_size(size, limits) == size


def _padded_size(size: tuple[int, int], limits: Limits) -> tuple[int, int]:
    """The smallest size around `size` that the service takes: no side very short, none very long for the other."""
    width, height = (max(side, limits.smallest) for side in size)
    return max(width, ceil(height / limits.ratio)), max(height, ceil(width / limits.ratio))


def _plain(image: Image) -> Image:
    """In eight-bit colours or greys, on white where it was transparent."""
    from PIL import Image as Pillow

    if image.mode.startswith("I") or image.mode == "F":
        image = image.convert("I") if image.mode.startswith("I;") else image
        low, high = image.getextrema()
        reach = (float(high) - float(low)) or 1.0  # type: ignore[arg-type]
        return image.convert("F").point(lambda v: (v - float(low)) * (255 / reach)).convert("L")  # type: ignore[arg-type]
    if _is_transparent(image):
        behind = Pillow.new("RGBA", image.size, "white")
        behind.alpha_composite(image.convert("RGBA"))
        return behind.convert("RGB")
    return image if image.mode in ("RGB", "L") else image.convert("RGB")


def _encoded(name: str, image: Image, asked: tuple[int, int], limits: Limits, *, photo: bool) -> Picture:
    from PIL import Image as Pillow
    from PIL import ImageOps

    if image.width * image.height > MOST_PIXELS:
        raise _too_large(name, image.size)
    image = _plain(image)
    to = scaled_size(image.size, limits)
    if to != image.size:
        image = image.resize(to, Pillow.Resampling.LANCZOS)
    around = _padded_size(image.size, limits)
    if around != image.size:
        image = ImageOps.pad(image, around, color="white")
    data, kind, size = _smallest(image, limits, photo=photo)
    return _picture(name, data, kind, asked, size)


def _smallest(image: Image, limits: Limits, *, photo: bool) -> tuple[bytes, str, tuple[int, int]]:
    """PNG for drawings, as long as it is small; JPEG for photos."""
    from PIL import Image as Pillow

    if not photo:
        data = _saved(image, "PNG", optimize=False)
        if len(data) <= min(limits.size, 2_000_000):
            return data, "image/png", image.size
    while True:
        for quality in (90, 75):
            data = _saved(image, "JPEG", quality=quality)
            if len(data) <= limits.size:
                return data, "image/jpeg", image.size
        half = max(1, image.width // 2), max(1, image.height // 2)
        image = image.resize(half, Pillow.Resampling.LANCZOS)


def _saved(image: Image, form: str, **options: Any) -> bytes:
    into = io.BytesIO()
    image.save(into, form, **options)
    return into.getvalue()


def _picture(name: str, data: bytes, kind: str, was: tuple[int, int], now: tuple[int, int]) -> Picture:
    sizes = f"{now[0]}×{now[1]}" if was == now else f"{was[0]}×{was[1]} → {now[0]}×{now[1]}"
    return Picture(
        name,
        _data_url(data, kind),
        f"{name} {sizes}, {size_text(len(data))}",
        *now,
        size=len(data),
        kind=kind,
    )


def _as_it_is(name: str, data: bytes, kind: str) -> Picture:
    note = _("{name} {size}, not scaled: no Pillow here", name=name, size=size_text(len(data)))
    return Picture(name, _data_url(data, kind), note, size=len(data), kind=kind)


def _data_url(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
