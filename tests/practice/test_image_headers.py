"""Image formats and sizes, from literal headers."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.practice.image_headers import MAX_BYTES, Image, read, read_url

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 640, 480)
GIF = b"GIF89a" + struct.pack("<HH", 640, 480)
JPEG = (
    b"\xff\xd8\xff\xe0\0\x04ab"  # APP0, to be skipped
    b"\xff\xff\xc4\0\x03z"  # a fill byte; DHT, whose marker looks like a frame header
    b"\xff\xc2\0\x11\x08" + struct.pack(">HH", 480, 640) + b"\x03"
)
VP8 = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\x10\0\0\x9d\x01\x2a" + struct.pack("<HH", 640, 480 | 0x4000)
VP8L = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + struct.pack("<I", 639 | 479 << 14)
VP8X = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + (639).to_bytes(3, "little") + (479).to_bytes(3, "little")
FILES = {"PNG": PNG, "GIF": GIF, "JPEG": JPEG, "WebP": VP8}


@pytest.mark.parametrize(
    ("name", "data"),
    [*FILES.items(), ("WebP", VP8L), ("WebP", VP8X)],
    ids=["PNG", "GIF", "JPEG", "VP8", "VP8L", "VP8X"],
)
def test_format_and_size_are_read_from_the_header(name, data):
    assert read(data) == Image(name, 640, 480, len(data))


@pytest.mark.parametrize(
    "data", [PNG, GIF, JPEG, VP8, VP8L, VP8X], ids=["PNG", "GIF", "JPEG", "VP8", "VP8L", "VP8X"]
)
def test_a_truncated_header_is_refused(data):
    for length in range(len(data) - 2):
        with pytest.raises(ValueError, match="illegal"):
            read(data[:length])


@given(st.sampled_from([b"", *FILES.values()]), st.binary())
def test_any_bytes_are_read_or_refused(start, rest):
    for data in (start + rest, start[:12] + rest):
        try:
            image = read(data)
        except ValueError:
            continue
        assert image.width > 0 < image.height


def test_an_image_above_ten_megabytes_is_refused():
    with pytest.raises(ValueError, match="10485760"):
        read_url("data:image/png;base64," + "A" * (MAX_BYTES + 1))
