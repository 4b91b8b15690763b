import previews
import pytest

from infra.spend import estimate


@pytest.fixture
def known_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prices that no table changes."""
    monkeypatch.setattr(estimate, "lines", previews.lines)
