"""ModelScope."""

import asyncio

from provider_contract import ProviderContract
from standins import ModelScope

from openclaw_ipython.sanitize.secrets import Secret


class TestModelScope(ProviderContract):
    id = "modelscope"
    stand_in = ModelScope

    def test_a_login_says_that_its_key_could_not_be_checked(self, stranger, service):
        async def login():
            async with stranger(service) as client:
                return await client.login_with_key("modelscope", Secret("ms-of-somebody-else-000"))

        assert (
            "the key could not be checked: ModelScope lists its models without one"
            in asyncio.run(login()).notes
        )
