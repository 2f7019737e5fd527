"""Which certificates are trusted, and how the fault of one that is not is named; against real handshakes."""

import asyncio
import shutil
import ssl
import subprocess

import httpx
import pytest
from raw_server import OK, always, served

from openclaw_ipython.errors import ConfigError, ServiceUnavailable
from openclaw_ipython.net import http as client
from openclaw_ipython.net.http import HttpClient, translated, undelivered
from openclaw_ipython.net.tls import client_context

DATES = {
    "valid": ("20200101000000Z", "20990101000000Z"),
    "expired": ("20200101000000Z", "20200102000000Z"),
    "not yet": ("20980101000000Z", "20990101000000Z"),
}


@pytest.fixture
def issued(tmp_path):
    """Makes certificates of one CA: the file of the CA, and certificate and key with these dates for this host."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make a certificate with")

    def run(*words):
        subprocess.run([openssl, *words], check=True, capture_output=True, cwd=tmp_path)

    new = ("req", "-newkey", "rsa:2048", "-nodes")
    ca = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")  # Python 3.13 wants it
    run(*new, "-x509", "-days", "99", "-subj", "/CN=Our CA", *ca, "-keyout", "ca.key", "-out", "ca.pem")
    (tmp_path / "index").touch()
    (tmp_path / "serial").write_text("01")
    (tmp_path / "ca.conf").write_text(
        "[ca]\ndefault_ca=own\n[own]\ndatabase=index\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\n"
        "policy=any\ncopy_extensions=copy\nx509_extensions=issued\n[any]\ncommonName=supplied\n"
        "[issued]\nauthorityKeyIdentifier=keyid\n"
    )

    def make(dates, host="localhost"):
        start, end = DATES[dates]
        name = ("-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}")
        run(*new, *name, "-keyout", "host.key", "-out", "host.csr")
        run("ca", "-batch", "-config", "ca.conf", "-cert", "ca.pem", "-keyfile", "ca.key", "-in", "host.csr",
            "-out", "host.pem", "-startdate", start, "-enddate", end)  # fmt: skip
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "host.pem", tmp_path / "host.key")
        return tmp_path / "ca.pem", context

    return make


def answer(context, monkeypatch, trusted):
    """The status of a request to a server with this certificate, of a client that trusts `trusted`."""
    monkeypatch.setattr(client, "client_context", lambda _: trusted)

    async def ask():
        async with served(always(OK), ssl=context) as server, HttpClient() as http:
            with translated("the portal"):
                response = await http.send("GET", server.url)
                await response.aclose()
                return response.status_code

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("dates", "host", "said"),
    [
        ("expired", "localhost", "has expired"),
        ("not yet", "localhost", "is not valid yet"),
        ("valid", "elsewhere.example", "is for another host name"),
    ],
)
def test_the_fault_of_a_certificate_is_named(issued, monkeypatch, dates, host, said):
    ca, context = issued(dates, host)
    with pytest.raises(ServiceUnavailable, match=f"the certificate of the portal {said}") as caught:
        answer(context, monkeypatch, client_context({"SSL_CERT_FILE": str(ca)}))
    assert caught.value.hint


def test_an_unknown_ca_is_named_and_the_file_that_repairs_it_does(issued, monkeypatch):
    ca, context = issued("valid")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    with pytest.raises(ServiceUnavailable, match="its CA is unknown here") as caught:
        answer(context, monkeypatch, client_context({}))
    assert "SSL_CERT_FILE" in caught.value.hint
    assert answer(context, monkeypatch, client_context({"SSL_CERT_FILE": str(ca)})) == 200


def test_a_ca_that_only_the_system_knows_is_trusted_beside_the_usual_ones(issued, monkeypatch):
    ca, context = issued("valid")
    monkeypatch.setenv("SSL_CERT_FILE", str(ca))  # for OpenSSL: here is the system's own store
    both = client_context({})
    assert answer(context, monkeypatch, both) == 200
    assert both.cert_store_stats()["x509_ca"] > 50


def test_a_named_file_replaces_the_others(issued):
    ca, _ = issued("valid")
    assert client_context({"SSL_CERT_FILE": str(ca)}).cert_store_stats()["x509_ca"] == 1


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_a_named_place_that_is_not_there_is_named(variable):
    with pytest.raises(ConfigError, match=variable):
        client_context({variable: "/there/is/none"})


def test_a_server_without_tls_is_named_and_not_asked_again(monkeypatch):
    async def refuse(reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    async def ask():
        async with served(refuse) as server, HttpClient() as http:
            await http.send("GET", server.url.replace("http:", "https:"))

    with pytest.raises(httpx.ConnectError) as caught:
        asyncio.run(ask())
    assert not undelivered(caught.value)
    with pytest.raises(ServiceUnavailable, match="does not speak TLS"), translated("the portal"):
        raise caught.value
