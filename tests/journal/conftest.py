"""A journal in a temporary folder."""

import pytest

from openclaw_ipython.journal.database import Database
from openclaw_ipython.journal.journal import Journal


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "ipython" / "journal.sqlite"


@pytest.fixture
def database(path):
    database = Database(path)
    yield database
    database.close()


@pytest.fixture
def journal(path, clock):
    journal = Journal(path, clock=clock)
    yield journal
    journal.close()
