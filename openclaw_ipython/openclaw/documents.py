"""Other people's documents: what they say (views), how they are changed (patches), whose logins they hold.

One page to import from; the three subjects have a file each. All of it is pure. The patches are loaded when
something is changed: a question only reads.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from openclaw_ipython.openclaw.config_view import (
    ConfigView,
    ModelEntry,
    ProviderEntry,
    is_marker,
    merged_entry,
)
from openclaw_ipython.openclaw.profiles import StoredProfile, profiles_with, without_profile

if TYPE_CHECKING:
    from openclaw_ipython.openclaw.config_edit import (
        add_alias,
        login_patch,
        logout_patch,
        remove_alias,
        set_default_model,
        set_fallbacks,
        set_image_fallbacks,
        set_image_model,
        set_plugin,
    )

__all__ = [
    "ConfigView",
    "ModelEntry",
    "ProviderEntry",
    "StoredProfile",
    "add_alias",
    "is_marker",
    "login_patch",
    "logout_patch",
    "merged_entry",
    "profiles_with",
    "remove_alias",
    "set_default_model",
    "set_fallbacks",
    "set_image_fallbacks",
    "set_image_model",
    "set_plugin",
    "without_profile",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("openclaw_ipython.openclaw.config_edit"), name)
