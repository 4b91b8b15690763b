"""A plugin over an API server in memory."""

import pytest
from plugin_double import Plugin


@pytest.fixture
def plugin() -> Plugin:
    return Plugin()
