"""Qwen's Token Plan: a monthly budget of credits, with keys and addresses of its own."""

from __future__ import annotations

from openclaw_ipython.i18n import N_
from openclaw_ipython.providers.qwen_models import HELP, OPENCLAW, QWEN_CODE, pick
from openclaw_ipython.providers.spec import KeyLogin, Provider, Region

PROVIDER = Provider(
    id="qwen-token-plan",
    label="Qwen Token Plan",
    aliases=("bailian-token-plan",),
    base_url="https://token-plan.ap-southeast-1.maas.aliyuncs.com/compatible-mode/v1",
    regions=(
        Region(
            "singapore",
            N_("Singapore (international)"),
            "https://token-plan.ap-southeast-1.maas.aliyuncs.com/compatible-mode/v1",
        ),
        Region(
            "beijing", N_("Beijing (China)"), "https://token-plan.cn-beijing.maas.aliyuncs.com/compatible-mode/v1"
        ),
    ),
    key_variables=("BAILIAN_TOKEN_PLAN_API_KEY", "QWEN_TOKEN_PLAN_API_KEY", "ALIBABA_TOKEN_PLAN_API_KEY"),
    key_login=KeyLogin(prefix="sk-sp-", page="https://modelstudio.console.alibabacloud.com/"),
    models=pick(
        "qwen3.7-plus", "qwen3.8-max", "qwen3.8-flash", "qwen3.7-max", "qwen3.6-plus", "qwen3.6-flash",
        "qwen3-coder-next", "kimi-k2.5", "kimi-k2.7-code", "glm-5", "glm-5.1", "glm-5.2", "MiniMax-M2.5",
        "deepseek-v4-pro", "deepseek-v4-pro-0813", "deepseek-v4-flash-0731",
        plan=True,
        different={"kimi-k2.5": {"max_tokens": 98_304}, "MiniMax-M2.5": {"max_tokens": 32_768}},
    ),
    default_model="qwen3.7-plus",
    image_model="qwen3.7-plus",
    dialect="dashscope",
    terms=N_(
        "The Token Plan's terms allow interactive use only: no scripts, scheduled runs or application back ends;"
        " a key used otherwise can be suspended."
    ),
    notes=("Calls stop when the month's credits are used up.",),
    sources={
        "address": HELP, "variables": QWEN_CODE, "models": OPENCLAW, "login": HELP, "dialect": QWEN_CODE, "terms": HELP,
    },
)  # fmt: skip
