"""The facts that the models of Alibaba Cloud's three Qwen products have in common. This module is no provider.

`modelstudio`, `qwen_token_plan` and `qwen_coding_plan` pick models by id and state the differences.
Limits are those of the vendor's catalogue; prices are international pay-as-you-go, which the plans do not use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from openclaw_ipython.providers.spec import ModelSpec, Price, Source

if TYPE_CHECKING:
    from openclaw_ipython.chat.thinking import Family

CATALOGUE = Source("models.dev, providers alibaba and alibaba-token-plan", "2026-07-02")
MAX = Source("Qwen3.8 release post, as several gateways' price lists repeat it", "2026-11-29")
NOVEMBER = Source("Model Studio help, list of models; limits by the rule for the name", "2026-11-29")
FLASH = Source("models.dev, alibaba/qwen3.8-flash", "2026-08-28")
QWEN_CODE = Source("Qwen Code 0.24.4, built-in model table", "2026-09")
OPENCLAW = Source("OpenClaw's Qwen provider 2026.9.4, model table", "2026-09")
HELP = Source("Model Studio help, pages on models, deep thinking and endpoints", "2026-09")

TEXT = ("text",)
IMAGES = ("text", "image")
VIDEO = ("text", "image", "video")

# Of the input price: a hit of a marked prefix 10 %, its creation 125 %, a hit without marks 20 % (Model Studio help,
# context cache, read 2026-11-29).
_READ, _WRITE, _UNMARKED = 0.1, 1.25, 0.2


def _price(
    into: float, out: float, above: tuple[int, float, float] | None = None, source: Source = CATALOGUE
) -> Price:
    read, write, unmarked = (round(into * part, 6) for part in (_READ, _WRITE, _UNMARKED))
    over, over_input, over_output = above or (None, None, None)
    return Price(into, out, source, read, write, over, over_input, over_output, unmarked)


def _model(
    model_id: str, name: str, kinds: tuple[str, ...], limits: tuple[int, int], thinking: Family, **known: Any
) -> ModelSpec:
    """`limits` are the context window and the output limit; `known` holds the price and the source, if they differ."""
    known.setdefault("source", CATALOGUE)
    return ModelSpec(model_id, name, kinds, *limits, reasoning=thinking != "none", thinking=thinking, **known)


_ALL = {
    model.id: model
    for model in (
        _model(
            "qwen3.8-max", "Qwen3.8 Max", VIDEO, (1_000_000, 131_072), "effort",
            price=_price(2, 6, source=MAX), source=QWEN_CODE,
        ),
        _model(
            "qwen3.8-flash", "Qwen3.8 Flash", VIDEO, (1_000_000, 131_072), "effort",
            price=Price(0.15, 0.47, FLASH, 0.016, 0.2), source=FLASH,
        ),
        _model("qwen3.7-max", "Qwen3.7 Max", TEXT, (1_000_000, 65_536), "hybrid", price=_price(2.5, 7.5)),
        _model(
            "qwen3.7-plus", "Qwen3.7 Plus", VIDEO, (1_000_000, 65_536), "hybrid", price=_price(0.5, 3, (256_000, 2, 6))
        ),
        _model("qwen3.7-flash", "Qwen3.7 Flash", VIDEO, (1_000_000, 65_536), "hybrid", source=NOVEMBER),
        _model("qwen3.5-flash", "Qwen3.5 Flash", VIDEO, (1_000_000, 65_536), "hybrid", source=NOVEMBER),
        _model("qwen3.8-omni-flash", "Qwen3.8 Omni Flash", VIDEO, (1_000_000, 65_536), "effort", source=NOVEMBER),
        _model("qwen3.8-2.4t-a95b", "Qwen3.8 2.4T A95B", TEXT, (262_144, 65_536), "effort", source=NOVEMBER),
        _model("qwen3.6-plus", "Qwen3.6 Plus", VIDEO, (1_000_000, 65_536), "hybrid", price=_price(0.5, 3)),
        _model("qwen3.6-flash", "Qwen3.6 Flash", VIDEO, (1_000_000, 65_536), "hybrid", price=_price(0.19, 1.13)),
        _model("qwen3.5-plus", "Qwen3.5 Plus", VIDEO, (1_000_000, 65_536), "hybrid", price=_price(0.4, 2.4)),
        _model(
            "qwen3-max-2026-01-23", "Qwen3 Max", TEXT, (262_144, 65_536), "hybrid",
            price=_price(1.2, 6), source=QWEN_CODE,
        ),
        _model("qwen3-coder-plus", "Qwen3 Coder Plus", TEXT, (1_000_000, 65_536), "none", price=_price(1, 5)),
        _model("qwen3-coder-next", "Qwen3 Coder Next", TEXT, (262_144, 65_536), "none", source=QWEN_CODE),
        _model("qwen3-vl-plus", "Qwen3 VL Plus", IMAGES, (262_144, 32_768), "hybrid", price=_price(0.2, 1.6)),
        _model("qwen-vl-max", "Qwen VL Max", IMAGES, (131_072, 8_192), "none", price=_price(0.8, 3.2)),
        _model("kimi-k2.5", "Kimi K2.5", IMAGES, (262_144, 32_768), "hybrid", source=QWEN_CODE),
        # its output limit is not published; this is Kimi K2.5's
        _model("kimi-k2.7-code", "Kimi K2.7 Code", VIDEO, (262_144, 32_768), "always", source=QWEN_CODE),
        _model("kimi-k3", "Kimi K3", IMAGES, (1_000_000, 131_072), "kimi", source=QWEN_CODE),
        _model("glm-4.7", "GLM 4.7", TEXT, (202_752, 16_384), "hybrid", source=QWEN_CODE),
        _model("glm-5", "GLM 5", TEXT, (202_752, 16_384), "hybrid", source=QWEN_CODE),
        _model("glm-5.1", "GLM 5.1", TEXT, (202_752, 128_000), "hybrid", price=_price(0.87, 3.48)),
        _model("glm-5.2", "GLM 5.2", TEXT, (1_000_000, 131_072), "glm", source=QWEN_CODE),
        _model("MiniMax-M2.5", "MiniMax M2.5", TEXT, (196_608, 24_576), "always", source=QWEN_CODE),
        _model("deepseek-v4-pro", "DeepSeek V4 Pro", TEXT, (1_000_000, 384_000), "deepseek", price=_price(0.44, 0.87)),
        _model(
            "deepseek-v4-pro-0813", "DeepSeek V4 Pro 0813", TEXT, (1_000_000, 384_000), "deepseek", source=QWEN_CODE
        ),
        _model(
            "deepseek-v4-flash-0731", "DeepSeek V4 Flash 0731", TEXT, (1_000_000, 384_000), "deepseek", source=QWEN_CODE
        ),
    )
}  # fmt: skip


def pick(
    *model_ids: str, plan: bool = False, different: dict[str, dict[str, Any]] | None = None
) -> tuple[ModelSpec, ...]:
    """The models of these ids, in that order. A `plan` has no price per token. `different`: id → changed fields."""
    found = []
    for model_id in model_ids:
        changes = (different or {}).get(model_id, {})
        model = replace(_ALL[model_id], **changes) if changes else _ALL[model_id]
        found.append(replace(model, price=None) if plan else model)
    return tuple(found)
