"""Compiles the message catalogues before the package is built or installed."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent / "scripts"))


class CatalogueHook(BuildHookInterface[Any]):
    """Writes a `.mo` file beside every `.po` file."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile what is stale."""
        from messages import CATALOGUES, compile_catalogue

        for po in CATALOGUES:
            compile_catalogue(po)
