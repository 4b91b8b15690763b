"""Options and fixtures of all tests. Its folder is importable from them, which is how they share `recorder`."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write the golden files instead of comparing with them"
    )
