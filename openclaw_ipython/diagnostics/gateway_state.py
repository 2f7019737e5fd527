"""The state of OpenClaw's Gateway, by short requests to it. The secret is sent only to a server that is a Gateway."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from openclaw_ipython.auth.bearer import BearerAuth, FixedToken
from openclaw_ipython.chat.agents import ENDPOINT_COMMAND, agent_id
from openclaw_ipython.i18n import _
from openclaw_ipython.net.http import HttpClient, HTTPError, InvalidURL, read_capped
from openclaw_ipython.net.urls import is_unencrypted
from openclaw_ipython.providers.addresses import configured_address
from openclaw_ipython.providers.openclaw_gateway import PROVIDER
from openclaw_ipython.sanitize.text import json_value

if TYPE_CHECKING:
    from openclaw_ipython.auth.accounts import Accounts
    from openclaw_ipython.net.http import Auth
    from openclaw_ipython.openclaw.config_view import ConfigView

SECONDS = 3.0
_STATUSES = ("started", "starting", "draining")  # of `/startupz`, by which a Gateway is recognised


class GatewayState(Struct, frozen=True):
    """What a Gateway says of itself. `version` is empty where none answers, `secret` where none is known here.

    `failing` is what is not ready yet. `chat` and `responses` are whether these endpoints are on, `accepted` is
    whether the secret is right; None: not known. `why` is why no secret is known, `key_command` what mends it;
    `problem` is why it cannot be asked at all, and what mends that.
    """

    url: str
    secret: str = ""
    version: str = ""
    ready: bool = False
    failing: tuple[str, ...] = ()
    chat: bool | None = None
    responses: bool | None = None
    accepted: bool | None = None
    agents: tuple[str, ...] = ()
    why: str = ""
    key_command: str = ""
    problem: tuple[str, str] = ("", "")

    @property
    def fix(self) -> tuple[str, str]:
        """What keeps `%%openclaw` from working, and what mends it; both empty where nothing does."""
        if not self.version:
            start = _(PROVIDER.configured.start) if PROVIDER.configured else ""
            return self.problem if self.problem[0] else (_("no Gateway answers"), start)
        if self.chat is False:
            return _("the Gateway's endpoint for chat is off"), ENDPOINT_COMMAND
        if self.accepted is False:
            unknown = self.why or _("its secret is not known here")
            return _("its secret is wrong") if self.secret else unknown, self.key_command
        return "", ""


async def gateway_state(
    http: HttpClient,
    config: ConfigView,
    accounts: Accounts,
    *,
    seconds: float = SECONDS,
    with_secret: bool = True,
) -> GatewayState:
    """The state of the configured Gateway; without its secret neither that is tried nor the agents are asked for.

    Each request takes at most `seconds`. Raises DocumentError.
    """
    entry = config.provider(PROVIDER.id)
    base_url = (entry.base_url if entry else None) or configured_address(PROVIDER, config)
    credential = accounts.credential(PROVIDER.id)
    origin = base_url.removesuffix("/v1")
    place = credential.source if credential is not None and credential.key is not None else ""
    state = GatewayState(
        origin,
        place,
        why=accounts.login_problem(PROVIDER.id),
        key_command=accounts.key_command(PROVIDER, place),
        problem=(str(problem), problem.hint)
        if (problem := accounts.setup_problem(PROVIDER.id))
        else ("", ""),
    )

    async def ask(method: str, path: str, auth: Auth | None = None, body: object = None) -> tuple[int, Any]:
        """The status of an answer, 0 for none, and its JSON, an empty object for anything else."""
        try:
            response = await http.send(method, origin + path, auth=auth, json=body, idle=seconds)
            async with aclosing(response):
                parsed = json_value(await read_capped(response, within=seconds))
        except (HTTPError, InvalidURL):
            return 0, {}
        return response.status_code, parsed if isinstance(parsed, dict) else {}

    _status, started = await ask("GET", "/startupz")
    if started.get("status") not in _STATUSES:
        return state
    _status, ready = await ask("GET", "/readyz")
    chat, _nothing = await ask("GET", "/v1/chat/completions")  # 405 where it is on
    responses, _nothing = await ask("GET", "/v1/responses")
    failing = ready.get("failing")
    state = replace(
        state,
        version=str(started.get("version") or started["status"])[:40],  # the version is not for everybody
        ready=ready.get("ready") is True,
        failing=tuple(str(one)[:60] for one in failing) if isinstance(failing, list) else (),
        chat=chat != 404 if chat else None,
        responses=responses != 404 if responses else None,
    )
    if is_unencrypted(base_url) or not with_secret:
        return state
    key = credential.key if credential is not None else None
    auth = BearerAuth(FixedToken(key) if key is not None else FixedToken())
    status, listed = await ask("GET", "/v1/models", auth)
    if status == 404:
        status, _nothing = await ask("POST", "/tools/invoke", auth, {"tool": "agents_list", "args": {}})
    rows = listed.get("data")
    ids = [str(row.get("id", "")) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    accepted = {200: True, 400: True, 401: False}.get(status)  # with several agents `agents_list` is refused
    return replace(state, accepted=accepted, agents=tuple(one for name in ids if (one := agent_id(name))))
