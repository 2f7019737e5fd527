"""`-f silent`: nothing is shown."""

from msgspec.structs import replace

from openclaw_ipython.shell.render.formats import Format
from openclaw_ipython.shell.render.renderers import make_renderer

FORMAT = Format(
    "not shown, only bound", make=lambda context: make_renderer(replace(context, renderer="silent"))
)
