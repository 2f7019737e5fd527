"""Other people's documents: what they say (views), how they are changed (patches), whose logins they hold.

One page to import from; the three subjects have a file each. All of it is pure.
"""

from openclaw_ipython.config.patches import (
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
from openclaw_ipython.config.profiles import StoredProfile, profiles_with, without_profile
from openclaw_ipython.config.views import ConfigView, ModelEntry, ProviderEntry, is_marker

__all__ = [
    "ConfigView",
    "ModelEntry",
    "ProviderEntry",
    "StoredProfile",
    "add_alias",
    "is_marker",
    "login_patch",
    "logout_patch",
    "profiles_with",
    "remove_alias",
    "set_default_model",
    "set_fallbacks",
    "set_image_fallbacks",
    "set_image_model",
    "set_plugin",
    "without_profile",
]
