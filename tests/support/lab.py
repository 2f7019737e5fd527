"""JupyterLab in headless Chromium, as a person has it: a server of its own, a page, cells that are run by keys."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

TOKEN = "browser-test-token"
LONG = 120.0  # seconds
BUILT = Path(__file__).parents[2] / "labextension" / "built"


def find_chromium() -> str | None:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    return None


class Lab:
    """One server. `page` is Playwright's; coordinates and markup are JupyterLab 4's."""

    def __init__(self, url: str, page, shots: Path, app: str) -> None:
        self.url = url
        self.app = app
        self.page = page
        self.shots = shots

    def api(self, path: str):
        request = urllib.request.Request(f"{self.url}api/{path}", headers={"Authorization": f"token {TOKEN}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def open(self, notebook: str) -> None:
        place = "lab/tree" if self.app == "jupyterlab" else "notebooks"
        self.page.goto(f"{self.url}{place}/{notebook}?token={TOKEN}&reset", timeout=90_000)
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
        self.wait(
            lambda: any(
                s["kernel"]["execution_state"] == "idle" and s["kernel"]["connections"] >= 1
                for s in self.api("sessions")
            )
        )

    def cell(self, index: int):
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def output(self, index: int):
        return self.cell(index).locator(".jp-Cell-outputWrapper").first

    def run(self, index: int) -> None:
        """Select the cell and run it; pressed again if the kernel was not there yet and the press was lost."""
        cell = self.cell(index)
        for _ in range(3):
            cell.locator(".jp-InputPrompt").first.click()
            self.page.keyboard.press("Control+Enter")
            if self.wait(lambda: self.prompt(index) not in ("[ ]:", ""), 10, must=False):
                return
        raise AssertionError(f"cell {index} did not start")

    def prompt(self, index: int) -> str:
        return self.cell(index).locator(".jp-InputPrompt").first.inner_text().strip()

    def finished(self, index: int, seconds: float = LONG) -> None:
        self.wait(lambda: self.prompt(index) not in ("[ ]:", "[*]:", ""), seconds)

    def wait(self, condition, seconds: float = LONG, *, must: bool = True) -> bool:
        """Wait until `condition()` is true; what it raises counts as false. The end is generous: machines are busy."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(Exception):
                if condition():
                    return True
            self.page.wait_for_timeout(50)
        if must:
            self.shot("timeout")
            raise AssertionError("waited in vain; see the screenshot")
        return False

    def save(self, path: Path) -> str:
        """Save the notebook; the text that was written to `path`. Pressed again if the press was lost."""
        before = path.stat().st_mtime_ns

        def saved() -> bool:
            return path.stat().st_mtime_ns > before and bool(json.loads(path.read_text("utf-8")))

        for _ in range(6):
            self.page.keyboard.press("Control+s")
            if self.wait(saved, 10, must=False):
                return path.read_text("utf-8")
        raise AssertionError("the notebook was not saved")

    def shot(self, name: str) -> Path:
        self.shots.mkdir(parents=True, exist_ok=True)
        path = self.shots / f"{name}.png"
        self.page.screenshot(path=str(path))
        return path


@contextlib.contextmanager
def jupyterlab(
    work: Path,
    environ: dict[str, str],
    shots: Path,
    *,
    theme: str = "light",
    width: int = 1200,
    height: int = 1500,
    scale: int = 1,
    app: str = "jupyterlab",
) -> Iterator[Lab]:
    """A server of JupyterLab, or of Notebook (`app="notebook"`), in `work`, and a page on it. It has the front-end
    extension as it is built here. A pixel of the page is `scale` pixels of its pictures. Everything is below `work`.
    """
    from playwright.sync_api import sync_playwright

    environ = (
        os.environ
        | environ
        | {
            "HOME": str(work / "home"),
            "IPYTHONDIR": str(work / "ipython"),
            "JUPYTER_CONFIG_DIR": str(work / "config"),
            "JUPYTER_PATH": str(work / "share"),
            "JUPYTER_DATA_DIR": str(work / "data"),
            "JUPYTER_RUNTIME_DIR": str(work / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(work / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(work / "workspaces"),
        }
    )
    (work / "home").mkdir(exist_ok=True)
    shutil.copytree(BUILT, work / "share" / "labextensions" / "openclaw-ipython")
    folder = work / "settings" / "@jupyterlab" / "apputils-extension"
    folder.mkdir(parents=True)
    (folder / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    if theme == "dark":
        (folder / "themes.jupyterlab-settings").write_text('{"theme": "JupyterLab Dark"}')
    command = [
        sys.executable, "-m", app, "--no-browser", "--allow-root",
        "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0",
        f"--ServerApp.root_dir={work}", f"--IdentityProvider.token={TOKEN}", "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    log = (work / "server.log").open("wb")
    server = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    try:
        url = _address(work / "runtime", server)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=find_chromium(),
                args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
                      "--disable-component-update", "--disable-sync", "--no-first-run"],
            )  # fmt: skip
            context = browser.new_context(
                viewport={"width": width, "height": height}, device_scale_factor=scale
            )
            page = context.new_page()
            page.on("dialog", lambda dialog: dialog.accept())
            yield Lab(url, page, shots, app)
            browser.close()
    finally:
        server.terminate()
        server.wait(LONG)
        log.close()


def _address(runtime: Path, server: subprocess.Popen) -> str:
    """The server says in its runtime folder where it listens."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        assert server.poll() is None, "JupyterLab ended at once"
        for info in runtime.glob("jpserver-*.json"):
            with contextlib.suppress(ValueError):
                url = json.loads(info.read_text())["url"]
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"{url}api", timeout=5).read()
                    return url
        time.sleep(0.1)
    raise AssertionError("JupyterLab did not start")
