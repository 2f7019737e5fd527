"""Which proxy serves an address, and what is said about one that cannot."""

import pytest

from openclaw_ipython.errors import ConfigError
from openclaw_ipython.net.proxies import proxy_for

GOOD, OTHER = "http://proxy.example:3128", "http://other.example:3128"
GNOME = "socks://127.0.0.1:7890/"
HTTPS, HTTP, LOCAL = "https://host.example/v1", "http://gpu.lan:8000/v1", "http://127.0.0.1:11434/v1"


@pytest.mark.parametrize(
    ("url", "settings", "proxy"),
    [
        (HTTPS, {}, None),
        (HTTPS, {"https": GOOD, "all": OTHER}, GOOD),
        (HTTPS, {"http": GOOD}, None),
        (HTTPS, {"all": OTHER}, OTHER),
        (HTTPS, {"https": "proxy.example:3128"}, GOOD),
        # what GNOME sets, beside a proxy that works
        (HTTPS, {"https": GOOD, "all": GNOME}, GOOD),
        (HTTPS, {"https": GNOME, "all": OTHER}, OTHER),
        (HTTPS, {"https": "http://[::1", "all": OTHER}, OTHER),
        (HTTPS, {"https": "socks5://127.0.0.1:1080", "all": OTHER}, OTHER),
        # this machine
        (LOCAL, {"http": GOOD, "all": GNOME}, None),
        ("http://localhost:8000/v1", {"all": GNOME}, None),
        ("http://127.0.0.2:8000/v1", {"all": GNOME}, None),
        ("http://[::1]:8000/v1", {"all": GNOME}, None),
        # exceptions
        (HTTPS, {"https": GOOD, "no": "host.example"}, None),
        (HTTPS, {"https": GOOD, "no": ".example"}, None),
        (HTTPS, {"https": GOOD, "no": "other.example, *"}, None),
        (HTTPS, {"https": GOOD, "no": "st.example"}, GOOD),
        (HTTP, {"http": GOOD, "no": "gpu.lan:8000"}, None),
        (HTTP, {"http": GOOD, "no": "gpu.lan:80"}, GOOD),
        ("http://10.1.2.3:8000/v1", {"http": GOOD, "no": "10.0.0.0/8"}, None),
        ("http://10.1.2.3:8000/v1", {"http": GOOD, "no": "10.1.2.0/30, 10.1.2.4"}, None),
        ("http://10.1.2.3:8000/v1", {"http": GOOD, "no": "192.168.0.0/16"}, GOOD),
        (HTTPS, {"all": GNOME, "no": "host.example"}, None),
    ],
)
def test_the_proxy_of_an_address(url, settings, proxy):
    assert proxy_for(url, settings, socks=False) == proxy


def test_a_socks_proxy_is_used_where_its_package_is_installed():
    assert proxy_for(HTTPS, {"all": "socks5h://127.0.0.1:1080"}, socks=True) == "socks5h://127.0.0.1:1080"


@pytest.mark.parametrize(
    ("settings", "variable", "said"),
    [
        ({"all": GNOME}, "ALL_PROXY", "begins with socks://"),
        ({"https": "socks5://me:password@127.0.0.1:1080"}, "HTTPS_PROXY", "httpx[socks]"),
        ({"https": "http://me:password@[::1"}, "HTTPS_PROXY", "not a valid proxy address"),
        ({"https": "http://me:password@host:port/"}, "HTTPS_PROXY", "not a valid proxy address"),
        ({"https": "http://"}, "HTTPS_PROXY", "not a valid proxy address"),
        ({"https": "https4://host.example", "all": GNOME}, "HTTPS_PROXY", "begins with https4://"),
    ],
)
def test_the_variable_that_cannot_be_used_is_named_without_its_password(settings, variable, said):
    with pytest.raises(ConfigError) as caught:
        proxy_for(HTTPS, settings, socks=False)
    assert str(caught.value).startswith(variable)
    assert said in str(caught.value)
    assert f"%env {variable.lower()}=" in caught.value.hint
    assert "password" not in f"{caught.value} {caught.value.hint}"
