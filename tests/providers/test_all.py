"""All providers together: which ones there are, their addresses and tables, and that each inherits the contract."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from openclaw_ipython.chat.thinking import family_of
from openclaw_ipython.providers import Price, Source, built_in
from openclaw_ipython.providers.guesses import guessed

RELEASED = {
    "qwen-portal", "modelstudio", "qwen-token-plan", "qwen-coding-plan", "openrouter", "fireworks", "modelscope",
    "ollama", "lmstudio", "vllm",
}  # fmt: skip


def test_no_released_provider_is_missing_and_the_portal_comes_first():
    assert set(built_in()) >= RELEASED
    assert next(iter(built_in())) == "qwen-portal"


@pytest.mark.parametrize("provider_id", [p.id for p in built_in().values() if p.configured is None])
def test_every_provider_has_a_test_that_inherits_the_contract(provider_id):
    text = (Path(__file__).parent / f"test_{provider_id.replace('-', '_')}.py").read_text("utf-8")
    assert re.search(rf'class \w+\((Provider|Local)Contract\):\n    id = "{provider_id}"', text)


@pytest.mark.parametrize(
    ("provider_id", "addresses"),
    [
        ("modelstudio", {
            "https://dashscope.aliyuncs.com/compatible-mode/v1",
            "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
            "https://dashscope-us.aliyuncs.com/compatible-mode/v1",
            "https://cn-hongkong.dashscope.aliyuncs.com/compatible-mode/v1",
            "https://trial.ap-northeast-1.maas.aliyuncs.com/compatible-mode/v1",
            "https://trial.eu-central-1.maas.aliyuncs.com/compatible-mode/v1",
        }),
        ("qwen-token-plan", {
            "https://token-plan.cn-beijing.maas.aliyuncs.com/compatible-mode/v1",
            "https://token-plan.ap-southeast-1.maas.aliyuncs.com/compatible-mode/v1",
        }),
        ("qwen-coding-plan", {
            "https://coding.dashscope.aliyuncs.com/v1", "https://coding-intl.dashscope.aliyuncs.com/v1",
        }),
        ("ollama", {"http://127.0.0.1:11434/v1"}),
        ("lmstudio", {"http://127.0.0.1:1234/v1"}),
        ("vllm", {"http://127.0.0.1:8000/v1"}),
    ],
)  # fmt: skip
def test_a_provider_has_these_addresses(provider_id, addresses):
    assert {region.base_url for region in built_in()[provider_id].regions} == addresses


@pytest.mark.parametrize(
    ("model", "window", "out", "images"),
    [
        ("qwen3.9-plus", 1_000_000, 65_536, False),
        ("qwen3.7-plus-2027-01-01", 1_000_000, 65_536, True),
        ("qwen3.8-max-preview", 1_000_000, 65_536, True),
        ("qwen3-coder-flash", 1_000_000, 65_536, False),
        ("qwen3-max", 262_144, 32_768, False),
        ("qwen-plus-latest", 262_144, 32_768, False),
        ("Qwen/Qwen3.6-35B-A3B", 262_144, 65_536, True),
        ("qwen3-omni-flash", 262_144, 32_768, True),
        ("qwen3-vl-8b", 262_144, 32_768, True),
        ("accounts/fireworks/models/qwen3p7-plus", 1_000_000, 65_536, True),
    ],
)
def test_an_unlisted_name_gets_sensible_limits(model, window, out, images):
    spec = guessed(model)
    assert (spec.context_window, spec.max_tokens, "image" in spec.input) == (window, out, images)


def test_a_name_that_tells_nothing_is_not_guessed():
    assert guessed("llama-9") is None


@pytest.mark.parametrize("provider", built_in().values(), ids=lambda p: p.id)
def test_the_tables_agree_with_the_rule_for_names_about_thinking(provider):
    for model in provider.models:
        if model.thinking and (provider.id in RELEASED or family_of(model.id)):
            assert family_of(model.id) == model.thinking, model.id


def test_a_price_counts_what_was_cached_and_what_is_beyond_the_threshold():
    source = Source("a test", "2026-01")
    price = Price(1.0, 4.0, source, cache_read=0.1, above=1_000, above_input=2.0, above_output=8.0)
    assert price.cost(1_000, 500) == pytest.approx((1_000 * 1.0 + 500 * 4.0) / 1e6)
    assert price.cost(400, 0, hit=600) == pytest.approx((400 * 1.0 + 600 * 0.1) / 1e6)
    kinds = Price(1.0, 4.0, source, cache_read=0.1, cache_write=1.25, unmarked_read=0.2)
    assert kinds.cost(400, 0, hit=600) == pytest.approx((400 + 600 * 0.2) / 1e6)
    assert kinds.cost(400, 0, hit=600, marked=True) == pytest.approx((400 + 600 * 0.1) / 1e6)
    assert kinds.cost(400, 0, written=600) == pytest.approx((400 + 600 * 1.25) / 1e6)
    assert price.cost(2_000, 500) == pytest.approx((2_000 * 2.0 + 500 * 8.0) / 1e6)
    assert price.cost(1_000, 0, hit=1_000) == pytest.approx((1_000 * 2.0 + 1_000 * 0.2) / 1e6)
    assert Price(1.0, 4.0, source).cost(400, 0, hit=600) == pytest.approx(1_000 / 1e6)


def test_the_providers_are_not_read_by_loading_the_extension():
    code = "import openclaw_ipython.shell.magics, sys; sys.exit('openclaw_ipython.providers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
