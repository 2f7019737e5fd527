"""A question put together: order, notes, one limit for all that is added."""

import io

from PIL import Image

from openclaw_ipython.context.prompt import Wanted, compose


def png():
    into = io.BytesIO()
    Image.new("RGB", (64, 48)).save(into, "PNG")
    return into.getvalue()


def test_what_was_typed_stands_last_and_pictures_first(cells):
    held = cells({"d": {"a": 1}, "p": png()}, inputs=("", "1 + 1", "%%qwen"), outputs={1: "2"})
    prompt = compose("what of {d}?", held, Wanted(images=["p"], attach=["d"], cells="all"))
    picture, text = prompt.content
    assert picture["type"] == "image_url"
    assert picture["image_url"]["url"].startswith("data:image/png;base64,")
    assert text == {"type": "text", "text": prompt.text}
    assert [prompt.text.index(part) for part in ("Cell [1]", "d (dict of 1)", "what of")] == sorted(
        prompt.text.index(part) for part in ("Cell [1]", "d (dict of 1)", "what of")
    )
    assert prompt.text.endswith("\n\nwhat of {'a': 1}?")
    assert prompt.typed == "what of {d}?"
    assert prompt.notes == ("inserted d", "attached d", "cells: 1 (51 characters)", "p 64×48, 1 kB")


def test_without_pictures_the_content_is_text(notebook):
    prompt = compose("hello {name}", notebook(name="Ada"), Wanted())
    assert prompt.content == prompt.text == "hello Ada"


def test_raw_leaves_braces_alone_and_adds_what_is_named(notebook):
    prompt = compose("hello {name}", notebook(name="Ada"), Wanted(attach=["name"], raw=True))
    assert prompt.text.endswith("hello {name}")
    assert prompt.notes == ("attached name",)


def test_all_that_is_added_shares_one_limit_and_the_notes_say_what_was_capped(cells):
    held = cells({"a": "x" * 300, "b": "y" * 300}, inputs=("", "z" * 300, "%%qwen"))
    prompt = compose("{a}", held, Wanted(attach=["b"], cells="1", limit=500))
    assert len(prompt.text) < 700
    assert prompt.notes == (
        "inserted a (300 characters)",
        "attached b (232 characters, capped)",
        "cells: 0 (0 characters), 1 earlier left out",
    )


def test_in_high_resolution_more_of_a_picture_is_kept(notebook):
    into = io.BytesIO()
    Image.new("RGB", (3000, 2000)).save(into, "PNG")
    held = notebook(p=into.getvalue())
    assert compose("x", held, Wanted(images=["p"])).pictures[0].width < 1569
    assert compose("x", held, Wanted(images=["p"], detailed=True)).pictures[0].width == 3000


def test_nothing_is_sent_that_was_not_named(cells):
    shown = {1: [("image/png", png())]}
    held = cells(
        {"secret": "hidden"}, inputs=("", "token = 1", "%%qwen"), outputs={1: "printed"}, shown=shown
    )
    prompt = compose("plain", held, Wanted())
    assert (prompt.content, prompt.notes) == ("plain", ())


def test_what_led_nowhere_is_in_the_notes(notebook):
    prompt = compose("{d.x} {other}", notebook(d={}), Wanted())
    assert prompt.text == "{d.x} {other}"
    assert prompt.notes == ("{d.x} left as typed (AttributeError)",)
