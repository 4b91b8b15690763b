"""`up`, a change and `destroy` of the real engine are killed at any moment; the next run goes on unattended.

A sample: `python tests/bench/kill_points.py` kills as often as asked.
"""

import subprocess
from collections.abc import Iterator

import pytest
from conftest import BERTH
from kill_aws import KillableAws
from kill_aws import killable as on_aws
from kill_runs import Point, draw

from rehearsal import recovery
from rehearsal.paths import CHECKOUT, Paths

pytestmark = pytest.mark.rehearsal

SEED = 20261123
UPS, CHANGES, ENDS = 4, 2, 2


@pytest.fixture(scope="module", params=["up", "change", "destroy"])
def victim(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KillableAws]:
    with on_aws(tmp_path_factory.mktemp(request.param), of=request.param) as made:
        yield made


def test_aws_vm_converges(victim: KillableAws) -> None:
    count = {"up": UPS, "change": CHANGES, "destroy": ENDS}[victim.of]
    for number, point in enumerate(draw(count, SEED, victim.calls)):
        outcome = victim.kill_and_converge(number, point, thorough=number == 0)
        assert outcome.killed or point.moment == "time", f"{point} was not met"
        assert outcome.problems == [], outcome


def test_local_converges(paths: Paths, tmp_path_factory: pytest.TempPathFactory) -> None:
    """After the API has done a call, which is when a killed engine knows least."""
    from kill_local import killable

    assert not recovery.stacks(paths)
    subprocess.run([BERTH, "rehearse", "env", "local"], cwd=CHECKOUT, capture_output=True, check=True)
    with killable(tmp_path_factory.mktemp("local")) as victim:
        outcome = victim.kill_and_converge(0, Point("after", victim.calls // 2), thorough=True)
        assert outcome.killed
        assert outcome.problems == [], outcome
