"""Test the installed package outside a checkout: load the extension in IPython, sign in, ask, check the answer."""

import os
import sys
import tempfile
from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from openclaw_ipython.practice import Portal


def main() -> int:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, Portal().serve() as origin:
        os.environ |= {
            "OPENCLAW_HOME": folder,
            "OPENCLAW_IPYTHON_OAUTH_ORIGIN": origin,
            "IPYTHONDIR": str(Path(folder, "ip")),
        }
        import openclaw_ipython

        package = Path(openclaw_ipython.__file__).parent
        assert "site-packages" in package.parts, package
        config = Config()
        config.HistoryManager.enabled = False  # its thread would outlive the folder
        shell = InteractiveShell.instance(config=config)
        shell.run_line_magic("load_ext", "openclaw_ipython")
        sign_in(shell, origin)
        shell.run_cell_magic("qwen", "-o answer", "Does the wheel work?")
        assert "not a model" in shell.user_ns["answer"], shell.user_ns["answer"]
        shell.run_line_magic("unload_ext", "openclaw_ipython")
    print("the wheel works")
    return 0


def sign_in(shell, origin: str) -> None:
    """Sign in as in a terminal; a thread presses *Approve* on the approval page."""
    import re
    import threading
    import time
    import urllib.parse
    import urllib.request

    out = sys.stdout
    written: list[str] = []

    class Tee:
        def write(self, text: str) -> int:
            written.append(text)
            return out.write(text)

        def flush(self) -> None:
            out.flush()

    def approve() -> None:
        while not (link := re.search(re.escape(origin) + r"/authorize\?\S+", "".join(written))):
            time.sleep(0.05)
        page = urllib.request.urlopen(link.group(0)).read().decode()
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
        body = urllib.parse.urlencode({**fields, "decision": "approve"}).encode()
        urllib.request.urlopen(f"{origin}/authorize", body).read()

    threading.Thread(target=approve, daemon=True).start()
    sys.stdout = Tee()  # type: ignore[assignment]
    try:
        shell.run_line_magic("openclaw", "login")
    finally:
        sys.stdout = out


if __name__ == "__main__":
    sys.exit(main())
