"""The model that a request with pictures goes to."""

import asyncio
import base64

import pytest

from openclaw_ipython.chat.types import Message, Notice
from openclaw_ipython.errors import ConfigError

PIXEL = base64.b64encode(
    base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAsAAAALCAIAAAAmzuBxAAAAFklEQVR4nGP8z4APMOGVZRiVxg4GSBoAuQwBFVNyDQoAAAAASUVORK5CYII="
    )
).decode()
SEEN = [
    Message(
        "user",
        [
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
            {"type": "text", "text": "what is this?"},
        ],
    )
]
TEXT_ONLY = {"id": "words", "name": "words", "input": ["text"]}
EYES = {"id": "eyes", "name": "eyes", "input": ["text", "image"]}


def entry(*models):
    return {
        "baseUrl": "https://mine.example/v1",
        "api": "openai-completions",
        "apiKey": "k" * 20,
        "models": [*models],
    }


async def notes_of(client):
    async with client:
        return [event.text async for event in client.stream(SEEN) if isinstance(event, Notice)]


def configured(house, defaults, *models):
    house.write_config({"agents": {"defaults": defaults}, "models": {"providers": {"mine": entry(*models)}}})
    return house.client


def test_pictures_go_to_a_vision_model_of_the_same_service(house):
    asyncio.run(house.login(set_default=True))
    question = house.client.resolve(SEEN)
    assert str(question.ref) == "qwen-portal/vision-model"
    assert (
        "qwen-portal/coder-model reads text only; pictures go to qwen-portal/vision-model" in question.notes
    )
    assert str(house.client.resolve("only words").ref) == "qwen-portal/coder-model"
    assert asyncio.run(notes_of(house.another())) == list(question.notes)


def test_the_configured_image_model_comes_first_with_its_own_fallbacks(house):
    defaults = {
        "model": {"primary": "mine/words", "fallbacks": ["mine/other"]},
        "imageModel": {"primary": "mine/eyes", "fallbacks": ["mine/more-eyes"]},
    }
    client = configured(
        house, defaults, TEXT_ONLY, EYES, {**EYES, "id": "more-eyes"}, {**EYES, "id": "other"}
    )
    question = client.resolve(SEEN)
    assert [str(way.ref) for way in (question, *question.alternatives)] == ["mine/eyes", "mine/more-eyes"]
    assert all("pictures go to mine/eyes" in way.notes[0] for way in (question, *question.alternatives))


def test_a_default_that_reads_pictures_keeps_the_fallbacks_that_do(house):
    defaults = {
        "model": {"primary": "mine/eyes", "fallbacks": ["mine/words", "mine/more-eyes", "mine/unheard-of"]}
    }
    client = configured(house, defaults, TEXT_ONLY, EYES, {**EYES, "id": "more-eyes"})
    question = client.resolve(SEEN)
    assert [str(way.ref) for way in (question, *question.alternatives)] == [
        "mine/eyes",
        "mine/more-eyes",
        "mine/unheard-of",
    ]
    assert question.notes == ()


def test_an_unknown_model_is_expected_to_read_pictures(house):
    client = configured(house, {"model": {"primary": "mine/unheard-of"}}, TEXT_ONLY)
    assert client.resolve(SEEN).notes == ()


def test_without_a_vision_model_the_error_names_the_command(house):
    client = configured(house, {"model": {"primary": "mine/words"}}, TEXT_ONLY, EYES)
    with pytest.raises(
        ConfigError, match="mine/words reads text only, and no model for pictures is chosen"
    ) as caught:
        client.resolve(SEEN)
    assert caught.value.hint.startswith("%openclaw models set-image ")
    assert caught.value.hint != "%openclaw models set-image "


def test_a_named_text_model_gets_the_picture_with_a_note(house):
    client = configured(house, {"model": {"primary": "mine/eyes"}}, TEXT_ONLY, EYES)
    question = client.resolve(SEEN, model="mine/words")
    assert str(question.ref) == "mine/words"
    assert question.notes == ("mine/words reads text only; the picture was sent all the same",)


def test_an_image_model_alone_is_enough_for_pictures(house):
    client = configured(house, {"imageModel": {"primary": "mine/eyes"}}, EYES)
    assert str(client.resolve(SEEN).ref) == "mine/eyes"
