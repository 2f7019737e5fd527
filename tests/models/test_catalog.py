"""The remembered lists: a file of our own that may be gone, damaged or written by two at once."""

import json
import stat
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.models.catalog import ModelCatalog
from openclaw_ipython.providers import ModelSpec, Price, Source

BASE = "https://service.example/v1"
SOURCE = Source("the service's own list", "2026-11-18")
MODELS = (
    ModelSpec("a", "A", ("text", "image"), 1_000, 100, True, "hybrid", Price(1.0, 2.0, SOURCE, 0.1), SOURCE),
    ModelSpec("b", "B", source=SOURCE),
)


@pytest.fixture
def catalogue(home, clock):
    return ModelCatalog(home.catalogue, clock)


def test_what_was_saved_is_read_back_the_same(home, clock, catalogue):
    catalogue.save("service", BASE + "/", MODELS)
    assert ModelCatalog(home.catalogue, clock).models("service", BASE) == MODELS
    assert catalogue.models("service", BASE + "/") == MODELS


def test_a_list_counts_only_at_the_address_it_came_from(catalogue):
    catalogue.save("service", BASE, MODELS)
    assert catalogue.models("service", "https://elsewhere.example/v1") == ()
    assert catalogue.models("other", BASE) == ()


def test_lists_of_several_services_stand_side_by_side(home, clock, catalogue):
    other = ModelCatalog(home.catalogue, clock)
    catalogue.save("one", BASE, MODELS[:1])
    other.save("two", BASE, MODELS[1:])  # it had not seen the first
    catalogue.save("three", BASE, MODELS)
    found = ModelCatalog(home.catalogue, clock)
    assert [len(found.models(name, BASE)) for name in ("one", "two", "three")] == [1, 1, 2]


def test_what_another_program_saves_is_seen_without_a_restart(home, clock, catalogue):
    assert catalogue.models("service", BASE) == ()
    ModelCatalog(home.catalogue, clock).save("service", BASE, MODELS)
    assert catalogue.models("service", BASE) == MODELS
    home.catalogue.unlink()
    assert catalogue.models("service", BASE) == ()


def test_looking_writes_nothing(home, catalogue):
    catalogue.models("service", BASE)
    assert not home.state_dir.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
def test_it_is_for_its_owner_only(home, catalogue):
    catalogue.save("service", BASE, MODELS)
    assert stat.S_IMODE(home.catalogue.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", '{"version": 2, "providers": {}}', '{"version": 1, "providers": []}',
        '{"version": 1, "providers": {"service": 7}}',
        json.dumps({"version": 1, "providers": {"service": {"baseUrl": BASE, "models": [{"id": 1}]}}}),
        json.dumps({"version": 1, "providers": {"service": {"baseUrl": BASE, "fetchedAt": 1e300, "models": []}}}),
        json.dumps({"version": 1, "providers": {"service": {"baseUrl": BASE, "models": [7]}}}),
    ],
)  # fmt: skip
def test_a_damaged_file_counts_as_an_empty_one_and_is_replaced(home, catalogue, text):
    home.catalogue.parent.mkdir(parents=True)
    home.catalogue.write_text(text, "utf-8")
    assert catalogue.models("service", BASE) == ()
    catalogue.save("service", BASE, MODELS)
    assert catalogue.models("service", BASE) == MODELS


@given(st.binary(max_size=60))
def test_no_bytes_in_the_file_stop_a_question(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("own") / "catalogue.json"
    path.write_bytes(data)
    assert ModelCatalog(path, lambda: 0.0).models("service", BASE) == ()
