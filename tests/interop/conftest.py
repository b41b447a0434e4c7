"""The same server as in the tests of the wallet."""

from tests.wallet_api.conftest import small

__all__ = ["small"]
