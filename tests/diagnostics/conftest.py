import asyncio
import time

import pytest


@pytest.fixture
def signed_in(house):
    house.clock.now = time.time()  # files are dated by the system
    asyncio.run(house.login())
    return house
