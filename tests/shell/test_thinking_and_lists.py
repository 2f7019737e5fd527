"""`--thinking` and `models list --refresh` in a real kernel, against the practice portal."""

import pytest

pytestmark = pytest.mark.kernel


@pytest.mark.parametrize(("level", "sent"), [("on", True), ("off", False), ("HIGH", True)])
def test_thinking_reaches_the_service(signed_in, level, sent):
    signed_in.run(f"%%qwen --thinking {level}\nhi")
    assert signed_in.chats()[-1].json()["enable_thinking"] is sent


def test_without_it_the_service_decides(signed_in):
    signed_in.run("%%qwen\nhi")
    assert "enable_thinking" not in signed_in.chats()[-1].json()


def test_a_mistyped_level_is_told_and_nothing_is_sent(signed_in):
    cell = signed_in.run("%%qwen --thinking hgih\nhi")
    assert cell.ename == "UsageError"
    assert "high" in cell.traceback
    assert signed_in.chats() == []


def test_the_levels_complete(signed_in):
    assert signed_in.kernel.complete("%%qwen --thinking ") == ["off", "on", "low", "medium", "high"]
    assert signed_in.kernel.complete("%%qwen --thinking m") == ["medium"]


def test_a_refreshed_list_is_shown_completed_and_kept(signed_in):
    signed_in.portal.offers("brand-new-model", images=True)
    assert "brand-new-model" not in signed_in.run("%openclaw models list").text
    assert "brand-new-model" in signed_in.run("%openclaw models list --refresh").text
    asked = len(signed_in.portal.requests)
    assert "brand-new-model" in signed_in.run("%openclaw models list --plain").text
    assert "qwen-portal/brand-new-model" in signed_in.kernel.complete("%%qwen qwen-portal/bra")
    assert len(signed_in.portal.requests) == asked
    assert any(path.endswith("catalogue.json") for path in signed_in.files())


def test_a_service_that_gives_no_list_is_a_line_and_the_others_are_shown(signed_in):
    signed_in.portal.fails_next("/v1/models", 503, "{}")
    cell = signed_in.run("%openclaw models list --refresh")
    assert cell.ename == ""
    assert "qwen-portal: " in cell.text
    assert "coder-model" in cell.text


def test_a_service_that_was_named_and_gives_no_list_is_an_error(signed_in):
    signed_in.portal.fails_next("/v1/models", 503, "{}")
    assert (
        signed_in.run("%openclaw models list --refresh --provider qwen-portal").ename == "ServiceUnavailable"
    )
