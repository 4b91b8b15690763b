"""A rehearsal's values are looked at before minutes go into building and starting."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rehearsal.errors import BerthError
from scripts.berth import checked, rehearse

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
GOOD = """\
config:
  berth:target: aws-vm
  berth:owner: ml-team
  berth:network: { zones: [us-east-1a, us-east-1b] }
  berth:access: { kind: bastion }
  berth:budget: { emails: [ml-team@example.org] }
  aws:region: eu-west-1
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    (tmp_path / "stacks").mkdir()
    monkeypatch.setattr(checked, "CHECKOUT", tmp_path)
    return lambda text: (tmp_path / "stacks" / "Pulumi.trial.yaml").write_text(text) and None


@pytest.mark.parametrize("environment", ["local", "aws-vm"])
def test_the_committed_values_are_taken(environment: str) -> None:
    checked.values(environment, NOW)


@pytest.mark.parametrize(
    "added",
    [
        "",
        '  berth:expires_at: "2020-01-01T00:00:00Z"\n',
        "  berth:allowed_addresses: []\n  berth:ssh_public_keys: []\n",
        "  berth:model_name: { secure: v1:abc:def }\n  berth:gpu: 1\n",
    ],
    ids=[
        "without personal values",
        "with a lifetime that has ended",
        "with nobody",
        "with what is encrypted",
    ],
)
def test_what_a_rehearsal_has_of_its_own_and_what_it_cannot_read_is_no_problem(
    write: Callable[[str], None], added: str
) -> None:
    write(GOOD + added)
    checked.values("trial", NOW)


def test_every_problem_is_said_at_once(write: Callable[[str], None]) -> None:
    write(GOOD + "  berth:machine: { accelerator: A10, data_gib: 5 }\n  berth:gpu: 1\n")
    with pytest.raises(BerthError) as caught:
        checked.values("trial", NOW)
    for piece in ("3 problems", "did you mean A10G", "must be at least 10", "berth:gpu: is not a known key"):
        assert piece in caught.value.message


def test_a_rehearsal_is_refused_before_it_begins(
    berth: Callable[..., Any], write: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(rehearse, "known", lambda env: env)
    write(GOOD.replace("ml-team@", "ml-team"))
    for words in (["rehearse", "up", "trial"], ["rehearse", "up", "trial", "--dry-run"]):
        found = berth(*words)
        assert (found.status, found.asked) == (1, [])
        assert "berth:budget.emails.0: must be an e-mail address" in found.said
        assert "Nothing was built or started" in found.said
    assert not [*(tmp_path / "state").iterdir()]
