"""The panel of `%openclaw mcp serve` in real JupyterLab: an agent's call is allowed by a button, the log shows it.

Screenshots are kept in `artifacts/` (or where OPENCLAW_TEST_SHOTS says): look at them.
"""

import asyncio
import os
import threading
from pathlib import Path

import nbformat
import pytest
from lab import find_chromium, jupyterlab
from mcp_clients import mcp_client, text_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        find_chromium() is None, reason="no Chromium on this machine (Debian: apt-get install chromium)"
    ),
]

SHOTS = Path(os.environ.get("OPENCLAW_TEST_SHOTS") or Path(__file__).parents[2] / "artifacts")
SETUP = """
%load_ext openclaw_ipython
scores = {"ada": 3, "bob": 5}
def clean(text: str, lower: bool = True) -> str:
    "Tidy a text."
    print("cleaning")
    return text.strip().lower() if lower else text.strip()
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_call_is_allowed_by_a_button_and_stands_in_the_log(tmp_path, theme):
    cells = [SETUP, "%openclaw mcp serve scores, clean", "print('a cell of the person')"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    notebook.metadata["kernelspec"] = kernel
    nbformat.write(notebook, tmp_path / "serve.ipynb")
    results = []
    with jupyterlab(
        tmp_path, {"OPENCLAW_HOME": str(tmp_path / "home")}, SHOTS, theme=theme, height=1000
    ) as lab:
        lab.open("serve.ipynb")
        lab.page.keyboard.press("Control+b")
        for index in range(3):
            lab.run(index)
            lab.finished(index)
        (token,) = (tmp_path / "home").rglob("*.token")
        secret = token.read_text()

        async def talk():
            async with mcp_client(f"http://127.0.0.1:{token.stem}/mcp", secret, "legacy") as client:
                for name, arguments in (
                    ("scores", {}),
                    ("clean", {"text": "  One <b>TWO</b> "}),
                    ("clean", {"text": 3}),
                ):
                    results.append(text_of(await client.call_tool(name, arguments)))

        outside = threading.Thread(target=lambda: asyncio.run(talk()))
        outside.start()
        panel = lab.output(1)
        allow = panel.get_by_role("button", name="Allow", exact=True)
        lab.wait(lambda: allow.count() == 1)
        assert "clean({" in panel.inner_text()
        lab.shot(f"14-mcp-question-{theme}")
        allow.click()
        always = panel.get_by_role("button", name="Always allow clean")
        lab.wait(lambda: len(results) == 2 and always.count() == 1)
        always.click()
        outside.join(30)
        lab.wait(lambda: "failed" in panel.inner_text() and always.count() == 0)
        lab.shot(f"15-mcp-log-{theme}")
        assert lab.output(2).inner_text().strip() == "a cell of the person"
        saved = lab.save(tmp_path / "serve.ipynb")
    assert "ada" in results[0]
    assert results[1] == "one <b>two</b>\n\nPrinted:\ncleaning"
    assert secret not in saved
