"""What a program may import from the top, and that importing it costs nothing."""

import builtins
import subprocess
import sys

import openclaw_ipython


def test_every_promised_name_is_there():
    for name in openclaw_ipython.__all__:
        assert getattr(openclaw_ipython, name) is not None


def test_all_is_sorted_and_with_filter_and_map_is_what_dir_shows():
    assert openclaw_ipython.__all__ == sorted(openclaw_ipython.__all__)
    assert dir(openclaw_ipython) == sorted([*openclaw_ipython.__all__, "filter", "map"])


def test_a_star_import_leaves_pythons_own_names_alone():
    namespace = {}
    exec("from openclaw_ipython import *", namespace)
    assert not set(namespace) - {"__builtins__"} & set(dir(builtins)) - {"__doc__"}
    assert callable(openclaw_ipython.map)
    assert callable(openclaw_ipython.filter)


def test_an_unknown_name_is_an_attribute_error():
    try:
        openclaw_ipython.nonsense  # noqa: B018
    except AttributeError as error:
        assert "nonsense" in str(error)
    else:
        raise AssertionError("no error")


def test_importing_the_package_imports_no_other_of_ours():
    code = """
import sys, openclaw_ipython
print(sorted(m for m in sys.modules if m.startswith(("openclaw_ipython.", "httpx"))))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "['openclaw_ipython._version']"


def test_loading_the_extension_imports_only_the_hook_and_the_magics():
    code = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
before = set(sys.modules)
shell.extension_manager.load_extension("openclaw_ipython")
print(sorted(m for m in set(sys.modules) - before))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = set(eval(out.strip().splitlines()[-1]))
    assert loaded == {
        "openclaw_ipython",
        "openclaw_ipython._version",
        "openclaw_ipython.errors",
        "openclaw_ipython.shell",
        "openclaw_ipython.shell.magics",
    }
