"""Qwen's Coding Plan: a number of requests per month, for the coding tools its vendor lists.

Its gateway may refuse other programs with a 405; the error says so.
"""

from __future__ import annotations

from openclaw_ipython.i18n import N_
from openclaw_ipython.providers.qwen_models import HELP, OPENCLAW, QWEN_CODE, pick
from openclaw_ipython.providers.spec import KeyLogin, Provider, Quota, Region, Source

PRO = Source("Coding Plan Pro, as its users report it", "2026-03")

PROVIDER = Provider(
    id="qwen-coding-plan",
    label="Qwen Coding Plan",
    base_url="https://coding-intl.dashscope.aliyuncs.com/v1",
    regions=(
        Region("international", N_("International"), "https://coding-intl.dashscope.aliyuncs.com/v1"),
        Region("beijing", N_("Beijing (China)"), "https://coding.dashscope.aliyuncs.com/v1"),
    ),
    key_variables=("BAILIAN_CODING_PLAN_API_KEY", "ALIBABA_CODING_PLAN_API_KEY"),
    key_login=KeyLogin(prefix="sk-sp-", page="https://modelstudio.console.alibabacloud.com/"),
    models=pick(
        "qwen3.5-plus", "qwen3.7-plus", "qwen3.6-plus", "qwen3-max-2026-01-23", "qwen3-coder-plus",
        "qwen3-coder-next", "kimi-k2.5", "glm-5", "glm-4.7", "MiniMax-M2.5",
        plan=True,
        different={"MiniMax-M2.5": {"thinking": ""}},  # "always on" is documented for the Token Plan only
    ),
    default_model="qwen3.5-plus",
    image_model="qwen3.5-plus",
    closed=True,  # the list is an exact allowlist: another id is "not supported"
    dialect="dashscope",
    terms=N_(
        "The Coding Plan's terms allow interactive coding tools only, and its gateway may refuse this one (405);"
        " a key used otherwise can be suspended."
    ),
    quotas=(Quota(6_000, 5 * 3600, PRO), Quota(45_000, 7 * 86_400, PRO), Quota(90_000, 30 * 86_400, PRO)),
    notes=("qwen3.6-plus needs the Pro plan.",),
    sources={
        "address": HELP, "variables": QWEN_CODE, "models": OPENCLAW, "login": HELP, "dialect": QWEN_CODE, "terms": HELP,
    },
)  # fmt: skip
