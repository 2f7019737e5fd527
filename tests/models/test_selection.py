"""Fallback models: what is written into the configuration, and what stays."""

import pytest

from openclaw_ipython.errors import UsageError

CODER, VISION = "qwen-portal/coder-model", "qwen-portal/vision-model"


def start(house, fallbacks, name="model"):
    house.write_config({"agents": {"defaults": {name: {"primary": CODER, "fallbacks": fallbacks}}}})
    return house.client.models


@pytest.mark.parametrize(("images", "name"), [(False, "model"), (True, "imageModel")])
def test_a_fallback_is_written_in_full_once_and_listed(house, images, name):
    models = start(house, [], name)
    models.add_alias("see", VISION)
    for word in ("see", VISION, "vision-model"):
        assert str(models.add_fallback(word, images=images).ref) == VISION
    defaults = house.config()["agents"]["defaults"]
    assert defaults[name] == {"primary": CODER, "fallbacks": [VISION]}
    assert VISION in defaults["models"]


def test_what_others_wrote_among_the_fallbacks_stays_as_it_is(house):
    models = start(house, ["see", "far/x", "${ELSE}"])
    models.add_fallback(VISION)
    defaults = house.config()["agents"]["defaults"]
    assert defaults["model"]["fallbacks"] == ["see", "far/x", "${ELSE}", VISION]
    assert list(defaults["models"]) == [VISION]  # which also says what is allowed: nothing was added to that
    models.remove_fallback("far/x")
    assert house.config()["agents"]["defaults"]["model"]["fallbacks"] == ["see", "${ELSE}", VISION]


def test_a_plain_text_default_gets_room_for_fallbacks(house):
    house.write_config({"agents": {"defaults": {"model": CODER}}})
    house.client.models.add_fallback(VISION)
    assert house.config()["agents"]["defaults"]["model"] == {"primary": CODER, "fallbacks": [VISION]}


def test_a_fallback_can_be_removed_by_alias_even_one_that_nobody_offers(house):
    models = start(house, [VISION, "nowhere/x"])
    models.add_alias("see", VISION)
    models.remove_fallback("see")
    models.remove_fallback("nowhere/x")
    assert house.config()["agents"]["defaults"]["model"]["fallbacks"] == []


@pytest.mark.parametrize("word", ["far/y", "x", "far/X"])
def test_removing_one_that_is_none_is_an_error_with_a_suggestion(house, word):
    models = start(house, ["far/x"])
    before = house.files()
    with pytest.raises(UsageError, match=f"Fallback not found: {word}") as caught:
        models.remove_fallback(word)
    assert caught.value.suggestions == ("far/x",)
    assert house.files() == before


def test_clearing_leaves_an_empty_list(house):
    models = start(house, [VISION])
    models.clear_fallbacks()
    assert house.config()["agents"]["defaults"]["model"] == {"primary": CODER, "fallbacks": []}


def test_one_that_reads_text_only_is_no_fallback_for_images(house):
    models = start(house, [])
    with pytest.raises(UsageError, match="reads text only") as caught:
        models.add_fallback(CODER, images=True)
    assert caught.value.suggestions[0] == VISION
    assert caught.value.hint == f"%openclaw models image-fallbacks add {VISION}"
