"""Provider entries as releases of OpenClaw write them."""

FEBRUARY_ENTRY = {
    "baseUrl": "https://portal.qwen.ai/v1",
    "apiKey": "qwen-oauth",
    "api": "openai-completions",
    "models": [
        {
            "id": "coder-model",
            "name": "Qwen Coder",
            "reasoning": False,
            "input": ["text"],
            "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
            "contextWindow": 128000,
            "maxTokens": 8192,
        }
    ],
}
