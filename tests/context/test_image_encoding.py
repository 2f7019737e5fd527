"""Encoded images: within the limits of the model, upright, without metadata."""

import base64
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from openclaw_ipython.context.image_encoding import (
    MAX_PIXELS,
    PATCH,
    STANDARD,
    ImageLimits,
    from_bytes,
    from_pillow,
    from_url,
    media_type,
    scaled_size,
)
from openclaw_ipython.errors import UsageError


def file(image, form="PNG", **options):
    into = io.BytesIO()
    image.save(into, form, **options)
    return into.getvalue()


def noise(size):
    return Image.effect_noise(size, 90).convert("RGB")


def sent(encoded):
    head, _, data = encoded.url.partition(",")
    raw = base64.b64decode(data)
    assert head == f"data:{encoded.kind};base64"
    assert media_type(raw) == encoded.kind
    image = Image.open(io.BytesIO(raw))
    assert (image.width, image.height, len(raw)) == (encoded.width, encoded.height, encoded.size)
    return image


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_small_file_is_sent_unchanged(form):
    data = file(Image.new("RGB", (120, 80), "teal"), form)
    image = from_bytes("p", data, STANDARD)
    assert base64.b64decode(image.url.partition(",")[2]) == data
    assert image.note == f"p 120×80, {max(1, round(len(data) / 1e3))} kB"


def test_a_large_image_is_scaled_and_the_note_has_both_sizes():
    image = from_bytes("big", file(Image.new("RGB", (4000, 3000), "navy")), STANDARD)
    assert sent(image).size == (image.width, image.height)
    assert max(image.width, image.height) <= 1568
    assert image.tokens <= 1568
    assert abs(image.width / image.height - 4 / 3) < 0.01
    assert image.note.startswith(f"big 4000×3000 → {image.width}×{image.height}, ")


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_a_scaled_size_is_within_the_limits_in_proportion_and_never_larger(width, height):
    to = scaled_size((width, height), STANDARD)
    assert to[0] <= width
    assert to[1] <= height
    assert max(to) <= STANDARD.edge
    assert -(-to[0] // PATCH) * -(-to[1] // PATCH) <= STANDARD.patches
    assert scaled_size(to, STANDARD) == to
    if min(to) > 50:
        assert abs(to[0] / to[1] - width / height) <= 0.05 * width / height


def test_a_photo_is_rotated_upright_and_loses_its_metadata():
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    exif[0x010E] = "at home"
    data = file(Image.new("RGB", (300, 100), "red"), "JPEG", exif=exif)
    image = sent(from_bytes("photo", data, STANDARD))
    assert image.size == (100, 300)
    assert not image.getexif()
    exif[0x0112] = 1
    untold = from_bytes("photo", file(Image.new("RGB", (300, 100)), "JPEG", exif=exif), STANDARD)
    assert b"at home" not in base64.b64decode(untold.url.partition(",")[2])


@pytest.mark.parametrize("quarter", [False, True])
def test_the_note_has_the_original_size_of_a_very_large_photo(quarter):
    exif = Image.Exif()
    exif[0x0112] = 6 if quarter else 1
    data = file(Image.new("L", (16_000, 2_000), 90), "JPEG", exif=exif)
    image = from_bytes("wide", data, STANDARD)
    assert image.note.startswith("wide 2000×16000 → " if quarter else "wide 16000×2000 → 1568×196, ")


def test_a_transparent_image_gets_a_white_background():
    clear = Image.new("RGBA", (60, 60), (0, 0, 0, 0))
    assert sent(from_bytes("clear", file(clear), STANDARD)).convert("RGB").getpixel((5, 5)) == (255, 255, 255)
    palette = Image.new("P", (60, 60), 0)
    palette.info["transparency"] = 0
    assert sent(from_pillow("p", palette, STANDARD)).convert("RGB").getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "I;16"]
)
def test_every_mode_of_pillow_is_encoded(mode):
    image = from_pillow("p", Image.new(mode, (50, 40)), STANDARD)
    assert sent(image).size == (50, 40)


