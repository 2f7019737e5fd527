"""The reader's language: which one it is, and that its catalogue is whole and says nothing else than the English."""

import ast
import re
import string
from pathlib import Path

import messages
import pytest

from openclaw_ipython.auth.device_flow import DevicePrompt
from openclaw_ipython.errors import LoginExpired
from openclaw_ipython.i18n import CHINESE, ENGLISH, FOLDER, N_, language_for, set_language, translate
from openclaw_ipython.shell.login.state import SignInState, prompt_bundle, prompt_text
from openclaw_ipython.shell.views import FactsView, duration

ROOT = Path(__file__).parents[1]
PO = FOLDER / CHINESE / "LC_MESSAGES" / "openclaw_ipython.po"


SENTENCES = {english: chinese for english, chinese in messages.translations(PO).items() if chinese}


@pytest.fixture
def in_chinese():
    set_language(CHINESE)
    yield
    set_language(ENGLISH)


# -- which language --


@pytest.mark.parametrize(
    ("wanted", "environ", "language"),
    [
        ("", {"LANG": "en_US.UTF-8"}, "en"),
        ("", {"LANG": "C.UTF-8"}, "en"),
        ("", {"LANG": "zh_CN.UTF-8"}, "zh_CN"),
        ("", {"LANG": "zh_SG"}, "zh_CN"),
        ("", {"LANG": "zh_TW.UTF-8"}, "en"),
        ("", {"LANG": "de_DE.UTF-8"}, "en"),
        ("", {"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "zh_CN"),
        ("", {"LANG": "zh_CN.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        ("", {"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "zh_CN"),
        ("", {"LANG": "en_US.UTF-8", "LANGUAGE": "zh_CN:en"}, "zh_CN"),
        ("", {"LANG": "zh_CN.UTF-8", "LANGUAGE": "en:zh_CN"}, "en"),
        ("", {"LANG": "en_US.UTF-8", "LANGUAGE": "de:zh"}, "zh_CN"),
        ("", {"LANG": "C.UTF-8", "LANGUAGE": "zh_CN"}, "en"),
        ("zh_CN", {"LANG": "en_US.UTF-8"}, "zh_CN"),
        ("zh-Hans", {"LANG": "en_US.UTF-8"}, "zh_CN"),
        ("en", {"LANG": "zh_CN.UTF-8"}, "en"),
        ("fr", {"LANG": "zh_CN.UTF-8"}, "en"),
        ("   ", {"LANG": "zh_CN.UTF-8"}, "zh_CN"),
    ],
)
def test_the_language_is_the_one_asked_for_else_that_of_the_locale(wanted, environ, language):
    assert language_for(wanted, environ) == language


def test_a_process_speaks_english_until_it_is_told_otherwise():
    assert translate("the quota is used up: {reason}", reason="x") == "the quota is used up: x"


def test_values_are_put_in_as_they_are(in_chinese):
    assert translate("the quota is used up: {reason}", reason="{sign in}") == "额度已用完：{sign in}"


def test_a_sentence_without_a_translation_stays_english(in_chinese):
    assert translate("no catalogue has {this}", this=1) == "no catalogue has 1"


def test_marking_changes_nothing(in_chinese):
    assert N_("sign in") == "sign in"


# -- the catalogue --


def _fields(template: str) -> list[tuple[str | None, ...]]:
    return sorted(
        (name, spec, how) for _, name, spec, how in string.Formatter().parse(template) if name is not None
    )


@pytest.mark.parametrize("english", SENTENCES, ids=lambda text: text[:40])
def test_a_translation_has_the_fields_of_its_sentence(english):
    assert _fields(SENTENCES[english]) == _fields(english)
    assert all(name.isidentifier() for name, _, _ in _fields(english))


@pytest.mark.parametrize("english", SENTENCES, ids=lambda text: text[:40])
def test_a_translation_keeps_commands_and_variables(english):
    def kept(text: str) -> set[str]:
        return set(re.findall(r"%%?[a-z]+|--[a-z-]+|[A-Z]+_[A-Z_]+|https?://", text))

    assert kept(SENTENCES[english]) == kept(english)


def test_a_sentence_the_catalogue_lacks_is_reported_and_one_it_has_left_over_too(monkeypatch):
    monkeypatch.setattr(messages, "templates", lambda: {"a new sentence": "somewhere.py"})
    lines = messages.report()
    assert "zh_CN: untranslated 'a new sentence' (somewhere.py)" in lines
    assert len(lines) == len(messages.translations(PO)) + 1


def test_a_catalogue_in_step_is_written_as_it_stands(tmp_path):
    folder = tmp_path / CHINESE / "LC_MESSAGES"
    folder.mkdir(parents=True)
    copy = folder / PO.name
    copy.write_bytes(PO.read_bytes())
    messages.update(copy)
    once = copy.read_bytes()
    messages.update(copy)
    assert copy.read_bytes() == once
    kept = messages.translations(copy)
    assert {k: v for k, v in kept.items() if v} == {k: v for k, v in SENTENCES.items() if k in kept}


def test_marked_sentences_and_the_help_of_commands_are_found_too():
    wanted = {"sign in", "Beijing (China)", "The chosen models, and the logins in use."}
    assert wanted <= set(messages.templates())


def test_no_sentence_is_put_together_before_it_is_translated():
    wrong = []
    for path in messages.PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="_" | "translate" | "N_"), args=[first, *_]):
                    if not isinstance(first, ast.Constant | ast.Name | ast.Attribute | ast.Subscript):
                        wrong.append(f"{path.name}:{node.lineno}")
    assert wrong == []


# -- how it looks --


def test_times_are_told_in_the_language(in_chinese):
    assert [duration(s) for s in (42, 200, 18_720, 12 * 86_400)] == [
        "42 秒",
        "3 分 20 秒",
        "5 小时 12 分",
        "12 天",
    ]


def test_columns_stay_aligned_under_wide_characters():
    lines = FactsView("t", [("模型", "a"), ("id", "b")]).text().splitlines()
    assert lines == ["t", "  模型  a", "  id    b"]


def _shown(widget) -> str:
    """Every text in a tree of widgets."""
    own = [getattr(widget, name, "") or "" for name in ("value", "description", "tooltip", "placeholder")]
    titles = list(getattr(widget, "titles", ()))
    return "\n".join([*map(str, own), *titles, *map(_shown, getattr(widget, "children", ()))])


PROMPT = DevicePrompt("ABCD-EFGH", "https://example.org/a", "https://example.org/a?c=ABCD-EFGH", 900.0)
WAITING = SignInState("Qwen", "waiting", PROMPT, left=60.0)
EXPIRED = SignInState("Qwen", "expired", error=LoginExpired("x", hint="y"))


def test_the_panel_is_in_the_language_in_every_state(in_chinese):
    from ipywidgets import HTML

    from openclaw_ipython.shell.login.panel import SignInPanel

    panel = SignInPanel("Qwen", lambda: None, HTML(""))
    panel.update(WAITING)
    shown = _shown(panel.widget)
    for words in (
        "登录 Qwen",
        "复制",
        "打开登录页面",
        "或用手机扫码",
        "还剩 1 分 0 秒",
        "等待您确认",
        "取消",
        "其他登录方式",
    ):
        assert words in shown
    assert PROMPT.user_code in shown
    panel.update(EXPIRED)
    assert "已过期：设备码没有在有效期内确认" in _shown(panel.widget)


def test_the_fields_for_a_key_are_in_the_language(in_chinese):
    from openclaw_ipython.providers import built_in
    from openclaw_ipython.shell.login.panel import KeyForm

    product = built_in()["modelstudio"]
    form = KeyForm([product], product.id, lambda provider: provider.base_url, lambda entered, tell: None)
    shown = _shown(form.widget)
    for words in ("产品", "地区", "API 密钥", "粘贴到这里", "保存", "获取 API 密钥"):
        assert words in shown
    assert "北京（中国）" in str(form._region.options)


def test_the_sign_in_as_text_is_in_the_language(in_chinese):
    assert "请打开" in prompt_text(WAITING)
    assert PROMPT.link in prompt_text(WAITING)
    assert "上面没有面板？" in prompt_bundle(WAITING)["text/html"]
    assert prompt_text(EXPIRED).startswith("已过期")
