"""Where pictures come from: every kind of source that `--image` takes, and what it says to the others."""

import base64
import io

import matplotlib as mpl
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from IPython.display import SVG
from IPython.display import Image as Shown
from matplotlib.figure import Figure
from PIL import Image

from openclaw_ipython.context.image_encoding import STANDARD
from openclaw_ipython.context.images import images_of, load_images
from openclaw_ipython.errors import UsageError

mpl.use("agg")


def png(size=(64, 48), colour="teal"):
    into = io.BytesIO()
    Image.new("RGB", size, colour).save(into, "PNG")
    return into.getvalue()


def figure():
    drawn = Figure(figsize=(2, 1.5), dpi=100)
    drawn.subplots().plot([1, 3, 2])
    return drawn


class Drawing:
    def _repr_png_(self):
        return png()


class Encoded:
    def _repr_jpeg_(self):
        into = io.BytesIO()
        Image.new("RGB", (30, 30)).save(into, "JPEG")
        return base64.b64encode(into.getvalue()).decode(), {}


def pixels(image):
    raw = base64.b64decode(image.url.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(raw)))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").write_bytes(png())
    return tmp_path


FIGURE = figure()


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (png(), (64, 48)),
        (bytearray(png()), (64, 48)),
        (memoryview(png()), (64, 48)),
        (Image.new("RGB", (64, 48)), (64, 48)),
        (Shown(data=png()), (64, 48)),
        (Shown(data=png(), format="png", embed=True), (64, 48)),
        (f"data:image/png;base64,{base64.b64encode(png()).decode()}", (64, 48)),
        (np.zeros((48, 64)), (64, 48)),
        (np.zeros((48, 64), bool), (64, 48)),
        (np.zeros((48, 64, 1), "uint8"), (64, 48)),
        (np.zeros((48, 64, 3), "uint8"), (64, 48)),
        (np.zeros((48, 64, 4), "float32"), (64, 48)),
        (np.zeros((3, 48, 64), "float32"), (64, 48)),
        (Drawing(), (64, 48)),
        (Encoded(), (30, 30)),
        ([Image.new("RGB", (64, 48))], (64, 48)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_variable_that_holds_an_image_is_encoded(notebook, value, size):
    (image,) = load_images(["p"], notebook(p=value), STANDARD)
    assert (image.width, image.height) == size
    assert image.name.startswith("p")


@pytest.mark.parametrize(
    "part",
    [
        FIGURE,
        FIGURE.axes[0],
        FIGURE.axes[0].lines,
        FIGURE.axes[0].lines[0],
        np.array([FIGURE.axes[0], FIGURE.axes[0]], dtype=object),
        (FIGURE, FIGURE.axes[0]),
        FIGURE.axes[0].hist([1, 2, 2]),
    ],
    ids=["figure", "axes", "lines", "line", "array of axes", "what subplots returns", "what hist returns"],
)
def test_artists_of_a_figure_count_as_that_figure_once(notebook, part):
    (image,) = load_images(["p"], notebook(p=part), STANDARD)
    assert image.kind == "image/png"
    assert 100 < image.width < 300


def test_a_subfigure_counts_as_its_figure(notebook):
    whole = Figure(figsize=(2, 2))
    left, _ = whole.subfigures(1, 2)
    axes = left.subplots()
    assert len(load_images(["f", "l", "a"], notebook(f=whole, l=left, a=axes), STANDARD)) == 1


@pytest.mark.parametrize("word", ["a.png", "./a.png", "path", "text", "d['where']"])
def test_a_file_is_found_by_its_name_or_by_a_variable_with_the_name(folder, notebook, word):
    held = notebook(path=folder / "a.png", text="a.png", d={"where": "a.png"})
    (image,) = load_images([word], held, STANDARD)
    assert (image.name, image.width) == ("a.png", 64)


@pytest.mark.parametrize("word", ["https://example.org/x.png", "url", "shown"])
def test_an_https_address_is_passed_on_and_not_fetched(notebook, word):
    held = notebook(url="https://example.org/x.png", shown=Shown(url="https://example.org/x.png"))
    (image,) = load_images([word], held, STANDARD)
    assert image.url == "https://example.org/x.png"


def test_a_result_that_is_an_image_wins_over_displayed_images(cells):
    held = cells(
        {"_": 1}, results={2: Image.new("RGB", (20, 20)), 3: 5}, displayed={2: [("image/png", png())]}
    )
    assert load_images(["Out[2]"], held, STANDARD)[0].width == 20


def test_displayed_images_are_used_if_the_result_is_not_an_image(cells):
    shown = {
        1: [("image/png", png((30, 30)))],
        3: [("image/png", png((40, 40))), ("image/png", png((50, 50)))],
    }
    held = cells({"_": [1, 2]}, results={3: "a text"}, displayed=shown)
    assert [p.width for p in load_images(["Out[1]"], held, STANDARD)] == [30]
    assert [p.name for p in load_images(["Out[3]"], held, STANDARD)] == ["Out[3] (1)", "Out[3] (2)"]
    assert [p.width for p in load_images(["_"], held, STANDARD)] == [40, 50]
    assert [p.width for p in load_images(["_"], cells(displayed=shown), STANDARD)] == [40, 50]


def test_the_same_image_is_sent_once(notebook):
    assert len(load_images(["a", "b", "a"], notebook(a=png(), b=png()), STANDARD)) == 1


def test_more_than_twenty_images_are_refused(notebook):
    held = notebook(many=[png(colour=(n, 0, 0)) for n in range(21)])
    with pytest.raises(UsageError, match="at most 20 images"):
        load_images(["many"], held, STANDARD)


@pytest.mark.parametrize(
    ("array", "corner", "said"),
    [
        (np.array([[10.0, 200.0]] * 20).repeat(10, 1), 10, ""),
        (np.array([[10.0, 100.0]] * 20).repeat(10, 1)[:, :, None].repeat(3, 2), [10, 10, 10], ""),
        (np.array([[0.5, 20.0]] * 20).repeat(10, 1), 0, "values 0.5 to 20 shown as black to white"),
        (np.array([[-1, 300]] * 20).repeat(10, 1), 0, "values -1 to 300 shown as black to white"),
    ],
)
def test_pictures_of_floats_from_0_to_255_stay_and_other_ranges_are_noted(notebook, array, corner, said):
    (image,) = load_images(["a"], notebook(a=array), STANDARD)
    assert pixels(image)[0, 0].tolist() == corner
    assert ("shown as" in image.note) == bool(said)
    assert said in image.note


def test_the_first_frame_of_an_animation_is_noted(notebook):
    into = io.BytesIO()
    frames = [Image.new("RGB", (30, 30), colour) for colour in ("red", "green", "blue")]
    frames[0].save(into, "GIF", save_all=True, append_images=frames[1:])
    (image,) = load_images(["a"], notebook(a=into.getvalue()), STANDARD)
    assert "the first of 3 frames" in image.note


DRAWING = '<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg"/>'


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (DRAWING.encode(), "cairosvg"),
        (b"<svg viewBox='0 0 1 1'></svg>", "cairosvg"),
        (SVG(DRAWING), "cairosvg"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 60, "pip install pillow-heif"),
        (b"nothing", ""),
    ],
)
def test_a_format_that_cannot_be_read_has_a_hint_that_helps(notebook, value, hint):
    with pytest.raises(UsageError) as caught:
        load_images(["a"], notebook(a=value), STANDARD)
    assert hint in caught.value.hint
    assert bool(hint) == bool(caught.value.hint)


