"""The command line: `openclaw-ipython portal` starts the practice portal."""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Sequence

from openclaw_ipython._version import __version__

_DEFAULT_PORT = 8642


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
    portal.add_argument(
        "--port",
        type=_port,
        default=_DEFAULT_PORT,
        metavar="N",
        help="default %(default)s; 0 takes a free one",
    )
    portal.add_argument(
        "--pace",
        type=_seconds,
        default=0.02,
        metavar="S",
        help="seconds between pieces (default %(default)s)",
    )
    portal.add_argument(
        "--approve-after", type=_count, metavar="N", help="approve every sign-in automatically after N polls"
    )
    portal.add_argument(
        "--gateway", metavar="AGENT,…", help="stand in for an OpenClaw Gateway with these agents instead"
    )
    portal.add_argument(
        "--first-turn",
        type=_seconds,
        default=3.0,
        metavar="S",
        help="silence of an agent's first turn (%(default)s)",
    )
    portal.add_argument(
        "--token-lifetime", type=_seconds, metavar="S", help="seconds until an access token expires"
    )
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65_535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port


def _seconds(text: str) -> float:
    seconds = float(text)
    if not (math.isfinite(seconds) and seconds >= 0):
        raise argparse.ArgumentTypeError("seconds are a number, 0 or more")
    return seconds


def _count(text: str) -> int:
    count = int(text)
    if count < 0:
        raise argparse.ArgumentTypeError("a count is 0 or more")
    return count


def _portal(arguments: argparse.Namespace) -> int:
    from openclaw_ipython.practice import Portal
    from openclaw_ipython.practice.practice_gateway import PracticeGateway

    greeting, portal = _greeting, Portal(pace=arguments.pace, keep=20)
    if arguments.gateway:
        agents = [name.strip() for name in arguments.gateway.split(",")]
        portal = PracticeGateway(agents, first_turn=arguments.first_turn, pace=arguments.pace, keep=20)
        greeting = _gateway_greeting
    if arguments.approve_after is not None:
        portal.approve_after(arguments.approve_after)
    if arguments.token_lifetime is not None:
        portal.token_lifetime(arguments.token_lifetime)
    try:
        with portal.serve(arguments.port) as url:
            print(greeting(url), flush=True)
            _wait()
    except OSError as error:
        reason = error.strerror or str(error)
        print(
            f"openclaw-ipython: cannot listen on port {arguments.port}: {reason}. Try --port 0.",
            file=sys.stderr,
        )
        return 1
    return 0


def _greeting(url: str) -> str:
    return (
        f"Practice portal at {url}\n"
        "It is not a model and not a real service; no account is needed.\n"
        "\n"
        "Point the extension at it, before the kernel starts:\n"
        f"  OPENCLAW_IPYTHON_OAUTH_ORIGIN={url}\n"
        "The chat address comes with the login. By hand it is this setting:\n"
        f"  models.providers.qwen-portal.baseUrl {url}/v1\n"
        "\n"
        "Ctrl-C stops it."
    )


def _gateway_greeting(url: str) -> str:
    return (
        f"Practice Gateway at {url}\n"
        "Its agents are no agents and no models; no OpenClaw is needed.\n"
        "\n"
        "Point the extension at it, before the kernel starts:\n"
        f"  OPENCLAW_GATEWAY_URL={url}\n"
        "  OPENCLAW_GATEWAY_TOKEN=practice\n"
        "In the notebook: %%openclaw, %openclaw agents, %openclaw gateway.\n"
        "\n"
        "Ctrl-C stops it."
    )


def _wait() -> None:
    """Wait for Ctrl-C, a second at a time: on Windows some Pythons do not interrupt a longer wait."""
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        print("\nStopped.", flush=True)
