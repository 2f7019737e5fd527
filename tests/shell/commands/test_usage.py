"""The days usage is summed up by: those of this machine's clock, summer and winter."""

import os
import time
from datetime import datetime

import pytest

from openclaw_ipython.shell.commands.usage import midnight


@pytest.fixture
def berlin():
    """This process in a place where clocks are put forward at 2026-03-29 and back at 2026-10-25."""
    if not hasattr(time, "tzset"):
        pytest.skip("the zone of a process cannot be changed here")
    before = os.environ.get("TZ")
    os.environ["TZ"] = "CET-1CEST,M3.5.0,M10.5.0/3"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.parametrize(
    "now", ["2026-04-10 15:00", "2026-03-29 15:00", "2026-10-25 01:30", "2026-11-03 00:00"]
)
def test_every_day_begins_at_its_own_midnight_after_a_change_of_the_clocks(berlin, now):
    at = datetime.fromisoformat(now)
    days = [datetime.fromtimestamp(midnight(at.timestamp(), ago)) for ago in range(30)]
    assert {day.hour for day in days} == {0}
    assert [(at.date() - day.date()).days for day in days] == list(range(30))
