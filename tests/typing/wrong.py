"""Uses that a type checker has to report. Never run: where an error is missing, its comment is reported instead."""

from __future__ import annotations

from dataclasses import dataclass

import openclaw_ipython as oc


@dataclass
class Label:
    name: str


def names() -> None:
    oc.aks("hi")  # type: ignore[attr-defined]
    oc.SchemaMissmatch  # type: ignore[attr-defined]  # noqa: B018
    oc.ask("hi").txt  # type: ignore[attr-defined]  # noqa: B018


def keywords() -> None:
    oc.ask("hi", modle="qwen")  # type: ignore[call-overload]
    oc.ask("hi", temperature="hot")  # type: ignore[call-overload]
    oc.ask("hi", thinking="hgih")  # type: ignore[call-overload]
    oc.ask("hi", schema="Label")  # type: ignore[call-overload]
    oc.ask("hi", schema=Label("x"))  # type: ignore[call-overload]
    oc.ask(3)  # type: ignore[call-overload]
    oc.map(["a"], thinking="hgih")  # type: ignore[call-overload]
    oc.map(["a"], conncurrency=3)  # type: ignore[call-overload]
    oc.map(["a"], on_error="raize")  # type: ignore[call-overload]
    oc.map(3)  # type: ignore[call-overload]
    oc.compare(["a"], prompts="{item}")  # type: ignore[call-arg]
    oc.compare(["a"], prompts="{item}", expected=3)  # type: ignore[arg-type]
    oc.compare(["a"], prompts="{item}", expected="x", conncurrency=3)  # type: ignore[call-arg]
    oc.filter(["a"], "{item}", cascade="cheap")  # type: ignore[arg-type]


def values() -> None:
    oc.ask("hi", schema=Label).parsed.nmae  # type: ignore[attr-defined]  # noqa: B018
    number: int = oc.ask("hi", schema=Label).parsed  # type: ignore[assignment]
    oc.ask("hi", schema=list[Label]).parsed.name  # type: ignore[attr-defined]  # noqa: B018
    oc.ask("hi").parsed.name  # type: ignore[attr-defined]  # noqa: B018
    reply: oc.Reply[int] = oc.ask("hi", schema=Label)  # type: ignore[arg-type]
    oc.map(["a"], table=False).columns  # type: ignore[attr-defined]  # noqa: B018
    print(number, reply)


async def asynchronous() -> None:
    async with oc.Client() as client:
        await client.ask("hi", modle="qwen")  # type: ignore[call-overload]
        await client.ask("hi", thinking="hgih")  # type: ignore[call-overload]
        (await client.ask("hi", schema=Label)).parsed.nmae  # type: ignore[attr-defined]  # noqa: B018
        client.stream("hi", modle="qwen")  # type: ignore[call-arg]
        client.aks("hi")  # type: ignore[attr-defined]


def errors() -> None:
    try:
        pass
    except oc.RateLimited as error:
        error.retry_aftr  # type: ignore[attr-defined]  # noqa: B018
    except oc.UsageError as error:
        error.reply  # type: ignore[attr-defined]  # noqa: B018
