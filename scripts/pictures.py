"""The pictures of README and site, from a real JupyterLab and the practice portal: `python scripts/pictures.py`.

Needs the extra `dev` and a Chromium. Writes NAME.png into docs/images, NAME-dark.png in JupyterLab's dark theme, and
stream.gif, an answer as it comes. Arguments choose: `light`, `dark`, `stream`.
"""

import io
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import nbformat
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT)]

from lab import jupyterlab  # noqa: E402

from openclaw_ipython.practice import Portal  # noqa: E402

IMAGES = ROOT / "docs" / "images"
CELLS = [
    "%load_ext openclaw_ipython",
    "%openclaw login",
    '%%qwen\nprices = {"tea": 3, "coffee": 4, "cake": 5}\nWhich of these costs most, and how do I find that in Python?',
    "%openclaw login --provider modelstudio",
    "%openclaw models scan",
    f"""import matplotlib.pyplot as plt, pandas as pd
penguins = pd.read_csv({str(ROOT / "notebooks/data/penguins.csv")!r})
heaviest = penguins.loc[penguins["body_mass_g"].idxmax()]
fig, axes = plt.subplots(figsize=(24, 15))
axes.plot(penguins["flipper_length_mm"], penguins["body_mass_g"], "o")
plt.close()""",
    """%%qwen -i fig -a penguins
Does the figure show what is in the table? The heaviest weighs {heaviest["body_mass_g"]:,} g.""",
]
ANSWER = (
    "**Cake** costs most, at 5.\n\n",
    "In Python, `max` with a key finds it:\n\n",
    '```python\nmax(prices, key=prices.get)  # "cake"\n```\n\n',
    "| item | price |\n|---|---|\n| cake | 5 |\n| coffee | 4 |\n| tea | 3 |\n",
)
SEEN = (
    "Yes, for two of the eight columns: `flipper_length_mm` and `body_mass_g`. The dot at the top is the heaviest "
    "penguin.\n\nThe axes have no names, and the three species have one colour."
)


@contextmanager
def notebook(portal: Portal, sources: list[str], **options) -> Iterator:
    """JupyterLab on a notebook with these cells, the first of which is run."""
    with tempfile.TemporaryDirectory() as folder, portal.serve() as origin:
        work = Path(folder)
        content = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
        content.metadata["kernelspec"] = kernel
        nbformat.write(content, work / "readme.ipynb")
        environ = {
            "OPENCLAW_IPYTHON_OAUTH_ORIGIN": origin,
            "OPENCLAW_HOME": str(work / "home"),
            "LANGUAGE": "en",
        }
        with jupyterlab(work, environ, IMAGES, **options) as lab:
            lab.open("readme.ipynb")
            lab.page.keyboard.press("Control+b")
            lab.run(0)
            lab.finished(0)
            yield lab


def approve(lab, portal: Portal, at: int) -> None:
    """Sign in by the panel of the cell `at`, which is shown."""
    panel = lab.output(at)
    portal.approve(panel.locator("span[title]").first.inner_text())
    lab.wait(lambda: "Signed in" in panel.inner_text())


def take(theme: str) -> None:
    """The still pictures in one theme."""
    portal = Portal()
    server = Portal().offers("Qwen/Qwen3-8B").accepts_key("")
    with server.serve(8000), notebook(portal, CELLS, theme=theme, height=1100) as lab:
        lab.run(1)
        panel = lab.output(1)
        lab.wait(lambda: panel.get_by_text("left").count() > 0)
        lab.wait(lambda: "No panel above" not in panel.inner_text())
        shot(lab, 1, "sign-in", theme)
        approve(lab, portal, 1)
        portal.says(*ANSWER)
        lab.run(2)
        lab.finished(2)
        shot(lab, 2, "answer", theme)
        lab.run(5)
        lab.finished(5)
        portal.says(SEEN)
        for index, name in ((3, "key"), (4, "scan"), (6, "figure")):
            lab.run(index)
            lab.finished(index)
            lab.wait(lambda index=index: lab.output(index).inner_text().strip())
            shot(lab, index, name, theme)


def stream() -> None:
    """The cell while its answer comes, as an animated picture: some seconds, then its end for two."""
    portal = Portal()
    answer = "".join(ANSWER)
    portal.says(*(answer[at : at + 4] for at in range(0, len(answer), 4)), pace=0.09)
    with notebook(portal, CELLS[:3], width=860, scale=2) as lab:
        lab.page.add_style_tag(content=".jp-Notebook-footer, .jp-cell-toolbar { visibility: hidden }")
        lab.run(1)
        lab.wait(lambda: lab.output(1).get_by_text("left").count() > 0)
        approve(lab, portal, 1)
        lab.cell(2).locator(".jp-InputPrompt").first.click()
        lab.page.wait_for_timeout(600)
        box = lab.cell(2).bounding_box()
        frames: list[tuple[float, Image.Image]] = []

        def frame() -> None:
            picture = lab.page.screenshot(clip=box | {"height": 420})
            frames.append((time.monotonic(), Image.open(io.BytesIO(picture)).convert("RGB")))

        frame()
        lab.page.keyboard.press("Control+Enter")
        while lab.prompt(2) in ("[ ]:", "[*]:"):
            frame()
        lab.page.wait_for_timeout(300)
        frame()
        height = round(2 * lab.cell(2).bounding_box()["height"])
    write(IMAGES / "stream.gif", frames, height)


def write(path: Path, frames: list[tuple[float, Image.Image]], height: int) -> None:
    """The frames with the times at which they were taken, without those that are as the one before."""
    cut = [(at, picture.crop((0, 0, picture.width, height))) for at, picture in frames]
    kept = cut[:1] + [two for one, two in pairwise(cut) if one[1].tobytes() != two[1].tobytes()]
    times = [at for at, _picture in kept]
    shown = [800, *(round(1000 * (b - a)) for a, b in pairwise(times[1:])), 2500]
    palette = kept[-1][1].quantize(128, method=Image.Quantize.MAXCOVERAGE)
    pictures = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for _at, picture in kept]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=shown, loop=0, optimize=True)
    print(path.name, len(pictures), "frames,", sum(shown) / 1000, "s,", path.stat().st_size, "bytes")


def shot(lab, at: int, name: str, theme: str) -> None:
    """A picture of one cell with its output."""
    lab.page.mouse.move(0, 0)
    lab.page.wait_for_timeout(600)
    IMAGES.mkdir(parents=True, exist_ok=True)
    lab.cell(at).screenshot(path=str(IMAGES / f"{name}{'-dark' * (theme == 'dark')}.png"))


if __name__ == "__main__":
    for chosen in sys.argv[1:] or ("light", "dark", "stream"):
        stream() if chosen == "stream" else take(chosen)
