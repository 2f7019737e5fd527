"""`-f markdown`: the answer as the renderer shows it."""

from openclaw_ipython.shell.render.formats import Format

FORMAT = Format("as the model wrote it")