@pytest.mark.parametrize("form", ["GIF", "BMP", "TIFF", "PPM"])
def test_other_formats_are_sent_as_png(form):
    image = from_bytes("p", file(Image.new("RGB", (50, 40), "green"), form), STANDARD)
    assert image.kind == "image/png"
    assert sent(image).convert("RGB").getpixel((3, 3)) == (0, 128, 0)


def test_of_an_animation_the_first_frame_is_sent():
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue")]
    data = file(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert sent(from_bytes("moving", data, STANDARD)).convert("RGB").getpixel((3, 3)) == (255, 0, 0)


def test_an_image_that_is_large_as_png_is_sent_as_jpeg():
    image = from_pillow("noise", noise((1300, 900)), STANDARD)
    assert image.kind == "image/jpeg"
    assert sent(image).size == (1300, 900)
    tight = from_pillow("noise", noise((1300, 900)), ImageLimits(size=50_000))
    assert tight.size <= 50_000
    assert tight.note.startswith(f"noise 1300×900 → {tight.width}×{tight.height}")


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (1000, 1), (3, 3)])
def test_a_tiny_or_very_long_image_is_padded(size):
    image = from_pillow("tiny", Image.new("RGB", size), STANDARD)
    sent(image)
    assert min(image.width, image.height) >= 11
    assert max(image.width, image.height) <= 200 * min(image.width, image.height)


def bomb():
    """A PNG of a few hundred bytes that says it has 40 gigapixels."""
    data = bytearray(file(Image.new("1", (8, 8))))
    data[16:24] = (200_000).to_bytes(4, "big") * 2
    import zlib

    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is not an image that can be read"),
        (b"not a picture", "is not an image that can be read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not an image that can be read"),
        (file(Image.new("RGB", (400, 400), "red"))[:120], "is not an image that can be read"),
        (file(noise((200, 200)), "JPEG")[:300], "is not an image that can be read"),
        (file(Image.new("RGB", (40, 40)), "EPS"), "is not an image that can be read"),
        (bomb(), "is too large to be opened safely"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_data_that_cannot_be_opened_is_an_error_of_one_line(data, said):
    with pytest.raises(UsageError) as caught:
        from_bytes("it", data, STANDARD)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_warning_of_pillow_about_large_images_is_not_shown(recwarn):
    size = (12_000, 8_000)  # more than Pillow's MAX_IMAGE_PIXELS, fewer than twice that
    assert size[0] * size[1] < MAX_PIXELS
    assert from_bytes("wide", file(Image.new("1", size)), STANDARD).note.startswith("wide 12000×8000 → ")
    assert not recwarn.list


def test_an_https_address_is_sent_as_it_is():
    image = from_url("https://example.org/a/cat.png?size=2")
    assert (image.url, image.name) == ("https://example.org/a/cat.png?size=2", "cat.png")
    assert image.note == "image at example.org"


@pytest.mark.parametrize("url", ["http://example.org/x.png", "https://", "ftp://example.org/x.png", ""])
def test_other_addresses_are_refused(url):
    with pytest.raises(UsageError, match="only https"):
        from_url(url)


# -- without Pillow --------------------------------------------------------------------------


def test_without_pillow_a_small_file_goes_as_it_is():
    data = file(Image.new("RGB", (120, 80)))
    image = from_bytes("p", data, STANDARD, pillow=lambda: False)
    assert base64.b64decode(image.url.partition(",")[2]) == data
    assert image.note == "p 1 kB, not scaled: no Pillow here"


@pytest.mark.parametrize(
    "data", [file(Image.new("RGB", (9, 9)), "BMP"), b"\x89PNG\r\n\x1a\n" + bytes(8_000_000)]
)
def test_without_pillow_other_files_are_an_error_with_the_install_command(data):
    with pytest.raises(UsageError, match="Pillow is not installed") as caught:
        from_bytes("p", data, STANDARD, pillow=lambda: False)
    assert caught.value.hint == "pip install 'openclaw-ipython[images]'"


def test_metadata_of_an_editor_is_not_sent():
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta>at home</x:xmpmeta>")
    data = file(Image.new("RGB", (30, 30)), pnginfo=info)
    assert b"at home" in data
    assert b"at home" not in base64.b64decode(from_bytes("p", data, STANDARD).url.partition(",")[2])
