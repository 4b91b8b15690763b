"""A `pulumi` that keeps states in files and does in a destroy what a test tells it to."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.berth.place import Place

ENGINE = f"""\
#!{sys.executable} -S
import json, os, sys
from pathlib import Path

folder = Path(os.environ["SCRIPTED"])
words = sys.argv[3:]  # -C DIR
with (folder / "calls").open("a") as calls:
    calls.write(" ".join(words) + "\\n")
name = words[words.index("--stack") + 1] if "--stack" in words else words[2] if words[1] == "rm" else ""
file = folder / f"{{name}}.state.json"
if words[:2] == ["stack", "ls"]:
    names = sorted(one.name.removesuffix(".state.json") for one in folder.glob("*.state.json"))
    print(json.dumps([{{"name": f"organization/berth/{{one}}"}} for one in names]))
elif words[:2] == ["stack", "export"]:
    print(file.read_text())
elif words[:2] == ["stack", "import"]:
    file.write_text(sys.stdin.read())
elif words[:2] == ["stack", "rm"]:
    file.unlink()
elif words[:2] == ["stack", "history"]:
    print(json.dumps([] if (folder / f"{{name}}.new").exists() else [{{"kind": "update"}}]))
elif words[:3] == ["stack", "tag", "get"]:
    tag = folder / f"{{name}}.tag"
    if not tag.exists():
        sys.exit("error: the current backend does not support stack tags")
    print(tag.read_text())
elif words[0] == "destroy":
    script = folder / f"{{name}}.script.json"
    runs = json.loads(script.read_text()) if script.exists() else []
    run = runs.pop(0) if runs else {{}}
    script.write_text(json.dumps(runs))
    state = json.loads(file.read_text())
    kept = run.get("keeps", [])
    state["deployment"]["resources"] = [
        one for one in state["deployment"]["resources"]
        if one.get("protect") or one["urn"].rpartition("::")[2] in kept
    ]
    file.write_text(json.dumps(state))
    print(run.get("says", "destroyed"))
    sys.exit(255 if kept else 0)
else:
    sys.exit("unexpected: " + " ".join(words))
"""


@dataclass
class ScriptedEngine:
    """Its folder, and a place that uses it."""

    folder: Path
    place: Place

    def put(self, env: str, *resources: Mapping[str, Any], deployed: bool = True) -> None:
        """Give an environment a state. deployed: whether it has a history."""
        deployment = {"manifest": {"time": "2026-11-22T10:00:00Z"}, "resources": list(resources)}
        if not deployed:
            (self.folder / f"{env}.new").touch()
        (self.folder / f"{env}.state.json").write_text(json.dumps({"version": 3, "deployment": deployment}))

    def state(self, env: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / f"{env}.state.json").read_text())
        return found

    def names(self, env: str) -> list[str]:
        """Logical names of what the state has."""
        return [one["urn"].rpartition("::")[2] for one in self.state(env)["deployment"]["resources"]]

    def has(self, env: str) -> bool:
        return (self.folder / f"{env}.state.json").exists()

    def destroys(self, env: str, *runs: Mapping[str, Any]) -> None:
        """What each destroy does. keeps: names that it fails to delete. says: its output."""
        (self.folder / f"{env}.script.json").write_text(json.dumps(runs))

    def tag(self, env: str, end: str) -> None:
        (self.folder / f"{env}.tag").write_text(end)

    def values(self, env: str, **keys: str) -> None:
        """Write a values file."""
        lines = [f"  berth:{key}: {value}" for key, value in keys.items()]
        (self.place.values / f"Pulumi.{env}.yaml").write_text("\n".join(["config:", *lines, ""]))

    @property
    def calls(self) -> list[str]:
        file = self.folder / "calls"
        return file.read_text().splitlines() if file.exists() else []

    def called(self, command: str) -> list[str]:
        return [call for call in self.calls if call.startswith(command)]


def made(folder: Path, **environ: str) -> ScriptedEngine:
    """One without any state. environ: for the engine, and for what else a command runs."""
    (folder / "stacks").mkdir()
    (folder / "backend").mkdir()
    engine = folder / "pulumi"
    engine.write_text(ENGINE)
    engine.chmod(0o755)
    place = Place(
        engine=str(engine),
        environ={
            "PATH": os.environ["PATH"],
            "SCRIPTED": str(folder / "backend"),
            "PULUMI_HOME": str(folder / "home"),
            "XDG_STATE_HOME": str(folder / "kept"),
            **environ,
        },
        project=folder,
        rehearsed=False,
        values=folder / "stacks",
    )
    return ScriptedEngine(folder / "backend", place)


def urn(kind: str, name: str, env: str = "aws-vm") -> str:
    return f"urn:pulumi:{env}::berth::{kind}::{name}"


def resource(
    kind: str, name: str, *, needs: Sequence[str] = (), env: str = "aws-vm", **more: Any
) -> dict[str, Any]:
    """A resource of a state. needs: URNs."""
    component = kind.startswith("berth:")
    return {
        "urn": urn(kind, name, env),
        "type": kind,
        "custom": not component,
        **({} if component else {"id": f"{name}-id"}),
        "inputs": {},
        "outputs": {},
        "dependencies": list(needs),
        **more,
    }
