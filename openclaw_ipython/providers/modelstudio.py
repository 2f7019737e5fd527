"""Alibaba Cloud Model Studio, pay as you go: a key per region, prices per token.

OpenClaw's releases call it `modelstudio` (March 2026) and `qwen` (later); files may hold it under either id.
"""

from __future__ import annotations

from openclaw_ipython.i18n import N_
from openclaw_ipython.providers.qwen_models import CATALOGUE, HELP, OPENCLAW, QWEN_CODE, pick
from openclaw_ipython.providers.spec import KeyLogin, Provider, Region

PROVIDER = Provider(
    id="modelstudio",
    label="Alibaba Cloud Model Studio",
    aliases=("qwencloud", "dashscope"),  # and `qwen`, whose meaning depends on the model: see the package
    base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
    regions=(
        Region("singapore", N_("Singapore (international)"), "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"),
        Region("beijing", N_("Beijing (China)"), "https://dashscope.aliyuncs.com/compatible-mode/v1"),
        Region("us", N_("US (Virginia)"), "https://dashscope-us.aliyuncs.com/compatible-mode/v1"),
        Region("hongkong", N_("Hong Kong (China)"), "https://cn-hongkong.dashscope.aliyuncs.com/compatible-mode/v1"),
        Region("tokyo", N_("Tokyo"), "https://trial.ap-northeast-1.maas.aliyuncs.com/compatible-mode/v1"),
        Region("frankfurt", N_("Frankfurt"), "https://trial.eu-central-1.maas.aliyuncs.com/compatible-mode/v1"),
    ),
    key_variables=("QWEN_API_KEY", "MODELSTUDIO_API_KEY", "DASHSCOPE_API_KEY"),
    key_login=KeyLogin(prefix="sk-", page="https://modelstudio.console.alibabacloud.com/?tab=model#/api-key"),
    models=pick(
        "qwen3.8-max", "qwen3.8-flash", "qwen3.8-2.4t-a95b", "qwen3.7-max", "qwen3.7-plus", "qwen3.7-flash",
        "qwen3.5-flash", "qwen3.8-omni-flash", "qwen3.6-plus", "qwen3.6-flash",
        "qwen3.5-plus", "qwen3-max-2026-01-23", "qwen3-coder-plus", "qwen3-coder-next", "qwen3-vl-plus",
        "qwen-vl-max", "kimi-k2.5", "kimi-k2.7-code", "kimi-k3", "glm-4.7", "glm-5", "MiniMax-M2.5",
        "deepseek-v4-pro", "deepseek-v4-pro-0813", "deepseek-v4-flash-0731",
        # that pay as you go has these too is only in OpenClaw's table
        different={
            "qwen3-coder-next": {"source": OPENCLAW},
            "kimi-k2.5": {"source": OPENCLAW},
            "glm-4.7": {"source": OPENCLAW},
            "glm-5": {"source": OPENCLAW},
            "MiniMax-M2.5": {"source": OPENCLAW},
        },
    ),
    default_model="qwen3.7-plus",
    image_model="qwen3.7-plus",
    model_aliases={"qwen": "qwen3.7-plus"},
    dialect="dashscope",
    notes=(
        # recommended since October 2026; the regions are cn-beijing, ap-southeast-1, us-east-1, cn-hongkong,
        # ap-northeast-1 and eu-central-1 (Model Studio help, read 2026-11-29)
        "A workspace's own address, https://<workspace>.<region>.maas.aliyuncs.com/compatible-mode/v1, works as a"
        " custom base URL.",
    ),
    sources={
        "address": HELP, "variables": OPENCLAW, "models": CATALOGUE, "login": HELP, "dialect": QWEN_CODE,
    },
)  # fmt: skip
