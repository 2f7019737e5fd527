"""The sentences that can be translated, and the catalogues made of them.

`python scripts/messages.py` compiles every `.po` file to the `.mo` file that the package reads, adds the sentences
that a catalogue lacks (untranslated) and drops those that the code no longer has. With `--release` it changes nothing
and fails when a sentence is untranslated or left over. Building a wheel and running the tests compile the
catalogues too.
"""

import ast
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

PACKAGE = Path(__file__).resolve().parents[1] / "openclaw_ipython"
CATALOGUES = sorted(PACKAGE.glob("locale/*/LC_MESSAGES/openclaw_ipython.po"))


def templates() -> dict[str, str]:
    """Every translatable sentence of the package, with the module it is in."""
    found: dict[str, str] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE.parent).as_posix()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for text in _sentences(node):
                found.setdefault(text, place)
    return found


def _sentences(node: ast.AST) -> list[str]:
    """The literals given to `_`, `translate` and `N_`, the help of options and formats, and that of a subcommand."""
    match node:
        case ast.Call(func=ast.Name(id="_" | "translate" | "N_"), args=[ast.Constant(value=str(text))]):
            return [text]
        case ast.Call(func=ast.Name(id="Option" | "Positional"), args=[_, ast.Constant(value=str(text)), *_]):
            return [text]
        case ast.Call(func=ast.Name(id="Format"), args=[ast.Constant(value=str(text)), *_]):
            return [text]
        case ast.FunctionDef(decorator_list=[ast.Call(func=ast.Name(id="command")), *_]):
            return [(ast.get_docstring(node) or "").partition("\n")[0].replace("`", "")]
    return []


def read(po: Path) -> Catalog:
    """The catalogue as written."""
    with po.open("rb") as file:
        return read_po(file)


def translations(po: Path) -> dict[str, str]:
    """Sentence → translation; an untranslated one is empty."""
    return {str(message.id): str(message.string) for message in read(po) if message.id}


def compile_catalogue(po: Path) -> None:
    """Write the `.mo` file beside `po` if it is missing or older."""
    mo = po.with_suffix(".mo")
    if mo.exists() and mo.stat().st_mtime_ns >= po.stat().st_mtime_ns:
        return
    with mo.open("wb") as file:
        write_mo(file, read(po))


def update(po: Path) -> None:
    """Bring `po` in step with the code, keeping every translation that is still of use."""
    known, wanted = translations(po), templates()
    catalogue = Catalog(locale=po.parts[-3])
    for text in sorted(wanted, key=lambda text: (wanted[text], text)):
        catalogue.add(text, known.get(text, ""), locations=[(wanted[text], None)])
    head = po.read_text("utf-8").partition("\n\n")[0]  # the comment and the header, as they are
    with po.open("wb") as file:
        file.write(f"{head}\n\n".encode())
        write_po(file, catalogue, width=0, include_lineno=False, omit_header=True)


def report() -> list[str]:
    """What the catalogues lack and what they have left over, a line each."""
    wanted = templates()
    lines = []
    for po in CATALOGUES:
        known = translations(po)
        lines += [
            f"{po.parts[-3]}: untranslated {text!r} ({wanted[text]})"
            for text in wanted
            if not known.get(text)
        ]
        lines += [f"{po.parts[-3]}: left over {text!r}" for text in known if text not in wanted]
    return lines


def main(arguments: list[str]) -> int:
    if arguments == ["--release"]:
        lines = report()
        print("\n".join(lines) or "every sentence is translated")
        return 1 if lines else 0
    for po in CATALOGUES:
        update(po)
        compile_catalogue(po)
    print("\n".join(report()) or "every sentence is translated")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
