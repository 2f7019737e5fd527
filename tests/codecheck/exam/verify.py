"""Run every cell of the exam in a fresh namespace and print what is not as it should be.

`python verify.py [right|wrong] [--magics] [--show] [--from=N]`. It takes four minutes, so the suite does not run it.
"""

import ast
import asyncio
import contextlib
import inspect
import io
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings

os.environ["MPLBACKEND"] = "Agg"
import matplotlib

matplotlib.use("Agg")
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from IPython.core.inputtransformer2 import TransformerManager
from namespace import namespace

LIMIT = 20  # seconds a cell
DATA = tempfile.TemporaryDirectory()
warnings.simplefilter("ignore")


class TimedOut(BaseException):
    pass


def _alarm(*_):
    raise TimedOut


signal.signal(signal.SIGALRM, _alarm)


def run(code):
    """The exception that the cell raises in a fresh namespace, or None."""
    ns = namespace(DATA.name)
    ns["display"] = lambda *a, **k: [repr(x) for x in a]
    old = os.getcwd()
    state = matplotlib.rcParams.copy()
    with tempfile.TemporaryDirectory() as tmp:
        os.chdir(tmp)
        signal.alarm(LIMIT)
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                # as a kernel does: statements, then the value of the last expression is shown
                tree = ast.parse(code)
                last = None
                if tree.body and isinstance(tree.body[-1], ast.Expr):
                    last = ast.Expression(tree.body.pop().value)
                flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
                for part, mode in ((tree, "exec"), (last, "eval")):
                    if part is None:
                        continue
                    obj = compile(part, "<cell>", mode, flags=flags)
                    value = eval(obj, ns)
                    if inspect.iscoroutine(value):
                        value = asyncio.run(value)
                    if mode == "eval":
                        repr(value)
            return None
        except TimedOut as error:
            return error
        except (Exception, SystemExit) as error:
            return error
        finally:
            signal.alarm(0)
            os.chdir(old)
            matplotlib.rcParams.update(state)
            import pandas

            pandas.reset_option("^display")


def run_magic(code):
    """Run a cell that holds magics in an IPython shell of its own process."""
    prog = (
        f"import sys,os,warnings\nsys.path.insert(0,{HERE!r})\nfrom namespace import namespace\n"
        "from IPython.terminal.interactiveshell import TerminalInteractiveShell as InteractiveShell\n"
        "ns=namespace('.')\nns.pop('__builtins__')\n"
        "sh=InteractiveShell(user_ns=ns)\n"
        "r=sh.run_cell(sys.stdin.read())\n"
        "e=r.error_before_exec or r.error_in_exec\n"
        "sys.exit(9 if e else 0)\n"
    )
    with tempfile.TemporaryDirectory() as tmp:
        env = dict(os.environ, IPYTHONDIR=tmp, HOME=tmp)
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", prog],
            input=code,
            text=True,
            capture_output=True,
            cwd=tmp,
            env=env,
            timeout=90,
        )
    return None if done.returncode == 0 else (done.stdout + done.stderr)[-1500:]


KINDS = (NameError, AttributeError, TypeError, KeyError, ValueError, ImportError)


def about(error, name, code):
    """Is this error plainly about the name?"""
    import polars

    if not isinstance(error, (*KINDS, polars.exceptions.PolarsError)):
        return False
    said = str(error) + " " + " ".join(map(str, error.args))
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said) is not None


def shape(code):
    """The cell's syntax without names and constants (to find cells that differ only in names)."""
    try:
        return re.sub(r"'[^']*'", "_", ast.dump(ast.parse(code)))
    except SyntaxError:
        return code


FROM = next((int(a[7:]) for a in sys.argv if a.startswith("--from=")), 0)  # skip the cells before this one


def main(which):
    bad = 0

    def complain(kind, i, why, code):
        nonlocal bad
        bad += 1
        print(f"=== {kind} [{i}] {why}\n{code}\n", flush=True)

    if "right" in which:
        from right import CELLS, NOT_RUN

        if len(CELLS) < 320:
            complain("right", "-", f"only {len(CELLS)} cells", "")
        seen, shapes = {}, {}
        for i, code in enumerate(CELLS):
            lines = len([x for x in code.splitlines() if x.strip()])
            if not 2 <= lines <= 15:
                complain("right", i, f"{lines} lines", code)
            if code in seen:
                complain("right", i, f"same as {seen[code]}", code)
            seen[code] = i
            if (s := shape(code)) in shapes:
                complain("right", i, f"same shape as {shapes[s]}", code)
            shapes[s] = i
            if i < FROM:
                continue
            if i in NOT_RUN:
                plain = TransformerManager().transform_cell(code)
                try:
                    compile(plain, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
                except SyntaxError as error:
                    complain("right", i, repr(error), code)
                if "--magics" in sys.argv and (out := run_magic(code)):
                    complain("right", i, "magic cell failed: " + out, code)
                continue
            start = time.time()
            error = run(code)
            if error is not None:
                tb = traceback.extract_tb(error.__traceback__)
                at = [f.lineno for f in tb if f.filename == "<cell>"]
                complain("right", i, f"{type(error).__name__}: {str(error)[:300]} (line {at})", code)
            if time.time() - start > 8:
                print(f"slow: right [{i}] {time.time() - start:.1f}s")
        print(f"right: {len(CELLS)} cells, {len(NOT_RUN)} not run")
    if "wrong" in which:
        from wrong import CELLS, NOT_DROP_IN

        if len(CELLS) < 150:
            complain("wrong", "-", f"only {len(CELLS)} cells", "")
        shapes = {}
        for i, (code, name, right) in enumerate(CELLS):
            if name not in code:
                complain("wrong", i, f"{name!r} is not in the code", code)
            if (s := shape(code)) in shapes:
                complain("wrong", i, f"same shape as {shapes[s]}", code)
            shapes[s] = i
            if i < FROM:
                continue
            error = run(code)
            if error is None:
                complain("wrong", i, f"{name!r}: no error", code)
            elif not about(error, name, code):
                complain("wrong", i, f"{name!r}: {type(error).__name__}: {str(error)[:300]}", code)
            elif "--show" in sys.argv:
                print(f"[{i}] {name!r} -> {right!r}: {type(error).__name__}: {str(error)[:110]!r}")
            # with the right name put in its place the cell should no longer fail on a name
            if right is not None and i not in NOT_DROP_IN:
                if re.fullmatch(r"\w+", name):
                    mended = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", lambda _, right=right: right, code)
                else:
                    mended = code.replace(name, right)
                error = run(mended)
                if error is not None:
                    complain(
                        "wrong",
                        i,
                        f"mended {name!r} -> {right!r}: {type(error).__name__}: {str(error)[:300]}",
                        mended,
                    )
        print(f"wrong: {len(CELLS)} cells, {sum(r is None for _, _, r in CELLS)} without a single right name")
    print("violations:", bad)
    return bad


if __name__ == "__main__":
    which = [a for a in sys.argv[1:] if not a.startswith("-")] or ["right", "wrong"]
    sys.exit(bool(main(which)))
