"""The command line: `openclaw-ipython portal` starts the practice portal."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from openclaw_ipython._version import __version__

_PORTAL = """\
Practice portal at {url}
It is not a model and not a real service; no account is needed.

Point the extension at it, before the kernel starts:
  OPENCLAW_IPYTHON_OAUTH_ORIGIN={url}
The chat address comes with the login. By hand it is this setting:
  models.providers.qwen-portal.baseUrl {url}/v1

Ctrl-C stops it."""
_GATEWAY = """\
Practice Gateway at {url}
Its agents are no agents and no models; no OpenClaw is needed.

Point the extension at it, before the kernel starts:
  OPENCLAW_GATEWAY_URL={url}
  OPENCLAW_GATEWAY_TOKEN=practice
In the notebook: %%openclaw, %openclaw agents, %openclaw gateway.

Ctrl-C stops it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status. `argv` excludes the name of the program."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return 0
    return _portal(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="openclaw-ipython",
        description="Try the extension without an account.",
        epilog="In the notebook: %load_ext openclaw_ipython, then %openclaw help.",
    )
    parser.add_argument("--version", action="version", version=f"openclaw-ipython {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    portal = commands.add_parser(
        "portal",
        help="start the practice portal on this computer (not a model)",
        description="A stand-in for the Qwen portal on 127.0.0.1. It is not a model and always says so.",
    )
    count, seconds, port = partial(_number, int), partial(_number, float), partial(_number, int, most=65_535)
    for name, kind, default, metavar, what in (
        ("--port", port, 8642, "N", "default %(default)s; 0 takes a free one"),
        ("--pace", seconds, 0.02, "S", "seconds between pieces (default %(default)s)"),
        ("--approve-after", count, None, "N", "approve every sign-in automatically after N polls"),
        ("--gateway", str, None, "AGENT,…", "stand in for an OpenClaw Gateway with these agents instead"),
        ("--first-turn", seconds, 3.0, "S", "silence of an agent's first turn (%(default)s)"),
        ("--token-lifetime", seconds, None, "S", "seconds until an access token expires"),
    ):
        portal.add_argument(name, type=kind, default=default, metavar=metavar, help=what)
    return parser


def _number(kind: Callable[[str], float], text: str, most: float = 1e9) -> float:
    with suppress(ValueError):
        if 0 <= (number := kind(text)) <= most:
            return number
    raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to {most:g}")


def _portal(arguments: argparse.Namespace) -> int:
    from openclaw_ipython.practice import Portal
    from openclaw_ipython.practice.practice_gateway import PracticeGateway

    greeting, portal = _PORTAL, Portal(pace=arguments.pace)
    if arguments.gateway:
        agents = [name.strip() for name in arguments.gateway.split(",")]
        portal = PracticeGateway(agents, first_turn=arguments.first_turn, pace=arguments.pace)
        greeting = _GATEWAY
    if arguments.approve_after is not None:
        portal.approve_after(arguments.approve_after)
    if arguments.token_lifetime is not None:
        portal.token_lifetime(arguments.token_lifetime)
    try:
        with portal.serve(arguments.port) as url:
            print(greeting.format(url=url), flush=True)
            _wait()
    except OSError as error:
        reason = error.strerror or str(error)
        print(
            f"openclaw-ipython: cannot listen on port {arguments.port}: {reason}. Try --port 0.",
            file=sys.stderr,
        )
        return 1
    return 0


def _wait() -> None:
    """Wait for Ctrl-C, a second at a time: on Windows some Pythons do not interrupt a longer wait."""
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        print("\nStopped.", flush=True)
