"""The approval page and the forms that it accepts."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.practice import pages

NOTE = "Practice portal: not a real service, no account needed"


def fields_of(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))


def test_the_page_shows_code_client_scopes_and_both_buttons(ask):
    code = ask.device_code(scope="openid model.completion").json()["user_code"]
    page = ask.send("GET", f"/authorize?user_code={code}&client=qwen-code")
    assert page.status == 200
    assert f'<div class="code">{code}</div>' in page.text
    assert "a-notebook/1" in page.text
    assert "It asks for: openid, model.completion." in page.text
    assert 'value="approve">Approve' in page.text
    assert 'value="deny">Deny' in page.text
    assert NOTE in page.text


@pytest.mark.parametrize(("decision", "status"), [("approve", 200), ("deny", 400)])
def test_pressing_a_button_decides(ask, decision, status):
    invitation = ask.device_code().json()
    page = ask.send("GET", f"/authorize?user_code={invitation['user_code']}")
    after = ask.form("/authorize", fields_of(page.text) | {"decision": decision})
    assert after.status == 200
    assert "close this page" in after.text
    assert NOTE in after.text
    assert ask.poll(invitation["device_code"]).status == status


@pytest.mark.parametrize("typed", ["{lower}", " {upper} ", "{bare}"])
def test_a_code_is_accepted_in_any_case_and_without_dash(ask, typed):
    code = ask.device_code().json()["user_code"]
    spelled = typed.format(lower=code.lower(), upper=code, bare=code.replace("-", "")).replace(" ", "+")
    assert f'<div class="code">{code}</div>' in ask.send("GET", f"/authorize?user_code={spelled}").text


@pytest.mark.parametrize(
    "forged",
    [
        {"csrf_token": "guess"},
        {"csrf_token": ""},
        {"csrf_token": "é\ud800".encode("utf-8", "replace").decode()},
    ],
)
def test_a_form_without_a_valid_token_is_refused(ask, forged):
    invitation = ask.device_code().json()
    ask.send("GET", f"/authorize?user_code={invitation['user_code']}")
    fields = {"user_code": invitation["user_code"], "decision": "approve"} | forged
    assert ask.form("/authorize", fields).status == 403
    assert ask.poll(invitation["device_code"]).error == "authorization_pending"


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_a_form_from_another_origin_is_refused(ask, origin):
    invitation = ask.device_code().json()
    fields = fields_of(ask.send("GET", f"/authorize?user_code={invitation['user_code']}").text)
    assert ask.form("/authorize", fields | {"decision": "approve"}, origin=origin).status == 403
    assert ask.poll(invitation["device_code"]).error == "authorization_pending"


def test_the_token_of_a_page_is_not_valid_for_another_code(ask):
    mine, other = ask.device_code().json(), ask.device_code().json()
    fields = fields_of(ask.send("GET", f"/authorize?user_code={mine['user_code']}").text)
    forged = fields | {"user_code": other["user_code"], "decision": "approve"}
    assert ask.form("/authorize", forged).status == 403


def test_a_decision_is_made_once(ask):
    code = ask.device_code().json()["user_code"]
    fields = fields_of(ask.send("GET", f"/authorize?user_code={code}").text)
    ask.form("/authorize", fields | {"decision": "deny"})
    again = ask.form("/authorize", fields | {"decision": "approve"})
    assert "Already denied" in again.text
    assert "Already denied" in ask.send("GET", f"/authorize?user_code={code}").text


@pytest.mark.parametrize(
    "target", ["/authorize", "/", "/authorize?user_code=", "/authorize?client=qwen-code"]
)
def test_without_a_code_the_page_has_a_field_for_it(ask, target):
    page = ask.send("GET", target)
    assert page.status == 200
    assert '<input name="user_code"' in page.text
    assert NOTE in page.text


@pytest.mark.parametrize("code", ["ZZZZ-ZZZZ", "-", "%3Cscript%3Ealert(1)%3C/script%3E"])
def test_an_unknown_code_has_its_page(ask, code):
    page = ask.send("GET", f"/authorize?user_code={code}")
    assert page.status == 404
    assert "Unknown code" in page.text
    assert "alert" not in page.text


def test_an_expired_code_has_its_page(ask, portal, clock):
    code = ask.device_code().json()["user_code"]
    clock.tick(900)
    page = ask.send("GET", f"/authorize?user_code={code}")
    assert (page.status, "expired" in page.text) == (410, True)


def test_the_content_security_policy_allows_only_the_style_sheet(ask):
    code = ask.device_code().json()["user_code"]
    page = ask.send("GET", f"/authorize?user_code={code}")
    policy = page.headers["content-security-policy"]
    style = re.search(r"<style>(.*?)</style>", page.text, re.S)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "prefers-color-scheme: dark" in style.group(1)
    assert not re.search(r"<script|https?://|src=|style=|@import|url\(", page.text)


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.words += data


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0\r")))
def test_the_name_of_the_client_is_escaped(name):
    plain, seen = Seen(), Seen()
    plain.feed(
        bytes(pages.approval_page(user_code="A", client_name="x", scopes=(), csrf_token="t").body).decode()
    )
    seen.feed(
        bytes(pages.approval_page(user_code="A", client_name=name, scopes=(), csrf_token="t").body).decode()
    )
    assert seen.tags == plain.tags
    assert f"{name} asks to sign in." in seen.words
