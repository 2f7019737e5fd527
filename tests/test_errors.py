"""What every error of this package has: a sentence, and what to do about it, also in a traceback."""

import pickle
import traceback

from openclaw_ipython.errors import LoginRequired, OpenClawError, RateLimited


def below(error):
    """What stands below the error's own line."""
    return "".join(traceback.format_exception(error)).splitlines()[1:]


def test_in_a_traceback_the_hint_stands_below_the_error():
    error = LoginRequired("no login", hint="%openclaw login")
    assert below(error) == ["→ %openclaw login"]
    error.hint = "the key belongs to another address"
    assert below(error) == ["→ the key belongs to another address"]
    assert below(OpenClawError("no")) == []


def test_an_error_travels_to_another_process_with_its_hint():
    error = RateLimited("slow", retry_after=3.0, hint="wait")
    there = pickle.loads(pickle.dumps(error))
    assert (str(there), there.hint, there.retry_after) == ("slow", "wait", 3.0)
    assert below(there) == ["→ wait"]
