"""`make demo`: the quickstart notebook with the practice portal, in a temporary home.

With --headless the notebook runs in a kernel without a browser: every cell is printed with its outputs, and this script
presses *Approve* on the sign-in page.
"""

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from openclaw_ipython.practice import Portal

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--headless", action="store_true", help="run the notebook here and print it")
    parser.add_argument("--notebook", default="quickstart.ipynb", help="which one of notebooks/")
    parser.add_argument(
        "--no-browser", action="store_true", help="start JupyterLab without opening a browser"
    )
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="openclaw-demo-", ignore_cleanup_errors=True) as folder,
        Portal(pace=0.0 if options.headless else 0.02).serve() as origin,
    ):
        work = Path(folder)
        shutil.copytree(NOTEBOOKS, work / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
        environ = environment(work, origin)
        notebook = work / "notebooks" / options.notebook
        if options.headless:
            return headless(notebook, environ, origin)
        return jupyterlab(notebook, environ, origin, open_browser=not options.no_browser)


def environment(work: Path, origin: str) -> dict[str, str]:
    """Environment variables for a temporary home of OpenClaw and Jupyter, with sign-in at the practice portal."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("OPENCLAW_", "QWEN_"))}
    environ |= {
        "OPENCLAW_HOME": str(work / "home"),
        "OPENCLAW_IPYTHON_OAUTH_ORIGIN": origin,
        "IPYTHONDIR": str(work / "ipython"),
        "JUPYTER_CONFIG_DIR": str(work / "jupyter"),
        "JUPYTER_DATA_DIR": str(work / "jupyter-data"),
        "JUPYTER_RUNTIME_DIR": str(work / "jupyter-runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(work / "lab-settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(work / "lab-workspaces"),
        "PYTHONWARNINGS": "ignore",
    }
    (work / "home").mkdir()
    settings = work / "lab-settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}', "utf-8")
    return environ


def jupyterlab(notebook: Path, environ: dict[str, str], origin: str, *, open_browser: bool) -> int:
    print(
        f"Practice portal at {origin} (not a model, no account needed). JupyterLab opens; Ctrl-C ends the demo."
    )
    command = [
        sys.executable, "-m", "jupyterlab", str(notebook), "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.root_dir={notebook.parent}", "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    if not open_browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    process = subprocess.Popen(command, env=environ)
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        return 0


def headless(notebook: Path, environ: dict[str, str], origin: str) -> int:
    import nbformat
    from jupyter_client.manager import start_new_kernel

    print(f"Practice portal at {origin} (not a model, no account needed); home: a temporary folder\n")
    manager, client = start_new_kernel(
        kernel_name="python3", env=environ, cwd=str(notebook.parent), stderr=subprocess.DEVNULL
    )
    failed = 0
    started = time.monotonic()
    try:
        for cell in nbformat.read(notebook, as_version=4).cells:
            if cell.cell_type == "markdown":
                print(cell.source.strip() + "\n")
                continue
            print("\n".join("    | " + line for line in cell.source.splitlines()))
            outputs, ok = execute(client, cell.source, origin)
            failed += not ok
            print("\n" + "\n\n".join(text for text in outputs if text).strip() + "\n")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    print(f"{'FAILED' if failed else 'Done'} in {time.monotonic() - started:.1f} s")
    return 1 if failed else 0


def execute(client, source: str, origin: str) -> tuple[list[str], bool]:
    """Run one cell as a front end does. Returns the last state of its outputs as text, and whether it succeeded."""
    message_id = client.execute(source, allow_stdin=True)
    shown: dict[str, str] = {}
    updated_elsewhere: list[str] = []
    ok = True
    while True:
        message = client.get_iopub_msg(timeout=120)
        kind, content = message["msg_type"], message["content"]
        if message["parent_header"].get("msg_id") != message_id and kind != "update_display_data":
            continue
        if kind == "status" and content["execution_state"] == "idle":
            break
        if kind == "update_display_data" and content["transient"]["display_id"] not in shown:
            updated_elsewhere.append(content["data"].get("text/plain", ""))
            continue
        key = str(content.get("transient", {}).get("display_id") or len(shown))
        if kind == "stream":
            shown[f"stream{len(shown)}"] = content["text"]
        elif kind in {"display_data", "update_display_data"}:
            shown[key] = content["data"].get("text/plain", "")
        elif kind == "execute_result":
            shown[key] = plain_result(content["data"]["text/plain"])
        elif kind == "error":
            shown[key] = "\n".join(content["traceback"])
            ok = False
    client.get_shell_msg(timeout=120)
    texts = list(shown.values())
    texts += [f"(the sign-in above now says: {text})" for text in updated_elsewhere]
    if press_approve("\n".join(texts), origin):
        texts.append("(here the demo opened that page and pressed Approve)")
    return texts, ok


def plain_result(result: str) -> str:
    """The text of a result; a string, such as a reply, without its quotes."""
    try:
        return str(ast.literal_eval(result))
    except (SyntaxError, ValueError):
        return result


def press_approve(text: str, origin: str) -> bool:
    """Open the sign-in page that a cell names, and press *Approve*."""
    link = re.search(re.escape(origin) + r"/authorize\?\S+", text)
    if link is None:
        return False
    import httpx

    with httpx.Client() as browser:
        page = browser.get(link.group(0))
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
        answer = browser.post(f"{origin}/authorize", data={**fields, "decision": "approve"})
        answer.raise_for_status()
    return True


if __name__ == "__main__":
    sys.exit(main())
