"""The portal's prompt cache and its bill: kinds of tokens, times, and what is too short."""

import pytest
from prompt_cache import LIFETIME, Bill, PromptCaches

LONG = "word " * 1_000  # 1,250 tokens
MARK = {"cache_control": {"type": "ephemeral"}}


def body(shared, own="row", *, marked=True, model="m"):
    part = {"type": "text", "text": shared, **(MARK if marked else {})}
    return {"model": model, "messages": [{"role": "user", "content": [part, {"type": "text", "text": own}]}]}


def counts(details):
    return details["cached_tokens"], details.get("cache_creation_input_tokens")


def test_a_marked_beginning_is_written_once_and_then_hit():
    caches = PromptCaches()
    assert [counts(caches.usage(body(LONG, own), 0, 0)) for own in "abc"] == [(0, 1254), (1254, 0), (1254, 0)]


def test_it_is_written_after_the_answer():
    caches = PromptCaches()
    found = [counts(caches.usage(body(LONG), now, 10)) for now in (0, 0, 9, 10)]
    assert found == [(0, 1254), (0, 1254), (0, 1254), (1254, 0)]


def test_it_lives_for_five_minutes_from_its_last_use():
    caches = PromptCaches()
    times = (0, LIFETIME - 1, 2 * LIFETIME - 2, 3 * LIFETIME, 3 * LIFETIME + 1)
    found = [counts(caches.usage(body(LONG), now, 0)) for now in times]
    assert found == [(0, 1254), (1254, 0), (1254, 0), (0, 1254), (1254, 0)]


@pytest.mark.parametrize("other", [body("word " * 800), body(LONG, model="n"), body("w" + LONG)])
def test_a_short_beginning_another_model_and_another_text_are_no_hits(other):
    caches = PromptCaches()
    caches.usage(body(LONG), 0, 0)
    assert caches.usage(other, 0, 0)["cached_tokens"] == 0


def test_a_longer_block_writes_only_what_is_new():
    caches = PromptCaches()
    caches.usage(body(LONG), 0, 0)
    longer = body(LONG)
    longer["messages"][0]["content"][1] |= {"text": LONG, **MARK}
    assert counts(caches.usage(longer, 0, 0)) == (1254, 1250)


def test_beginnings_without_marks_are_found_in_steps_and_nothing_is_written():
    caches = PromptCaches()
    found = [counts(caches.usage(body(LONG, own, marked=False), 0, 0)) for own in "ab"]
    assert found == [(0, None), (1024, None)]


def test_a_picture_is_part_of_the_block_and_has_no_characters():
    def shown(url):
        picture = {"type": "image_url", "image_url": {"url": url}}
        return {
            "model": "m",
            "messages": [{"role": "user", "content": [picture, *body(LONG)["messages"][0]["content"]]}],
        }

    caches = PromptCaches()
    assert counts(caches.usage(shown("data:a"), 0, 0)) == (0, 1254)
    assert counts(caches.usage(shown("data:b"), 0, 0)) == (0, 1254)


def test_the_bill_has_each_kind_with_its_price():
    bill = Bill()
    for details in (
        {"cached_tokens": 0, "cache_creation_input_tokens": 60},
        {"cached_tokens": 60, "cache_creation_input_tokens": 0},
        {"cached_tokens": 50},
    ):
        bill.add({"prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": details})
    assert bill == Bill(3, 40 + 40 + 50, 60, 50, 60, 30)
    assert bill.uncached == 300
    assert bill.input == pytest.approx(130 + 6 + 10 + 75)
