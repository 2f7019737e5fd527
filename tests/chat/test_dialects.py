"""The dialect of a host is found by its address, or declared by its provider."""

import pytest

from openclaw_ipython.chat.adjustments import ADJUSTMENT_NAMES
from openclaw_ipython.chat.dialects import DIALECTS, PLAIN, Dialect, dialect_for

DASHSCOPE = DIALECTS["dashscope"]


@pytest.mark.parametrize(
    ("base_url", "name"),
    [
        ("https://dashscope.aliyuncs.com/compatible-mode/v1", "dashscope"),
        ("https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "dashscope"),
        ("https://dashscope-us.aliyuncs.com/compatible-mode/v1", "dashscope"),
        ("https://cn-hongkong.dashscope.aliyuncs.com/compatible-mode/v1", "dashscope"),
        ("https://coding-intl.dashscope.aliyuncs.com/v1", "dashscope"),
        ("https://token-plan.cn-beijing.maas.aliyuncs.com/compatible-mode/v1", "dashscope"),
        ("https://x.alibaba-inc.com/v1", "dashscope"),
        ("https://DASHSCOPE.aliyuncs.com/v1", "dashscope"),
        (
            "https://ws1.ap-southeast-1.maas.aliyuncs.com/compatible-mode/v1",
            "",
        ),  # the address of a workspace does not count
        ("https://dashscope.aliyuncs.com.evil.example/v1", ""),
        ("https://notdashscope.aliyuncs.com/v1", ""),
        ("https://mydashscope-intl.aliyuncs.com/v1", ""),
        ("https://portal.qwen.ai/v1", "portal"),
        ("https://evilqwen.ai/v1", ""),
        ("https://openrouter.ai/api/v1", "openrouter"),
        ("https://api.fireworks.ai/inference/v1", "fireworks"),
        ("https://api-inference.modelscope.cn/v1", "modelscope"),
        ("http://127.0.0.1:8000/v1", ""),
        ("https://[bad", ""),
        ("", ""),
    ],
)
def test_a_host_is_known_by_its_name(base_url, name):
    assert dialect_for(base_url).name == name


def test_a_configured_proxy_counts_as_dashscope():
    proxy = "https://proxy.example/compatible-mode/v1"
    assert dialect_for("https://proxy.example/v1", proxies=[proxy]) is DASHSCOPE
    assert dialect_for("https://other.example/v1", proxies=[proxy]) is PLAIN
    assert dialect_for("https://other.example/v1", proxies=[""]) is PLAIN


def test_the_providers_dialect_wins_over_its_address():
    assert dialect_for("http://127.0.0.1:8642/v1", "dashscope") is DASHSCOPE
    assert dialect_for("https://openrouter.ai/api/v1", "dashscope") is DASHSCOPE


def test_only_the_portal_itself_needs_cache_marks():
    assert "begins with a mark" in dialect_for("https://portal.qwen.ai/v1", "portal").adjustments
    assert "begins with a mark" not in dialect_for("http://127.0.0.1:8642/v1", "portal").adjustments


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda d: d.name or "plain")
def test_the_adjustments_of_a_dialect_are_in_the_table(dialect):
    assert dialect.adjustments <= ADJUSTMENT_NAMES


def test_a_dialect_is_a_value():
    assert Dialect("x") == Dialect("x")
