"""An emulated account with an environment in it, in this process, and a place that acts on it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from leaky_account import Leaky

from rehearsal.clouds.aws import settings
from rehearsal.clouds.aws.account import Account
from rehearsal.clouds.aws.groups import Reconciler
from rehearsal.clouds.aws.settings import Settings
from scripts.berth.leaks import deletion, services
from scripts.berth.place import Place

ENGINE = """\
#!/bin/bash
shift 2  # -C DIR
case "$*" in
"stack ls --json") cat "$STACKS" ;;
"stack export"*) cat "$STATE" ;;
*) echo "unexpected: $*" >&2; exit 1 ;;
esac
"""
VALUES = "config:\n  berth:target: aws-vm\n  berth:owner: ml-team\n  berth:region: us-east-1\n"


@pytest.fixture(scope="session")
def shared_account() -> Account:
    return Account()


@pytest.fixture
def leaky(shared_account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Leaky]:
    settings.use(Settings())
    shared_account.reset()
    shared_account.faults.use([])
    engine = tmp_path / "pulumi"
    engine.write_text(ENGINE)
    engine.chmod(0o755)
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "Pulumi.aws-vm.yaml").write_text(VALUES)
    place = Place(
        engine=str(engine),
        environ={
            "PATH": os.environ["PATH"],
            "STATE": str(tmp_path / "state.json"),
            "STACKS": str(tmp_path / "stacks.json"),
            "XDG_STATE_HOME": str(tmp_path / "kept"),
        },
        project=tmp_path,
        rehearsed=False,
        values=tmp_path / "stacks",
    )
    for service in ("ec2", *services.USED):
        place.clients[service, "us-east-1", ""] = shared_account.clients.get(service, "us-east-1")
    monkeypatch.setattr(deletion, "pause", lambda: None)
    reconciler = Reconciler(shared_account.clients.get, shared_account.count_change)
    made = Leaky(shared_account, place, tmp_path, reconciler)
    made.knows()
    yield made
    settings.use(Settings())
