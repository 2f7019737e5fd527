"""The reader's language in a real kernel: by preference, by locale, and gone again with the extension."""

import pytest

pytestmark = pytest.mark.kernel

LOCALE = """
import os
kept = {name: os.environ.pop(name, None) for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")}
os.environ["LANG"] = "zh_CN.UTF-8"
"""
BACK = """
os.environ.pop("LANG")
os.environ.update({name: value for name, value in kept.items() if value is not None})
"""


@pytest.fixture
def chinese_locale(notebook):
    notebook.run(LOCALE)
    notebook.run('%config OpenClaw.language = ""')
    yield notebook
    notebook.run(BACK)


def assert_chinese(notebook) -> None:
    overview = notebook.run("%openclaw")
    assert "账户" in overview.text
    assert "未登录" in overview.text
    assert "account" not in overview.text
    refused = notebook.run("%qwen hi")
    assert refused.ename == "LoginRequired"
    assert "尚未选择模型，也尚未登录" in refused.traceback
    assert "%openclaw login" in refused.traceback


def test_a_preference_changes_the_language_at_once_and_back(notebook):
    assert "account" in notebook.run("%openclaw").text
    notebook.run('%config OpenClaw.language = "zh_CN"')
    assert_chinese(notebook)
    notebook.run('%config OpenClaw.language = "en"')
    assert "account" in notebook.run("%openclaw").text


def test_the_locale_decides_where_nothing_is_preferred(chinese_locale):
    assert_chinese(chinese_locale)


def test_a_preference_wins_over_the_locale(chinese_locale):
    chinese_locale.run('%config OpenClaw.language = "en"')
    assert "account" in chinese_locale.run("%openclaw").text


def test_the_status_and_its_empty_values_are_in_the_language(chinese_locale):
    assert "默认模型" in chinese_locale.run("%openclaw models status").text
    assert '"defaultModel": null' in chinese_locale.run("%openclaw models status --json").text


def test_the_place_of_a_key_is_in_the_language(chinese_locale):
    chinese_locale.run("os.environ['DASHSCOPE_API_KEY'] = 'sk-made-up-for-this-test'")
    shown = chinese_locale.run("%qwen -m modelstudio/qwen3.7-plus --dry-run hi")
    chinese_locale.run("del os.environ['DASHSCOPE_API_KEY']")
    assert "使用 DASHSCOPE_API_KEY 中的密钥" in shown.text


def test_the_sign_in_is_in_the_language_to_its_end(chinese_locale):
    cell = chinese_locale.run("%openclaw login")
    assert "设备码" in cell.text
    assert "登录 Qwen" in cell.text
    chinese_locale.run("%unload_ext openclaw_ipython")
    chinese_locale.run("from openclaw_ipython.i18n import translate; message = translate('sign in')")
    assert chinese_locale.value("message") == "sign in"