def test_one_of_several_axes_is_named_by_two_numbers(notebook):
    drawn = Figure(figsize=(2, 1.5), dpi=100)
    axes = drawn.subplots(2, 2)
    (image,) = load_images(["axs[0,1]"], notebook(axs=axes), STANDARD)
    assert image.kind == "image/png"


def test_an_altair_chart_is_drawn_by_altair(notebook):
    TopLevelMixin = type("TopLevelMixin", (), {"__module__": "altair.vegalite"})  # noqa: N806

    class Chart(TopLevelMixin):
        def save(self, into, format):  # noqa: A002
            into.write(png())

    class Broken(TopLevelMixin):
        def save(self, into, format):  # noqa: A002
            raise ValueError("no vl-convert")

    (image,) = load_images(["c"], notebook(c=Chart()), STANDARD)
    assert (image.width, image.height) == (64, 48)
    with pytest.raises(UsageError) as caught:
        load_images(["c"], notebook(c=Broken()), STANDARD)
    assert "vl-convert" in caught.value.hint


@pytest.mark.parametrize(
    ("array", "corner"),
    [
        (np.array([[0.0, 1.0]] * 20).repeat(10, 1), 0),
        (np.array([[-5.0, 5.0]] * 20).repeat(10, 1), 0),
        (np.array([[100, 40_000]] * 20).repeat(10, 1), 0),
        (np.array([[7, 200]] * 20).repeat(10, 1), 7),
        (np.array([[np.nan, np.inf, 0.0, 1.0]] * 20).repeat(10, 1), 0),
        (np.full((20, 20), 3.0), 0),
        (np.full((20, 20), np.nan), 0),
        (np.ones((20, 20), bool), 255),
    ],
)
def test_numbers_become_grey_levels(notebook, array, corner):
    (image,) = load_images(["a"], notebook(a=array), STANDARD)
    assert pixels(image)[0, 0] == corner


