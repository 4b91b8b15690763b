"""An emulated account for the tests of this folder."""

from collections.abc import Iterator

import emulated_account
import pytest
from emulated_account import EmulatedAccount

from scripts.berth.place import Place


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedAccount]:
    with emulated_account.running(tmp_path_factory.mktemp("account")) as emulated:
        yield emulated


@pytest.fixture(scope="module")
def place(account: EmulatedAccount, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """On the account; its clients, which take a while to make, are shared."""
    folder = tmp_path_factory.mktemp("values")
    return Place(engine="pulumi", environ=account.variables(), project=folder, rehearsed=True, values=folder)


@pytest.fixture
def fresh(account: EmulatedAccount, place: Place) -> Iterator[Place]:
    """The same, with nothing in it before and after."""
    account.reset()
    yield place
    account.reset()
