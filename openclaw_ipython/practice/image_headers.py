"""The format and the pixel size of an image, read from its header. Pure."""

from __future__ import annotations

import base64
import binascii
import struct
from urllib.parse import urlsplit

from msgspec import Struct

MAX_BYTES = 10 * 1024 * 1024  # of one data URL, as the service has it

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # JPEG markers of frames, which have a size
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # JPEG markers without a length


class Image(Struct, frozen=True):
    """An image of a prompt. Of an image given by its URL only the host is known: it is not fetched."""

    format: str
    width: int
    height: int
    size: int
    address: str = ""

    def __str__(self) -> str:
        if self.address:
            return f"by address at {self.address}, not fetched"
        return f"{self.format}, {self.width} × {self.height} pixels, {self.size:,} bytes"


def read_url(url: str) -> Image:
    """The image of an `image_url`, which is a data URL or a web address.

    Raises `ValueError` with the service's message for a URL that the service refuses.
    """
    if url.startswith(("https://", "http://")):
        return Image("", 0, 0, 0, address=urlsplit(url).netloc)
    head, comma, data = url.partition(",")
    if not head.startswith("data:image/") or not head.endswith(";base64") or not comma:
        raise ValueError("The provided URL does not appear to be valid. Ensure it is correctly formatted.")
    if len(data) > MAX_BYTES:
        raise ValueError(f"Exceeded limit on max bytes per data-uri item : {MAX_BYTES}")
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("The image data is not valid base64.") from None
    return read(raw)


def read(data: bytes) -> Image:
    """Format and pixel size of a PNG, JPEG, GIF or WebP file. Raises `ValueError` for anything else."""
    try:
        name, width, height = _header(data)
    except (struct.error, IndexError):
        name, width, height = "", 0, 0  # truncated
    if not (name and width and height):
        raise ValueError("The image format is illegal and cannot be opened.")
    return Image(name, width, height, len(data))


def _header(data: bytes) -> tuple[str, int, int]:
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
        return ("PNG", *struct.unpack_from(">II", data, 16))
    if data.startswith((b"GIF87a", b"GIF89a")):
        return ("GIF", *struct.unpack_from("<HH", data, 6))
    if data.startswith(b"\xff\xd8\xff"):
        return ("JPEG", *_jpeg_size(data))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ("WebP", *_webp_size(data))
    return "", 0, 0


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Walk the segments to the frame header (ITU T.81 §B.1)."""
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        elif marker in _BARE:
            at += 2
        else:
            at += 2 + int(struct.unpack_from(">H", data, at + 2)[0])
    return 0, 0


def _webp_size(data: bytes) -> tuple[int, int]:
    """The three kinds of WebP bitstream (RFC 9649 §2.5–2.7, RFC 6386 §9.1)."""
    match data[12:16]:
        case b"VP8X" if len(data) >= 30:  # slices do not fail when they are short
            width, height = data[24:27], data[27:30]
            return int.from_bytes(width, "little") + 1, int.from_bytes(height, "little") + 1
        case b"VP8L" if data[20] == 0x2F:
            (bits,) = struct.unpack_from("<I", data, 21)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 " if data[23:26] == b"\x9d\x01\x2a":
            width, height = struct.unpack_from("<HH", data, 26)
            return width & 0x3FFF, height & 0x3FFF
    return 0, 0
