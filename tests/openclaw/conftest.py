"""An empty folder of one's own for tests that look at what is in it; generated cases may take their time."""

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("config", deadline=None)  # a busy machine is no failure
settings.load_profile("config")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "folder"
    path.mkdir(mode=0o700)
    return path
