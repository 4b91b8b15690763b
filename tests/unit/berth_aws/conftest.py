import io
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from deployed_account import ENGINE, VALUES, Account
from moto import mock_aws
from rich.console import Console

from scripts.berth.aws import connect, deployed, watch
from scripts.berth.aws.watch import Progress
from scripts.berth.place import Place


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """A deployed environment with a bucket, and no machine yet."""
    for name in [*os.environ]:
        if name.startswith(("AWS_", "BERTH_", "SSH_")):
            monkeypatch.delenv(name)
    home, engine = tmp_path / "home", tmp_path / "bin" / "pulumi"
    for directory in (home / ".ssh", engine.parent, tmp_path / "stacks"):
        directory.mkdir(parents=True)
    engine.write_text(ENGINE)
    engine.chmod(0o755)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{engine.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("OUTPUTS", str(tmp_path / "outputs.json"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(deployed, "target_of", lambda _: "aws-vm")
    monkeypatch.setattr(connect, "_probe", lambda *_: None)
    (tmp_path / "stacks" / "Pulumi.aws-vm.yaml").write_text(VALUES)
    key = home / ".ssh" / "id_ed25519"
    keygen = shutil.which("ssh-keygen")
    assert keygen
    subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-C", "me", "-f", key], check=True)
    monkeypatch.setenv("BERTH_SSH_KEY", str(key))
    place = Place(
        engine=str(engine),
        environ=os.environ,
        project=tmp_path,
        rehearsed=False,
        values=tmp_path / "stacks",
    )
    with mock_aws():
        made = Account(place, tmp_path)
        made.s3.create_bucket(Bucket="berth-aws-vm")
        made.outputs()
        yield made


@pytest.fixture
def shown() -> Progress:
    """A display that nobody looks at."""
    console = Console(file=io.StringIO(), width=200)
    return Progress(console, lambda text: console.print(text, markup=False))


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Takes what happens in the account while a command waits: one function for each pause."""

    def follow(*steps: Callable[[], object]) -> None:
        remaining = list(steps)

        def pause() -> None:
            assert remaining, "the command waits for something that never happens"
            remaining.pop(0)()

        monkeypatch.setattr(watch, "pause", pause)

    return follow
