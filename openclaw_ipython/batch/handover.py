"""A login on its way to a worker: the one form in which a secret is pickled, inside a call and nowhere else.

`Secret` itself refuses pickling, so that no token gets into a file by accident. A Handover is made for one chunk of
work when that is sent, travels in its arguments, and is turned back into a Secret by the worker. It is never put into
the environment, a log or a result.
"""

from __future__ import annotations

from openclaw_ipython.sanitize.secrets import Secret


class Handover:
    """The bearer of one chunk. Printing it shows nothing."""

    __slots__ = ("_secret",)

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def secret(self) -> Secret:
        """The login, for the requests of the chunk."""
        return self._secret

    def __reduce__(self) -> tuple[object, tuple[str]]:
        # Workers may pass a call on (a scheduler in another process does), so it can be pickled there too.
        return _arrived, (self._secret.reveal(),)

    def __repr__(self) -> str:
        return "Handover(…)"


def _arrived(value: str) -> Handover:
    return Handover(Secret(value))
