"""The practice portal: a stand-in for the Qwen portal on this computer, for demos, docs and tests.

It speaks the wire formats of the portal and refuses what the portal refuses. It is not a model, and every answer says
so. `oauth` and `pages` are the sign-in; `requests`, `answers` and `completion_format` the chat; `batch_desk` files and
batches; `script` the methods that control it; `portal` joins them; `server` is its endpoint. Of the package it imports
only the version.
"""

from openclaw_ipython.practice.portal import Portal

__all__ = ["Portal"]
