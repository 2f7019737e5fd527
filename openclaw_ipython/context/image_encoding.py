"""Encoding an image for a model: rotated upright, scaled to the limits, encoded as a data URL, with a note about it.

This needs Pillow (extra `images`). Without it only a file that is small enough is sent, unchanged.
"""

from __future__ import annotations

import base64
import importlib.util
import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from openclaw_ipython.errors import UsageError
from openclaw_ipython.i18n import _

if TYPE_CHECKING:
    from PIL.Image import Image

PATCH = 28
"""Pixels: the edge of the square that costs one token, for Qwen-VL; close enough for other models."""

MAX_PIXELS = 178_956_970
"""Larger images are refused as decompression bombs; the number is Pillow's default limit."""

_FORMATS = (
    "PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "TGA", "ICO", "ICNS", "JPEG2000", "AVIF", "HEIF",
)  # fmt: skip
"""The formats that are opened. Not all that Pillow supports: for EPS it runs another program."""

_METADATA = {"xmp", "XML:com.adobe.xmp", "photoshop", "comment"}
"""Keys of Pillow's `info`."""

MAX_IMAGES = 20
"""Images of one question."""


class ImageLimits(Struct, frozen=True):
    """The limits of one image: longest and shortest edge in pixels, patches, bytes of the file, ratio of the edges.

    The defaults are those of Qwen's own client. The service refuses a data URL above 10 MB.
    """

    edge: int = 1_568
    patches: int = 1_568
    size: int = 7_000_000
    shortest_edge: int = 11
    ratio: int = 200


STANDARD = ImageLimits()
HIGH_RESOLUTION = ImageLimits(edge=7_680, patches=16_384)
"""With `vl_high_resolution_images` (Model Studio help, visual understanding)."""


class EncodedImage(Struct, frozen=True):
    """An image as it is sent. `url` is a data URL, or an https address that the service fetches.

    `width` and `height` (pixels) and `size` (bytes) are 0 if unknown; `note` is a sentence for the footer.
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
        """The estimated number of tokens; 1,000 if the size is unknown."""
        return ceil(self.width / PATCH) * ceil(self.height / PATCH) or 1_000


def has_pillow() -> bool:
    """Whether images can be scaled."""
    return importlib.util.find_spec("PIL") is not None


def from_url(url: str) -> EncodedImage:
    """An image on the web, which the service fetches. Raises UsageError for an address that is not https."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise UsageError(_("{url}: only https addresses of images are sent", url=url))
    return EncodedImage(
        parts.path.rpartition("/")[2] or parts.hostname, url, _("image at {host}", host=parts.hostname)
    )


def from_bytes(
    name: str, data: bytes, limits: ImageLimits, *, pillow: Callable[[], bool] = has_pillow
) -> EncodedImage:
    """An image file: PNG, JPEG, WebP, GIF, with Pillow many others. Raises UsageError if it cannot be read."""
    kind = media_type(data)
    if not pillow():
        if kind and len(data) <= limits.size:
            note = _("{name} {size}, not scaled: no Pillow here", name=name, size=size_text(len(data)))
            return EncodedImage(name, _data_url(data, kind), note, size=len(data), kind=kind)
        raise pillow_missing(name)
    image, original = _open(name, data)
    upright = _upright(image)
    if upright.size != image.size:  # a quarter turn
        original = original[1], original[0]
    if (
        upright is image
        and kind in ("image/png", "image/jpeg", "image/webp")
        and len(data) <= limits.size
        and _fits(image.size, limits)
        and not _is_transparent(image)
        and not getattr(image, "is_animated", False)
        and not _has_metadata(image)
    ):
        return _image(name, data, kind, original, image.size)
    photo = kind in ("image/jpeg", "image/webp")
    encoded = _encode(name, upright, original, limits, photo=photo)
    frames = getattr(image, "n_frames", 1) if image.format != "MPO" else 1  # MPO: a photo with its previews
    return with_note(encoded, _("the first of {count} frames", count=frames)) if frames > 1 else encoded


