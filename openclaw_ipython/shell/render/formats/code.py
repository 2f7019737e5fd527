"""`-f code`: Python code, shown and put into new cells."""

from openclaw_ipython.shell.render.code_cells import CodeRenderer
from openclaw_ipython.shell.render.formats import Format
from openclaw_ipython.shell.render.renderers import make_renderer

FORMAT = Format(
    "Python code, also put into new cells",
    "Answer with Python code for a Jupyter notebook, in fenced blocks marked `python`, one block for each cell, "
    "and with few words around them.",
    lambda context: CodeRenderer(make_renderer(context), context),
)
