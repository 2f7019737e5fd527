"""Record `notebooks/replay.ipynb` again: its answers into `replay-cache.sqlite`, its outputs into the notebook.

The notebook runs twice: first with the practice portal, then with the cached answers only, in another home without a
login. The outputs of the second run are those that every later run must have.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from openclaw_ipython.client import Client
from openclaw_ipython.openclaw.paths import locate
from openclaw_ipython.openclaw.store import Store
from openclaw_ipython.practice import Portal
from openclaw_ipython.runtime.env import Runtime

NOTEBOOK = Path(__file__).resolve().parents[1] / "notebooks" / "replay.ipynb"
CACHE = NOTEBOOK.with_name("replay-cache.sqlite")


async def sign_in(environ: dict[str, str], portal: Portal) -> None:
    async def no_wait(_: float) -> None:
        await asyncio.sleep(0)

    store = Store(locate(environ, None, Path.exists), Runtime(environ))
    async with Client(store=store, runtime=Runtime(environ, sleep=no_wait)) as client:
        async for event in client.login():
            if hasattr(event, "prompt"):
                portal.approve(event.prompt.user_code)


def run(home: Path, environ: dict[str, str]) -> nbformat.NotebookNode:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    os.environ |= environ | {"OPENCLAW_HOME": str(home), "IPYTHONDIR": str(home / "ipython")}
    NotebookClient(
        notebook, kernel_name="python3", resources={"metadata": {"path": str(NOTEBOOK.parent)}}
    ).execute()
    return notebook


def main() -> None:
    CACHE.unlink(missing_ok=True)
    portal = Portal(pace=0.03)  # for plausible durations
    with tempfile.TemporaryDirectory() as folder, portal.serve() as origin:
        environ = {"OPENCLAW_IPYTHON_OAUTH_ORIGIN": origin}
        asyncio.run(sign_in({"OPENCLAW_HOME": folder, **environ}, portal))
        run(Path(folder), environ)
    with tempfile.TemporaryDirectory() as folder:
        notebook = run(Path(folder), {"OPENCLAW_IPYTHON_OAUTH_ORIGIN": "http://127.0.0.1:9"})
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # timestamps
    notebook.metadata.pop("language_info", None)  # the Python version
    nbformat.write(notebook, NOTEBOOK)
    sys.stdout.write(f"{NOTEBOOK} and {CACHE} written\n")


if __name__ == "__main__":
    main()