def with_note(image: EncodedImage, note: str) -> EncodedImage:
    """The image with a further part of its note."""
    return replace(image, note=f"{image.note}, {note}")


def from_pillow(
    name: str, image: Image, limits: ImageLimits, original: tuple[int, int] | None = None
) -> EncodedImage:
    """A Pillow image, which is not changed. `original` is the size for the note, if it was scaled before."""
    return _encode(name, _upright(image), original or image.size, limits, photo=False)


def pillow_missing(name: str) -> UsageError:
    """The error for an image that cannot be encoded without Pillow."""
    return UsageError(
        _("{name} has to be scaled or encoded first, and Pillow is not installed", name=name),
        hint="pip install 'openclaw-ipython[images]'",
    )


def media_type(data: bytes) -> str:
    """The MIME type of PNG, JPEG, GIF or WebP data, which every service accepts; empty for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return ""


def scaled_size(size: tuple[int, int], limits: ImageLimits) -> tuple[int, int]:
    """The largest size within the limits with the proportions of `size`, never larger than `size`."""
    width, height = size
    factor = min(1.0, limits.edge / max(width, height))
    patches = (width * factor / PATCH) * (height * factor / PATCH)
    factor *= min(1.0, sqrt(limits.patches / patches))
    while True:  # an incomplete patch counts as a whole one
        scaled = max(1, int(width * factor)), max(1, int(height * factor))
        if ceil(scaled[0] / PATCH) * ceil(scaled[1] / PATCH) <= limits.patches:
            return (width, height) if factor >= 1 else scaled
        factor *= 0.99


def size_text(size: int) -> str:
    """A number of bytes for people."""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(1, round(size / 1e3))} kB"


def message_content(text: str, images: Sequence[EncodedImage]) -> str | Sequence[Mapping[str, Any]]:
    """The content of a message: text, or with images the content parts of the completions API."""
    if not images:
        return text
    parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": image.url}} for image in images]
    return [*parts, {"type": "text", "text": text}]


# -- inside ----------------------------------------------------------------------------------


def _open(name: str, data: bytes) -> tuple[Image, tuple[int, int]]:
    """The image and its size in the file, which is larger if a JPEG is decoded at a reduced size."""
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about large images, which are checked below
            Pillow.init()
            if data[4:8] == b"ftyp" and importlib.util.find_spec("pillow_heif") is not None:
                importlib.import_module("pillow_heif").register_heif_opener()
            image = Pillow.open(io.BytesIO(data), formats=[form for form in _FORMATS if form in Pillow.OPEN])
            if image.width * image.height > MAX_PIXELS:
                raise _too_large(name, image.size)
            size = image.size
            edge = 2 * HIGH_RESOLUTION.edge
            image.draft("RGB", (edge, edge))  # a large JPEG is decoded at a reduced size
            image.load()
    except Pillow.DecompressionBombError:
        raise _too_large(name) from None
    except UsageError:
        raise
    except Exception as error:  # decoders raise many types of errors for damaged data
        why = "" if isinstance(error, UnidentifiedImageError) else f" ({type(error).__name__})"
        raise UsageError(
            _("{name} is not an image that can be read{why}", name=name, why=why), hint=_hint_for(data)
        ) from None
    return image, size


def _hint_for(data: bytes) -> str:
    """What helps with image data that Pillow does not read."""
    if re.match(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*|<!DOCTYPE[^>]*>\s*)*<svg\b", data[:4096], re.S | re.I):
        return _("an SVG drawing: save it as PNG, for example with cairosvg.svg2png")
    if data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"):
        return "pip install pillow-heif"
    return ""


def _too_large(name: str, size: tuple[int, int] | None = None) -> UsageError:
    pixels = f", {size[0]:,} × {size[1]:,} pixels" if size else ""
    return UsageError(_("{name} is too large to be opened safely{pixels}", name=name, pixels=pixels))


def _upright(image: Image) -> Image:
    """The image rotated by its EXIF orientation; the same object if it is upright already."""
    from PIL import ImageOps

    if image.getexif().get(0x0112, 1) == 1:  # EXIF 2.32, tag Orientation
        return image
    return ImageOps.exif_transpose(image)


def _is_transparent(image: Image) -> bool:
    if image.mode in ("RGBA", "LA", "PA"):
        return bool(image.getchannel("A").getextrema()[0] < 255)  # type: ignore[operator]
    return "transparency" in image.info


def _has_metadata(image: Image) -> bool:
    """Whether the file has metadata, such as place and time or a comment, which must not be sent."""
    texts = getattr(image, "text", {}).keys() - {"Software"}  # of a PNG; matplotlib names itself
    return bool(image.getexif() or texts) or not _METADATA.isdisjoint(image.info)


def _fits(size: tuple[int, int], limits: ImageLimits) -> bool:
    return scaled_size(size, limits) == size and _padded_size(size, limits) == size


def _padded_size(size: tuple[int, int], limits: ImageLimits) -> tuple[int, int]:
    """The smallest size that contains `size` and is within the limits of shortest edge and ratio."""
    width, height = (max(side, limits.shortest_edge) for side in size)
    return max(width, ceil(height / limits.ratio)), max(height, ceil(width / limits.ratio))


def _eight_bit(image: Image) -> Image:
    """The image in eight-bit colours or greys, on a white background if it has transparency."""
    from PIL import Image as Pillow

    if image.mode.startswith("I") or image.mode == "F":
        image = image.convert("I") if image.mode.startswith("I;") else image
        low, high = image.getextrema()
        reach = (float(high) - float(low)) or 1.0  # type: ignore[arg-type]
        return image.convert("F").point(lambda v: (v - float(low)) * (255 / reach)).convert("L")  # type: ignore[arg-type]
    if _is_transparent(image):
        background = Pillow.new("RGBA", image.size, "white")
        background.alpha_composite(image.convert("RGBA"))
        return background.convert("RGB")
    return image if image.mode in ("RGB", "L") else image.convert("RGB")


def _encode(
    name: str, image: Image, original: tuple[int, int], limits: ImageLimits, *, photo: bool
) -> EncodedImage:
    from PIL import Image as Pillow
    from PIL import ImageOps

    if image.width * image.height > MAX_PIXELS:
        raise _too_large(name, image.size)
    image = _eight_bit(image)
    scaled = scaled_size(image.size, limits)
    if scaled != image.size:
        image = image.resize(scaled, Pillow.Resampling.LANCZOS)
    padded = _padded_size(image.size, limits)
    if padded != image.size:
        image = ImageOps.pad(image, padded, color="white")
    data, kind, size = _compress(image, limits, photo=photo)
    return _image(name, data, kind, original, size)


def _compress(image: Image, limits: ImageLimits, *, photo: bool) -> tuple[bytes, str, tuple[int, int]]:
    """PNG, unless it is a photo or the PNG is large; then JPEG, if need be smaller. Data, MIME type, size."""
    from PIL import Image as Pillow

    if not photo:
        data = _saved(image, "PNG", optimize=False)
        if len(data) <= min(limits.size, 2_000_000):
            return data, "image/png", image.size
    while True:
        for quality in (90, 75):
            data = _saved(image, "JPEG", quality=quality, comment=b"")
            if len(data) <= limits.size:
                return data, "image/jpeg", image.size
        half = max(1, image.width // 2), max(1, image.height // 2)
        image = image.resize(half, Pillow.Resampling.LANCZOS)


def _saved(image: Image, form: str, **options: Any) -> bytes:
    into = io.BytesIO()
    image.save(into, form, **options)
    return into.getvalue()


def _image(
    name: str, data: bytes, kind: str, original: tuple[int, int], size: tuple[int, int]
) -> EncodedImage:
    before = "" if original == size else f"{original[0]}×{original[1]} → "
    note = f"{name} {before}{size[0]}×{size[1]}, {size_text(len(data))}"
    return EncodedImage(name, _data_url(data, kind), note, *size, size=len(data), kind=kind)


def _data_url(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
