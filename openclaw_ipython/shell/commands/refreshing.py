"""`models list --refresh`: asking services for their lists, and saying which of them did not give one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_ipython.errors import OpenClawError
from openclaw_ipython.shell.views import MessageView, short

if TYPE_CHECKING:
    from openclaw_ipython.shell.session import Session


def refresh(session: Session, provider: str | None, *, quiet: bool) -> None:
    """Ask one service, or all that are set up. One that is named and fails is an error, others are a line each.

    `quiet`: what follows is for a program, so nothing else is shown.
    """
    client = session.client
    if provider is not None:
        session.bridge.run(client.refresh_models(provider))
        return
    kept, failed = [], []
    for name in client.models.to_refresh():
        try:
            done = session.bridge.run(client.refresh_models(name))
        except OpenClawError as error:
            failed.append(f"{name}: {error}")
        else:
            kept.append(f"{name}: {len(done.models)}")
    path = short(client.home.catalogue)
    if not quiet and failed:
        session.show(
            MessageView("Not every service gave its list", details=(*failed, *kept, f"kept in {path}"))
        )
