"""`python -m openclaw_ipython` runs the command line."""

from openclaw_ipython.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
