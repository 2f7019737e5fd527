"""Eight processes share one budget: it holds, and what killed ones held does not stay."""

import random

import pytest
from spenders import Spender

from openclaw_ipython.errors import BudgetExceeded
from openclaw_ipython.journal.limits import Limit, LimitFile

pytestmark = pytest.mark.slow

PROCESSES, ROUNDS, KILLS = 8, 50, 12
TOKENS = 200  # of one request; at most about 2,000
USAGE = {"prompt_tokens": 100, "completion_tokens": 100}
DAY = Limit(40_000, "tokens", "day")
HIGH = Limit(40_000_000, "tokens", "day")  # not reached


@pytest.fixture
def limited(remote):
    LimitFile(remote.home.budget).save([DAY], "")
    for _ in range(30_000):
        remote.portal.says("A", usage=USAGE)
    return remote


def start(remote, rounds: int) -> Spender:
    return Spender(remote.home.user_home, remote.origin, rounds)


def used(remote):
    (found,) = (used for _limit, used in remote.client.budget.used())
    return found


def test_eight_processes_do_not_pass_their_limit(limited):
    spenders = [start(limited, ROUNDS) for _ in range(PROCESSES)]
    try:
        for spender in spenders:
            while not spender.ended_within(0.1):
                assert sum(used(limited)) <= DAY.amount
    finally:
        codes = [spender.wait() for spender in spenders]
    assert [spender.errors for spender in spenders] == [""] * PROCESSES
    assert codes == [0] * PROCESSES
    sent = len(limited.chats())
    assert sent == sum(spender.answers for spender in spenders)
    assert sent * TOKENS == used(limited).settled <= DAY.amount
    assert used(limited)[1:] == (0, 0, 0)
    assert sent > 100


def test_what_killed_processes_held_is_unknown_and_can_be_forgotten(limited):
    LimitFile(limited.home.budget).save([HIGH], "")
    chance = random.Random(7)
    spenders = [start(limited, 10_000) for _ in range(PROCESSES)]
    every = list(spenders)
    try:
        for _kill in range(KILLS):
            at = chance.randrange(PROCESSES)
            spenders[at].begun.wait(60)
            spenders[at].kill()
            spenders[at] = start(limited, 10_000)
            every.append(spenders[at])
    finally:
        for spender in spenders:
            spender.kill()
    found = used(limited)
    assert (found.under_way, found.batches) == (0, 0)
    answered = sum(spender.answers for spender in every) * TOKENS
    assert answered <= found.settled + found.unknown <= HIGH.amount
    limited.client.budget.spending.forget()
    assert used(limited)[1:] == (0, 0, 0)
    with pytest.raises(BudgetExceeded):
        limited.client.budget.reserve(charge(limited, HIGH.amount))
    held = limited.client.budget.reserve(charge(limited, HIGH.amount - used(limited).settled))
    assert held is not None


def charge(remote, tokens: float):
    from openclaw_ipython.journal.spending import Charge

    return Charge("qwen-portal", int(tokens))
