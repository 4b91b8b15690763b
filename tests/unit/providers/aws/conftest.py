"""An emulated account for the tests of this folder, and the plugin on it."""

from collections.abc import Iterator

import emulated_account
import pytest
from aws_plugin import AwsPlugin


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint of an account of these tests' own."""
    with (
        emulated_account.running(tmp_path_factory.mktemp("account")) as emulated,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("BERTH_CACHE", str(tmp_path_factory.mktemp("cache")))
        for name, value in emulated.variables().items():
            patch.setenv(name, value)
        yield emulated.endpoint


@pytest.fixture(scope="module")
def shared_plugin(account: str) -> AwsPlugin:
    """One plugin for tests that leave nothing behind: its clients take a while to make."""
    return AwsPlugin(region="us-east-1", defaultTags='{"tags": {"owner": "tests", "environment": "unit"}}')
