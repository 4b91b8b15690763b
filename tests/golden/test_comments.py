"""The comments that previews become, as files: what a reader of a pull request sees.

`pytest tests/golden --update-golden` writes them; a difference then belongs in the review. Prices are the
tests' own, so that a new price table changes no comment.
"""

from io import StringIO
from pathlib import Path

import previews
import pytest
from rich.console import Console

from infra.spend import estimate
from infra.spend.preview import markdown, terminal
from infra.spend.preview.decision import Decision, Found, Thresholds, decide

COMMENTS = Path(__file__).parent / "comments"
SHORT = Found(quota=(previews.quota(needed=48, free=8, limit=8),), zones=previews.FINE.zones)
NOT_ASKED = Found(
    quota=(previews.quota(needed=48, free=None, limit=None),),
    quota_notes=("not asked: there are no AWS credentials",),
    capacity_notes=("not asked: there are no AWS credentials",),
)
NEVER_ASKED = Found()
STRICT = Thresholds(
    max_hourly=0.2, max_monthly_delta=100, fail_on=frozenset({"policy", "quota", "replace-data"})
)
# name of the comment: the recorded preview, what was looked up, the thresholds
CASES = {
    "create": ("create", previews.FINE, Thresholds()),
    "nothing": ("nothing", previews.FINE, Thresholds()),
    "replace": ("network", previews.FINE, Thresholds()),
    "delete": ("no-bastion", previews.FINE, Thresholds()),
    "data-loss": ("data-replaced", NEVER_ASKED, STRICT),
    "data-deleted": ("data-deleted", NEVER_ASKED, Thresholds()),
    "quota-short": ("bigger-machine", SHORT, STRICT),
    "price-unknown": ("bigger-machine", NOT_ASKED, Thresholds()),
    "policy": ("policy", NEVER_ASKED, STRICT),
    "kubernetes": ("local", NEVER_ASKED, Thresholds()),
    "lifetime-ended": ("lifetime-ended", NEVER_ASKED, Thresholds()),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Decision]:
    monkeypatch.setattr(estimate, "lines", previews.lines)
    name, found, thresholds = CASES[request.param]
    environment = "local" if name == "local" else "aws-vm"
    decision = decide(
        environment,
        previews.recorded(name),
        now=previews.NOW,
        rehearsed=environment == "local",
        found=found,
        thresholds=thresholds,
    )
    return request.param, decision


def compare(actual: str, file: Path, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        file.write_text(actual)
    assert actual == file.read_text(), "`pytest tests/golden --update-golden` writes it anew"


def test_a_comment_is_the_one_that_was_reviewed(
    case: tuple[str, Decision], request: pytest.FixtureRequest
) -> None:
    name, decision = case
    compare(markdown.render(decision), COMMENTS / f"{name}.md", request)


def test_a_terminal_shows_the_same_decision(
    case: tuple[str, Decision], request: pytest.FixtureRequest
) -> None:
    name, decision = case
    console = Console(file=StringIO(), width=110, no_color=True)
    terminal.show(console, decision)
    assert isinstance(console.file, StringIO)
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]
    compare("\n".join(lines) + "\n", COMMENTS / f"{name}.txt", request)
