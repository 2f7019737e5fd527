"""ModelScope's API inference: open-weight models, a daily free quota per account."""

from __future__ import annotations

from openclaw_ipython.i18n import N_
from openclaw_ipython.providers.spec import KeyLogin, ModelSpec, Provider, Region, Source

CATALOGUE = Source("models.dev, provider modelscope", "2026-07-02")
QWEN_CODE = Source("Qwen Code 0.24.4, provider ModelScope", "2026-09")

PROVIDER = Provider(
    id="modelscope",
    label="ModelScope",
    base_url="https://api-inference.modelscope.cn/v1",
    regions=(Region("china", N_("China"), "https://api-inference.modelscope.cn/v1"),),
    key_variables=("MODELSCOPE_API_KEY",),
    key_login=KeyLogin(page="https://modelscope.cn/my/myaccesstoken", check=""),  # its list is for everybody
    models=(
        ModelSpec(
            "Qwen/Qwen3.5-397B-A17B",
            "Qwen3.5 397B A17B",
            ("text", "image"),
            262_144,
            65_536,
            True,
            "hybrid",
            source=CATALOGUE,
        ),
    ),
    default_model="Qwen/Qwen3.5-397B-A17B",
    image_model="Qwen/Qwen3.5-397B-A17B",
    dialect="modelscope",
    sources={
        "address": QWEN_CODE,
        "variables": QWEN_CODE,
        "models": CATALOGUE,
        "login": QWEN_CODE,
        "dialect": QWEN_CODE,
    },
)
