from pathlib import Path

import pytest

from scripts.berth import policy, stack
from scripts.berth.place import Place


def pack(checkout: Path, *, ready: bool) -> Path:
    directory = checkout / "infra" / "policy"
    python = directory / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    text = "runtime:\n  name: python\n  options:\n    virtualenv: .venv  # its own\n"
    (directory / "PulumiPolicy.yaml").write_text(text)
    if ready:
        python.touch()
    return directory


def test_a_pack_takes_part_once_its_environment_is_there(tmp_path: Path) -> None:
    assert policy.arguments(tmp_path) == []
    directory = pack(tmp_path, ready=False)
    assert policy.arguments(tmp_path) == []
    (directory / ".venv" / "bin" / "python").touch()
    assert policy.arguments(tmp_path) == ["--policy-pack", str(directory)]


def test_previews_and_ups_are_told_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, ...]] = []

    class Recorded(Place):
        def run(self, *arguments: str, log: Path | None = None) -> int:
            del log
            calls.append(arguments)
            return 0

        def has_stack(self, env: str) -> bool:
            return bool(env)

    place = Recorded(engine="", environ={}, project=tmp_path, rehearsed=False, values=tmp_path)
    monkeypatch.setattr(policy.arguments, "__defaults__", (tmp_path,))
    directory = pack(tmp_path, ready=True)
    stack.preview(place, "x", as_json=True)
    stack.deploy(place, "x", tmp_path / "log", yes=True, target="**List::*", refresh=True)
    assert calls == [
        ("preview", "--stack", "x", "--policy-pack", str(directory), "--json"),
        (
            *("up", "--stack", "x", "--policy-pack", str(directory), "--yes", "--refresh"),
            *("--target", "**List::*"),
        ),
    ]
