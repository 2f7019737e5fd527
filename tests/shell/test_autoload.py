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


@pytest.mark.parametrize("running", [(7, 34, 0, ""), (8, 17, 2, "")])
def test_an_older_running_ipython_is_one_line(monkeypatch, running):
    """As after `pip install` in a hosted notebook: the new IPython is installed, the old one still runs."""
    import IPython

    import openclaw_ipython

    monkeypatch.setattr(IPython, "version_info", running)
    with pytest.raises(ImportError) as caught:
        openclaw_ipython.load_ipython_extension(None)
    lines = caught.value._render_traceback_()
    assert len(lines) == 1
    assert "restart the runtime" in lines[0]
    assert ".".join(map(str, running[:3])) in lines[0]
