"""Loading by configuration, and how light it is."""

import subprocess
import sys

import pytest

CONFIG = """
c.InteractiveShellApp.extensions = ["openclaw_ipython"]
c.OpenClaw.default_model = "qwen-portal/vision-model"
c.OpenClaw.footer = False
"""


def ipython(tmp_path, code: str) -> str:
    profile = tmp_path / "ip" / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "ipython_config.py").write_text(CONFIG)
    command = [sys.executable, "-m", "IPython", "--colors=NoColor", "--no-banner", "-c", code]
    environ = {"IPYTHONDIR": str(tmp_path / "ip"), "HOME": str(tmp_path), "PATH": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60)
    assert not done.stderr, done.stderr
    return done.stdout


def test_the_extension_loads_by_configuration_and_takes_its_preferences(tmp_path):
    out = ipython(
        tmp_path,
        "print(get_ipython()._openclaw_ipython.default_model, get_ipython()._openclaw_ipython.footer)",
    )
    assert out.strip() == "qwen-portal/vision-model False"


def test_a_script_without_a_terminal_gets_the_same_magics(tmp_path):
    assert "openclaw-ipython" in ipython(tmp_path, "%openclaw version")


@pytest.mark.parametrize("module", ["httpx", "ipywidgets", "segno", "markdown_it", "openclaw_ipython.client"])
def test_nothing_heavy_is_imported_before_the_first_use(tmp_path, module):
    assert ipython(tmp_path, f"import sys; print({module!r} in sys.modules)").strip() == "False"
