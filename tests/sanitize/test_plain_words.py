"""The short way for plain words says exactly what the parser says."""

import re
import string

from hypothesis import given, settings
from hypothesis import strategies as st

from openclaw_ipython.sanitize.markdown import _PLAIN_WORDS, _read, safe_blocks, safe_markdown

WORDS = st.text(
    alphabet=string.ascii_letters + string.digits + " .,;?'()%-éß重，。\"!:/\n\t*_[]&<$\\#|~`@", max_size=40
)


@settings(max_examples=2000, deadline=None)
@given(WORDS)
def test_what_takes_the_short_way_is_what_the_parser_says(text):
    if re.fullmatch(_PLAIN_WORDS, text.rstrip(" \n")):
        assert safe_blocks(text) == list(_read(text))


def test_the_first_words_of_an_answer_take_the_short_way():
    for text in (
        "Hello",
        "The capital of France is Paris.",
        "Sure, here it is",
        "Ja, das stimmt",
        "你好，世界",
    ):
        assert re.fullmatch(_PLAIN_WORDS, text), text


def test_nothing_that_could_be_markup_takes_it():
    for text in (
        "1. one",
        "- a",
        "# a",
        "a*b*",
        "a_b",
        "www.example.com",
        "a@b.c",
        "http://x",
        "a\nb",
        "a<b",
        "a&b",
        "a$b",
    ):
        assert not re.fullmatch(_PLAIN_WORDS, text), text


def test_the_short_way_needs_no_parser():
    import subprocess
    import sys

    code = (
        "import sys; from openclaw_ipython.sanitize.markdown import safe_markdown; "
        "safe_markdown('Hello you'); print('markdown_it' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert safe_markdown("Hello you") == "Hello you"


def test_a_long_text_is_looked_at_in_linear_time():
    import time

    started = time.process_time()
    re.fullmatch(_PLAIN_WORDS, "a " * 100_000 + "*")
    assert time.process_time() - started < 1
