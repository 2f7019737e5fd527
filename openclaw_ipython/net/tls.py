"""Which certificates are trusted, and what is wrong with one that is not.

Trusted are the certificates of the system and those that come with httpx (certifi), so that an organisation's own CA
works as soon as the system knows it. On macOS and Windows the system itself decides, through the package truststore.
SSL_CERT_FILE or SSL_CERT_DIR replaces all of them: `SSL_CERT_FILE=$(python -m certifi)` is certifi alone.
"""

from __future__ import annotations

import re
import ssl
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import certifi

from openclaw_ipython.errors import ConfigError
from openclaw_ipython.i18n import _

_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def trusting_nobody() -> ssl.SSLContext:
    """A context for clients that make no TLS connection: it loads no certificates, which takes long."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def client_context(environ: Mapping[str, str]) -> ssl.SSLContext:
    """The context of all TLS connections. Raises ConfigError for a named file that cannot be read."""
    named = {name: environ[name] for name in _VARIABLES if environ.get(name)}
    if named:
        return _named_context(named)
    if sys.platform in {"darwin", "win32"}:
        try:
            import truststore
        except ImportError:
            pass
        else:
            return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _named_context(named: Mapping[str, str]) -> ssl.SSLContext:
    name = next(iter(named))
    try:
        if name == "SSL_CERT_FILE":
            return ssl.create_default_context(cafile=named[name])
        next(Path(named[name]).iterdir(), None)  # OpenSSL does not say that a folder is missing
        return ssl.create_default_context(capath=named[name])
    except OSError:  # of which SSLError is one
        raise ConfigError(
            _("the CA file named in {variable} cannot be read", variable=name),
            hint=_("correct it, or import os; os.environ.pop({variable!r}) uses the system's", variable=name),
        ) from None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def is_tls_error(error: BaseException) -> bool:
    """Whether the TLS of the other side is at fault, so that another try ends alike."""
    return tls_problem(error, "") is not None


def tls_problem(error: BaseException, what: str) -> tuple[str, str] | None:
    """The sentence and the hint for a TLS error of a connection to `what`; None for an error of another kind."""
    text = " ".join(str(cause) for cause in _causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error)) or re.search(
        r"CERTIFICATE", text, re.I
    ):
        return _certificate_problem(text, what)
    if re.search(r"WRONG_VERSION_NUMBER|HTTP_REQUEST|RECORD_LAYER_FAILURE|PACKET_LENGTH", text):
        return (
            _("{what} does not speak TLS at this port", what=what),
            _("is its address http:// instead of https://?"),
        )
    if re.search(r"ALERT|UNSUPPORTED_PROTOCOL|NO_PROTOCOLS|HANDSHAKE_FAILURE|DH_KEY_TOO_SMALL", text):
        return (
            _("{what} and this Python have no TLS version or cipher in common", what=what),
            _("ask its operator for TLS 1.2 or later"),
        )
    return None


def _certificate_problem(text: str, what: str) -> tuple[str, str]:
    if re.search(r"expired", text):
        return (
            _("the certificate of {what} has expired", what=what),
            _("its operator has to renew it; is the clock of this machine right?"),
        )
    if re.search(r"not yet valid", text):
        return _("the certificate of {what} is not valid yet", what=what), _(
            "is the clock of this machine right?"
        )
    if re.search(r"mismatch|is not valid for|doesn't match", text, re.I):
        return (
            _("the certificate of {what} is for another host name", what=what),
            _("is the address right? %openclaw models status shows it"),
        )
    return (
        _("the certificate of {what} is not trusted: its CA is unknown here", what=what),
        _("set SSL_CERT_FILE to your organisation's CA file"),
    )
