"""What a first question imports: only what it needs, since a reader waits for all of it."""

import asyncio
import os
import subprocess
import sys

import pytest
from scripted_portal import Portal
from signed_in import sign_in

pytestmark = pytest.mark.slow

ASK = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
before = set(sys.modules)
shell.extension_manager.load_extension("openclaw_ipython")
shell._openclaw_ipython.renderer = "markdown"
shell.run_cell("%%qwen\\nhello").raise_error()
found = set(sys.modules) - before
shell._openclaw_ipython.close()
print("\\n" + " ".join(sorted(found)))
"""
MOST_OF_OURS = 122
"""Modules of ours that a plain question may import; each costs a file to find and to read."""


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """The modules that loading the extension and asking one plain question added to an IPython."""
    folder = tmp_path_factory.mktemp("home")
    portal = Portal()
    with portal.serve() as origin:
        ours = {"OPENCLAW_HOME": str(folder), "OPENCLAW_IPYTHON_OAUTH_ORIGIN": origin}
        asyncio.run(sign_in(ours, portal))
        environ = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        environ |= ours | {"IPYTHONDIR": str(folder / "ipython")}
        done = subprocess.run(
            [sys.executable, "-c", ASK], env=environ, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "practice portal" in done.stdout
    return frozenset(done.stdout.splitlines()[-1].split())


def test_a_question_was_asked(imported):
    assert {
        "httpx",
        "openclaw_ipython.client",
        "openclaw_ipython.shell.render.renderers.markdown",
    } <= imported


@pytest.mark.parametrize("package", ["ipywidgets", "mcp", "mcp_types", "nest_asyncio2", "tqdm", "segno"])
def test_a_question_does_without(imported, package):
    assert package not in imported


@pytest.mark.parametrize(
    "module",
    [
        "structured", "api", "auth.device_flow", "auth.flow_runner", "batch", "openclaw.json5.edit",
        "openclaw.config_edit", "context", "diagnostics.doctor",
        "auth.import_credentials", "journal.database", "journal.journal", "auth.key_login", "auth.stored_logins",
        "practice", "dispatch.cache", "diagnostics.scan", "openclaw.settings", "shell.commands",
        "shell.render.buffered", "shell.render.formats.json", "shell.render.code_cells",
        "shell.commands.history", "shell.login.flow", "shell.dry_run",
        "mcp", "shell.tool_loop", "shell.login.panel", "auth.sign_in", "diagnostics.probe",
    ],
)  # fmt: skip
def test_a_plain_question_leaves_the_other_rooms_alone(imported, module):
    assert f"openclaw_ipython.{module}" not in imported


def test_functions_of_the_notebook_bring_nothing_of_mcp():
    code = """
import sys
import openclaw_ipython.api, openclaw_ipython.shell.tool_loop, openclaw_ipython.structured.runner
print([name for name in sys.modules if name.startswith(("mcp", "openclaw_ipython.mcp"))])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_number_of_modules_stays_small(imported):
    ours = {name for name in imported if name.startswith("openclaw_ipython.")}
    assert len(ours) <= MOST_OF_OURS, sorted(ours)


def test_the_parser_of_markdown_is_loaded_while_the_answer_is_awaited():
    code = """
import sys
from openclaw_ipython.shell.render.renderers.markdown import MarkdownRenderer
renderer = MarkdownRenderer(None, lambda: 0.0)
renderer.start("m")
before = "markdown_it" in sys.modules
renderer.update([])
print(before, "markdown_it" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
