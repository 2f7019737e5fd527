"""What services say about their models."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_ipython.errors import ProtocolError
from openclaw_ipython.models.listing import read_listing, with_details
from openclaw_ipython.providers import ModelSpec


def read(*rows, **around):
    return read_listing(json.dumps({"data": list(rows), **around}).encode(), "2026-11-23")


IMAGES, TEXT = ("text", "image"), ("text",)
LLAMA_SERVER = {
    "vocab_type": 2,
    "n_vocab": 151_936,
    "n_ctx": 4_096,
    "n_ctx_train": 40_960,
    "n_params": 596_049_920,
}


@pytest.mark.parametrize(
    ("row", "window", "out", "kinds"),
    [
        ({"id": "qwen3.7-plus"}, 0, 0, IMAGES),  # by its name
        ({"id": "qwen3-8b"}, 0, 0, ()),
        ({"id": "unheard-of"}, 0, 0, ()),
        ({"id": "qwen3-8b", "max_model_len": 1_024}, 1_024, 0, ()),  # vLLM, SGLang
        ({"id": "a", "meta": LLAMA_SERVER}, 4_096, 0, ()),  # llama-server
        ({"id": "a", "max_input_tokens": 8_000, "max_output_tokens": 900, "supports_vision": True}, 8_000, 900, IMAGES),
        ({"model_name": "a", "litellm_params": {"model": "openai/x"}, "model_info": {
            "max_input_tokens": 8_000, "max_output_tokens": 900, "supports_vision": False}}, 8_000, 900, TEXT),
        ({"id": "a", "max_context_length": 32_768, "capabilities": {"vision": True}}, 32_768, 0, IMAGES),  # Mistral
        ({"id": "a", "max_context_length": 32_768, "capabilities": {"vision": False}}, 32_768, 0, TEXT),
        ({"id": "a", "context_window": 131_072, "max_completion_tokens": 32_768}, 131_072, 32_768, ()),  # Groq
        ({"id": "a", "supported_input_modalities": ["text", "image"], "capabilities": ["streaming"]}, 0, 0, IMAGES),
        ({"id": "a", "capabilities": ["streaming", "tool-calling"]}, 0, 0, ()),  # GitHub says nothing of pictures
        ({"id": "a", "type": "vlm", "max_context_length": 32_768}, 32_768, 0, IMAGES),
        ({"id": "a", "max_context_length": 9, "loaded_context_length": 5}, 5, 0, ()),
        ({"id": "qwen3.7-plus", "supports_image_input": False}, 0, 0, TEXT),
        ({"id": "a", "architecture": {"input_modalities": ["image", "audio"]}}, 0, 0, IMAGES),
        ({"id": "a", "top_provider": {"context_length": 7, "max_completion_tokens": 3}}, 7, 3, ()),  # OpenRouter
        ({"id": "a", "context_length": True, "max_output_tokens": -1}, 0, 0, ()),
        ({"id": "a", "context_length": "many", "meta": None, "capabilities": None}, 0, 0, ()),
    ],
)  # fmt: skip
def test_limits_and_kinds_are_taken_from_wherever_they_are(row, window, out, kinds):
    (spec,) = read(row)
    assert (spec.context_window, spec.max_tokens, spec.input) == (window, out, kinds)
    assert spec.source.date == "2026-11-23"


@pytest.mark.parametrize(
    ("capability", "kinds"), [("multimodal", IMAGES), ("vision", IMAGES), ("tools", TEXT)]
)
def test_llama_server_tells_in_a_second_list_what_a_model_reads(capability, kinds):
    about = {"name": "a.gguf", "model": "a.gguf", "capabilities": ["completion", capability]}
    (spec,) = read({"id": "a.gguf", "meta": LLAMA_SERVER}, models=[about], object="list")
    assert (spec.id, spec.input, spec.context_window) == ("a.gguf", kinds, 4_096)


@pytest.mark.parametrize(
    "row",
    [
        {"id": "text-embedding-v4"}, {"id": "a", "type": "embeddings"}, {"id": "a", "supports_chat": False},
        {"id": "qwen3-tts-flash"}, {"id": "gte-rerank"}, {"id": ""}, {"id": 7}, {"id": "with blank"},
        {"id": "line\nbreak"}, {"id": "x" * 201}, {}, "text", None, [],
    ],
)  # fmt: skip
def test_what_cannot_be_chatted_with_or_typed_is_left_out(row):
    assert read(row, {"id": "good"})[0].id == "good"
    assert len(read(row, {"id": "good"})) == 1


@pytest.mark.parametrize("pricing", [None, {}, {"prompt": "0.1"}, 7])
def test_without_a_price_none_is_known(pricing):
    assert read({"id": "a", "pricing": pricing})[0].price is None


@pytest.mark.parametrize("dollars", ["x", "-1", "nan", "1e400", None, [], "5"])
def test_nonsense_is_no_price(dollars):
    assert read({"id": "a", "pricing": {"prompt": dollars, "completion": "0"}})[0].price is None


@pytest.mark.parametrize("body", [b"", b"{}", b"nonsense", b'{"data": 1}', b"7", b"<html>", b'{"error": {}}'])
def test_what_is_no_list_is_an_error(body):
    with pytest.raises(ProtocolError):
        read_listing(body, "2026-11-23")


@pytest.mark.parametrize("body", [b'{"object": "list", "data": null}', b'{"data": []}', b"[]"])
def test_an_empty_list_is_one(body):
    assert read_listing(body, "2026-11-23") == ()


def test_a_name_for_people_cannot_act():
    assert "\x1b" not in read({"id": "a", "name": "bad \x1b[31m name"})[0].name


@pytest.mark.parametrize(
    ("shown", "window", "kinds"),
    [
        ({"capabilities": ["vision"], "model_info": {"q.context_length": 4_096}}, 4_096, ("text", "image")),
        ({"capabilities": ["completion"]}, 128_000, ("text",)),
        ({"model_info": {"q.context_length": "x"}}, 128_000, ("text",)),
        ({}, 128_000, ("text",)),
        ([], 128_000, ("text",)),
    ],
)
def test_details_add_what_they_tell(shown, window, kinds):
    spec = with_details(ModelSpec("a", "a"), json.dumps(shown).encode())
    assert (spec.context_window, spec.input) == (window, kinds)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    [
        "id",
        "name",
        "type",
        "context_length",
        "pricing",
        "architecture",
        "top_provider",
        "capabilities",
        "model_info",
        "meta",
        "n_ctx",
        "supports_vision",
    ]
)


@given(st.lists(st.dictionaries(names, values, max_size=6) | values, max_size=4))
def test_whatever_a_service_lists_is_read_or_left_out(rows):
    for spec in read(*rows):
        assert spec.id.isprintable()
        assert spec.context_window >= 0
        with_details(spec, json.dumps(rows).encode())
    for row in rows:
        with_details(ModelSpec("a", "a"), json.dumps(row).encode())
