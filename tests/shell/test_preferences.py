"""The preferences that `%config OpenClaw` sets."""

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets import TraitError

from openclaw_ipython.shell.magics import OpenClaw


@pytest.fixture
def preferences():
    return OpenClaw(InteractiveShell())


@pytest.mark.parametrize("name", ["auto", "markdown", "plain", "silent"])
def test_a_renderer_is_chosen_by_its_name(preferences, name):
    preferences.renderer = name
    assert preferences.renderer == name


def test_an_unknown_renderer_is_refused_with_the_names_there_are(preferences):
    with pytest.raises(TraitError, match="auto, markdown, plain, silent"):
        preferences.renderer = "markdwon"
    assert preferences.renderer == "auto"
