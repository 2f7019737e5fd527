# ruff: noqa: UP031, E501 - the texts are full of braces, and each home is one line
"""Configurations of shapes found in public repositories, written anew."""

HEAD = "// my own\n"
COST = "cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 }"
LOCAL = (
    "{ baseUrl: 'http://127.0.0.1:8000/v1', apiKey: 'vllm-local', api: 'openai-completions', models: [%s] }"
)
MODEL = (
    "{ id: 'Qwen/Qwen3-4B', name: 'q', reasoning: false, input: ['text'], %s, contextWindow: 32768, maxTokens: 4096 }"
    % COST
)
ANTHROPIC = "{ baseUrl: 'https://api.anthropic.com', apiKey: '${K}', api: 'anthropic-messages', models: [] }"


def defaults(text):
    return "agents: { defaults: { %s } }" % text


def provider(name, text):
    return "models: { providers: { %s: %s } }" % (name, text)


PRIMARIES = [
    "anthropic/claude-opus-4-6", "openai/gpt-5.4", "openai-codex/gpt-5.3-codex", "google/gemini-3-pro", "zai/glm-5",
    "moonshot/kimi-k2.5", "kimi-coding/k2p5", "minimax/MiniMax-M2.5", "openrouter/auto", "ollama/qwen3:8b",
    "qwen-portal/coder-model", "modelstudio/qwen3.5-plus", "github-copilot/gpt-5", "xai/grok-5",
]  # fmt: skip
HOMES = {
    **{f"primary {ref}": defaults("model: { primary: '%s' }" % ref) for ref in PRIMARIES},
    "a string": defaults("model: 'anthropic/claude-opus-4-6'"),
    "a bare model": defaults("model: { primary: 'claude-sonnet-4-5' }"),
    "fallbacks": defaults("model: { primary: 'openai/gpt-5.4', fallbacks: ['anthropic/claude-opus-4-6', 'zai/glm-5'] }"),
    "aliases": defaults("models: { 'anthropic/claude-opus-4-6': { alias: 'opus' }, 'openai/gpt-5.4': { alias: 'gpt' } }"),
    "an image model": defaults("imageModel: { primary: 'google/gemini-3-pro' }"),
    "a workspace": defaults("workspace: '~/clawd', maxConcurrent: 4, subagents: { maxConcurrent: 8 }"),
    "a heartbeat": defaults("heartbeat: { every: '30m' }, thinkingDefault: 'low'"),
    "a compaction": defaults("compaction: { mode: 'safeguard' }, contextPruning: { mode: 'cache-ttl', ttl: '1h' }"),
    "several agents": "agents: { list: [{ id: 'main', default: true }, { id: 'work', workspace: '~/work' }] }",
    "vllm": provider("vllm", LOCAL % MODEL),
    "lmstudio": provider("lmstudio", LOCAL.replace("8000", "1234") % MODEL),
    "a lab": provider("lab", LOCAL.replace("http://127.0.0.1:8000", "https://lab.example") % MODEL),
    "two labs": "models: { mode: 'replace', providers: { a: %s, 'b.c': %s } }" % (LOCAL % MODEL, LOCAL % ""),
    "another protocol": provider("anthropic", ANTHROPIC),
    "a proxy of openai": provider("openai", LOCAL.replace("http://127.0.0.1:8000", "https://proxy.example") % MODEL),
    "the portal of february": provider("'qwen-portal'", "{ baseUrl: 'https://portal.qwen.ai/v1', apiKey: 'qwen-oauth',"
                                       " api: 'openai-completions', models: [%s] }" % MODEL),
    "the portal of march": provider("'qwen-portal'", "{ baseUrl: 'https://portal.qwen.ai/v1', models: [] }"),
    "a gateway": "gateway: { mode: 'local', port: 18789, bind: 'loopback', auth: { mode: 'token', token: '${T}' } }",
    "a tailnet": "gateway: { bind: 'loopback', tailscale: { mode: 'serve' }, auth: { mode: 'password', password: '${P}' } }",
    "channels": "channels: { telegram: { enabled: true, botToken: '${B}', dmPolicy: 'pairing' } }",
    "plugins": "plugins: { entries: { 'qwen-portal-auth': { enabled: true }, telegram: { enabled: false } } }",
    "variables": "env: { vars: { MY_NAME: 'x' }, shellEnv: { enabled: true } }",
    "logins": "auth: { profiles: { 'anthropic:default': { provider: 'anthropic', mode: 'token' } },"
              " order: { anthropic: ['anthropic:default'] } }",
    "a wizard": "wizard: { lastRunAt: '2026-02-26T10:00:00.000Z', lastRunVersion: '2026.2.26', lastRunMode: 'local' },"
                " messages: { ackReactionScope: 'group-mentions' }",
    "meta of march": "meta: { lastTouchedVersion: '2026.3.24', lastTouchedAt: '2026-03-24T08:17:41.198Z' }",
    "commands": "commands: { native: 'auto', nativeSkills: 'auto', restart: true }, session: { dmScope: 'main' }",
    "servers": "mcp: { servers: { files: { command: 'npx', args: ['-y', 'a-server'] } } }",
    "an unknown key": "routing: { allowFrom: ['+15555550123'] }, " + defaults("model: { primary: 'zai/glm-5' }"),
}  # fmt: skip
