"""`docs/adding-a-provider.md` is true: its file is a provider, its test is a test of it."""

import re
from pathlib import Path

import pytest
from provider_contract import ProviderContract

from openclaw_ipython.chat.dialects import DIALECTS
from openclaw_ipython.providers import Provider, Providers, built_in

PAGE = (Path(__file__).parents[2] / "docs" / "adding-a-provider.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)


def run(block: str) -> dict:
    names: dict = {"__name__": "acme"}
    exec(compile(block, "adding-a-provider.md", "exec"), names)
    return names


PROVIDER: Provider = run(BLOCKS[0])["PROVIDER"]
EXAMPLE: type[ProviderContract] = run(BLOCKS[1])["TestAcme"]


class TestTheExample(EXAMPLE):
    """The contract, with the example's file among the others."""

    @pytest.fixture
    def providers(self):
        return Providers([*built_in().values(), PROVIDER])


def test_the_example_is_no_provider_of_ours():
    assert PROVIDER.id not in built_in()


def test_every_dialect_is_on_the_page():
    rows = re.search(r"\| `dialect` \|.*\n\|---.*\n((?:\|.*\n)+)", PAGE)[1].splitlines()
    named = [name.strip(" `") for row in rows for name in row.split("|")[1].split(",")]
    assert sorted(named) == sorted(name or "(empty)" for name in DIALECTS)
