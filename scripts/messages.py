"""The sentences that can be translated, and the catalogues made of them.

`python scripts/messages.py` writes the `.mo` files that the package reads from the `.po` files that people write, and
says which sentences a `.po` lacks or has in vain. A test fails when either is stale. Nothing but Python is needed.
"""

import ast
import struct
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "openclaw_ipython"
CATALOGUES = sorted(PACKAGE.glob("locale/*/LC_MESSAGES/openclaw_ipython.po"))
_MAGIC = 0x950412DE  # GNU gettext, "The Format of GNU MO Files"


def templates() -> dict[str, str]:
    """Every sentence said somewhere in the package, with the first place where it is."""
    found: dict[str, str] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE.parent).as_posix()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for text in _said(node):
                found.setdefault(text, place)
    return found


def _said(node: ast.AST) -> list[str]:
    """The literals given to `say` and `translatable`, and the help of a subcommand: the first line of its docstring."""
    match node:
        case ast.Call(func=ast.Name(id="say" | "translatable"), args=[ast.Constant(value=str(text))]):
            return [text]
        case ast.FunctionDef(decorator_list=[ast.Call(func=ast.Name(id="command")), *_]):
            return [(ast.get_docstring(node) or "").partition("\n")[0].replace("`", "")]
    return []


def read_po(text: str) -> dict[str, str]:
    """A catalogue as msgid → msgstr, its header under the empty msgid. Plural forms are not used here."""
    entries: dict[str, str] = {}
    parts = {"msgid": "", "msgstr": ""}
    into = ""
    for line in [*text.splitlines(), 'msgid ""']:
        word, _, rest = line.partition(" ")
        if word == "msgid" and into == "msgstr":
            if parts["msgid"] in entries:
                raise ValueError(f"twice: {parts['msgid']!r}")
            entries[parts["msgid"]] = parts["msgstr"]
        if word in parts:
            into = word
            parts[word] = ast.literal_eval(rest)
        elif line.startswith('"'):
            parts[into] += ast.literal_eval(line)
    return entries


def mo(entries: dict[str, str]) -> bytes:
    """The compiled catalogue; the same entries give the same bytes. An untranslated sentence is left out."""
    pairs = sorted((k.encode(), v.encode()) for k, v in entries.items() if v)
    start = 28 + 16 * len(pairs)
    tables = [b"", b""]
    data = b""
    for side in (0, 1):
        for pair in pairs:
            tables[side] += struct.pack("<2I", len(pair[side]), start + len(data))
            data += pair[side] + b"\0"
    head = struct.pack("<7I", _MAGIC, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, start)
    return head + b"".join(tables) + data


def main() -> int:
    wanted = templates()
    stale = 0
    for po in CATALOGUES:
        entries = read_po(po.read_text("utf-8"))
        po.with_suffix(".mo").write_bytes(mo(entries))
        lacking = [text for text in wanted if not entries.get(text)]
        spare = [text for text in entries if text and text not in wanted]
        stale += len(lacking) + len(spare)
        for text in lacking:
            print(f"{po.parts[-3]} lacks {text!r} ({wanted[text]})")
        for text in spare:
            print(f"{po.parts[-3]} has in vain {text!r}")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
