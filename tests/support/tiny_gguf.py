"""Writes a llama of two layers with random weights and a vocabulary of bytes: half a megabyte, and no sense in it.

Run by the Python of the server's own environment: `python tiny_gguf.py FILE`.
"""

import sys

import gguf
import numpy as np

WIDTH, LAYERS, HEADS, INNER = 64, 2, 4, 128
CONTROL, BYTES, LETTERS = (
    ["<unk>", "<s>", "</s>"],
    [f"<0x{n:02X}>" for n in range(256)],
    list("▁abcdefghijklmnopqrstuvwxyz"),
)
TEMPLATE = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant: "


def write(path: str) -> None:
    kinds = gguf.TokenType
    tokens = [*CONTROL, *BYTES, *LETTERS]
    out = gguf.GGUFWriter(path, "llama")
    out.add_name("tiny-random")
    out.add_context_length(2048)
    out.add_embedding_length(WIDTH)
    out.add_block_count(LAYERS)
    out.add_feed_forward_length(INNER)
    out.add_head_count(HEADS)
    out.add_head_count_kv(HEADS)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_dimension_count(WIDTH // HEADS)
    out.add_vocab_size(len(tokens))
    out.add_tokenizer_model("llama")
    out.add_token_list(tokens)
    out.add_token_scores(
        [0.0] * len(CONTROL) + [-1000.0] * len(BYTES) + [-float(n) for n in range(len(LETTERS))]
    )
    out.add_token_types(
        [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL]
        + [kinds.BYTE] * len(BYTES)
        + [kinds.NORMAL] * len(LETTERS)
    )
    out.add_bos_token_id(1)
    out.add_eos_token_id(2)
    out.add_chat_template(TEMPLATE)
    random = np.random.default_rng(0)

    def weights(name: str, *shape: int) -> None:
        out.add_tensor(f"{name}.weight", (random.standard_normal(shape) * 0.05).astype(np.float32))

    def ones(name: str) -> None:
        out.add_tensor(f"{name}.weight", np.ones(WIDTH, np.float32))

    weights("token_embd", len(tokens), WIDTH)
    ones("output_norm")
    weights("output", len(tokens), WIDTH)
    for layer in range(LAYERS):
        at = f"blk.{layer}"
        ones(f"{at}.attn_norm")
        ones(f"{at}.ffn_norm")
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            weights(f"{at}.{part}", WIDTH, WIDTH)
        weights(f"{at}.ffn_gate", INNER, WIDTH)
        weights(f"{at}.ffn_up", INNER, WIDTH)
        weights(f"{at}.ffn_down", WIDTH, INNER)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


if __name__ == "__main__":
    write(sys.argv[1])