PLOTLY = go.Figure(go.Scatter(y=[1, 2]))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (pd.DataFrame({"a": [1]}), "p is not an image (DataFrame)"),
        (3, "p is not an image (int)"),
        (None, "p is not an image (NoneType)"),
        ([], "p is not an image (list)"),
        ([1, "x"], "p is not an image (list)"),
        ([[[[png()]]]], "p is not an image (list)"),
        (np.zeros(5), "an array of shape (5,)"),
        (np.zeros((2, 5, 5, 3)), "an array of shape (2, 5, 5, 3)"),
        (np.zeros((5, 5, 2)), "an array of shape (5, 5, 2)"),
        (np.array(["a"]), "an array of shape (1,)"),
        (np.zeros((0, 5)), "an array of shape (0, 5)"),
        (np.broadcast_to(np.uint8(0), (100_000, 100_000)), "too large"),
        (b"no picture", "is not an image that can be read"),
        ("no such file.png", "names no file"),
        ("http://example.org/x.png", "only https"),
        (Shown(url="http://example.org/x.png"), "only https"),
        (png, "p is not an image (function)"),
        (Drawing, "p is not an image (type)"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_value_that_is_not_an_image_is_an_error_of_one_line(notebook, value, said):
    with pytest.raises(UsageError) as caught:
        load_images(["p"], notebook(p=value), STANDARD)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def cut_short():
    into = io.BytesIO()
    Image.effect_noise((300, 300), 90).save(into, "JPEG")
    return Image.open(io.BytesIO(into.getvalue()[:2_000]))


def closed():
    image = Image.open(io.BytesIO(png()))
    image.close()
    return image


class Raising:
    def __getattr__(self, name):
        raise RuntimeError(name)


@pytest.mark.parametrize(
    "value",
    [cut_short(), closed(), Raising(), [png(), cut_short()]],
    ids=["cut short", "closed", "raising", "in a list"],
)
def test_an_image_object_that_cannot_be_read_is_an_error(notebook, value):
    with pytest.raises(UsageError, match="p is not an image that can be read"):
        load_images(["p"], notebook(p=value), STANDARD)


def test_a_file_name_that_begins_with_a_variable_name_is_a_file(folder, notebook):
    (image,) = load_images(["a.png"], notebook(a=FIGURE), STANDARD)
    assert image.note.startswith("a.png 64×48")


def test_a_figure_with_invalid_tex_is_an_error_of_one_line(notebook):
    broken = Figure()
    broken.subplots().set_title(r"$\frac{$")
    with pytest.raises(UsageError, match="matplotlib could not draw the figure: ValueError") as caught:
        load_images(["p"], notebook(p=broken), STANDARD)
    assert "\n" not in str(caught.value)


def test_a_large_figure_is_drawn_at_a_lower_resolution(notebook):
    poster = Figure(figsize=(200, 100))
    (image,) = load_images(["p"], notebook(p=poster), STANDARD)
    assert "MB" not in image.note
    assert "→ 1" in image.note
    assert poster.get_dpi() == 100


def test_a_very_large_array_is_sampled_before_it_is_converted(notebook):
    wide = np.broadcast_to(np.linspace(0, 1, 40_000), (2_000, 40_000))
    (image,) = load_images(["a"], notebook(a=wide), STANDARD)
    assert image.note.startswith("a 40000×2000 → 1568×")


def test_a_plotly_figure_without_kaleido_is_an_error_with_the_install_command(notebook):
    pytest.importorskip("plotly")
    try:
        import kaleido  # noqa: F401
    except ImportError:
        pass
    else:
        pytest.skip("Kaleido is installed here")
    with pytest.raises(UsageError, match=r"plotly could not draw the figure: .*Kaleido") as caught:
        load_images(["p"], notebook(p=PLOTLY), STANDARD)
    assert caught.value.hint == "pip install kaleido"


def test_a_plotly_figure_is_drawn_by_plotly(notebook):
    class Drawn(go.Figure):
        def to_image(self, **options):
            return png((70, 50)) if options == {"format": "png"} else b""

    assert load_images(["p"], notebook(p=Drawn()), STANDARD)[0].width == 70


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("figg", "did you mean fig?"),
        ("nothing.png", "is neither a variable nor a file"),
        ("fig.nope", "has no value (AttributeError)"),
        ("Out[9]", "returned and displayed no image"),
        ("_", "is neither a variable nor a file"),
        (".", "is a folder"),
        ("http://example.org/x.png", "only https"),
    ],
)
def test_an_unknown_source_is_an_error(folder, notebook, word, said):
    with pytest.raises(UsageError) as caught:
        load_images([word], notebook(fig=FIGURE), STANDARD)
    assert said in str(caught.value)


def test_a_figure_that_cannot_be_drawn_is_an_error(notebook):
    broken = figure()
    broken.axes[0].set_title("$\\frac{1}{$")
    with pytest.raises(UsageError, match="matplotlib could not draw the figure"):
        load_images(["p"], notebook(p=broken), STANDARD)


def test_values_passed_by_a_program_are_encoded(folder):
    found = images_of([FIGURE, "a.png", "https://example.org/x.png"], STANDARD)
    assert [image.name for image in found] == ["image[0]", "a.png", "x.png"]
