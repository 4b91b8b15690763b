"""`status`: what runs, what it takes, where it answers."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from rehearsal import addresses, process, recovery, session
from rehearsal.paths import Paths
from rehearsal.record import Choice
from scripts.berth import spending, stack, targets
from scripts.berth.pending import state as pending_state
from scripts.berth.place import Place

GIB = 2**30


def rehearsal(where: Paths, *, as_json: bool) -> None:
    """Daemons with their memory, disk, addresses and stacks."""
    found = _facts(where)
    if as_json:
        print(json.dumps(found, indent=2))
        return
    console = Console()
    state = "[green]up[/]" if found["ready"] else "[yellow]not up[/]"
    console.print(
        f"The rehearsal is {state}: {_parts(found['choice'])}, {found['memory_gib']:.2f} GiB of memory",
        highlight=False,
    )
    table = Table("daemon", "pid", "memory", box=None, pad_edge=False)
    for name, daemon in found["daemons"].items():
        pid = daemon["pid"]
        memory = f"{daemon['memory_bytes'] / 2**20:.0f} MiB"
        table.add_row(name, str(pid) if pid else "[red]dead[/]", memory if pid else "")
    console.print(table)
    for name, size in found["disk_gib"].items():
        console.print(f"{name}: {size:.2f} GiB", highlight=False)
    for name, url in found["addresses"].items():
        console.print(f"{name}: {url}", highlight=False)
    console.print(f"environments deployed: {', '.join(found['stacks']) or 'none'}", highlight=False)
    if not found["ready"]:
        console.print("To bring it up: berth rehearse up local")


def environment(place: Place, env: str, *, as_json: bool) -> None:
    """An environment's resources by kind, and its outputs."""
    place.require_stack(env)
    state = stack.exported(place, env)
    kinds = stack.kinds(state)
    pending = len(pending_state.operations(state))
    outputs = json.loads(place.capture("stack", "output", "--stack", env, "--json"))
    deployed = state.get("deployment", {}).get("manifest", {}).get("time")
    found = {
        "environment": env,
        "rehearsed": place.rehearsed,
        "changed": deployed,
        "resources": dict(sorted(kinds.items())),
        "pending_operations": pending,
        "outputs": outputs,
        "now": targets.of(env).status(place, env) if outputs else {},
        "spend": spending.of(place, targets.of(env), env, state) if kinds else None,
    }
    if as_json:
        print(json.dumps(found, indent=2))
        return
    console = Console()
    listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    console.print(f"{env}: {sum(kinds.values())} resources ({listed or 'none'}), changed {deployed}")
    if pending:
        console.print(f"[yellow]{pending} operations are pending[/]: an earlier command was killed")
    spend = spending.sentences(found["spend"]) if found["spend"] else {}
    for name, text in {**found["now"], **spend}.items():
        console.print(f"  {name}: {text}", soft_wrap=True, markup=False)
    for name, value in sorted(outputs.items()):
        text = value if isinstance(value, str) else json.dumps(value)
        console.print(f"  {name}: {text}", soft_wrap=True, markup=False)


def _parts(choice: dict[str, Any] | None) -> str:
    if choice is None:
        return "nothing"
    parts = []
    if "local" in choice["targets"]:
        parts.append(f"cluster {choice['cluster']}, {choice['gpus']} simulated GPUs")
    if "aws-vm" in choice["targets"]:
        parts.append(f"emulated AWS{' with machines' if choice['machines'] else ''}")
    return ", ".join(parts)


def _addresses(choice: Choice) -> dict[str, str]:
    found = {"image registry": addresses.REGISTRY}
    if choice.needs("local"):
        found["API server"] = f"https://{addresses.NODE}:{addresses.API_SERVER_PORT}"
        found["object storage"] = addresses.S3_ENDPOINT
    if choice.needs("aws-vm"):
        found["emulated AWS"] = addresses.AWS_ENDPOINT
    return found


def _facts(where: Paths) -> dict[str, Any]:
    record = session.load(where)
    pids = {name: process.pid_of(where, name) for name in process.names(where)}
    memory = {name: _memory(pid) if pid else 0 for name, pid in pids.items()}
    return {
        "ready": session.ready(where) is not None,
        "choice": asdict(record.choice) if record else None,
        "daemons": {name: {"pid": pid, "memory_bytes": memory[name]} for name, pid in pids.items()},
        "memory_gib": (sum(memory.values()) + _memory_of_pods(where)) / GIB,
        "disk_gib": {str(path): _disk(path) / GIB for path in (where.cache, where.state)},
        "addresses": _addresses(record.choice) if record else {},
        "stacks": recovery.stacks(where),
        "logs": str(where.logs),
    }


def _memory(pid: int) -> int:
    """Proportional set size in bytes: shared pages count once in a sum."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def _memory_of_pods(where: Paths) -> int:
    """Bytes of the processes whose parent is a shim of the rehearsal's containerd, and of the shims."""
    socket = str(where.run / "containerd.sock").encode()
    shims: set[int] = set()
    parents: dict[int, int] = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            fields = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
            parents[int(entry.name)] = int(fields[1])
            words = Path(entry.path, "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"containerd-shim" in words[0] and socket in words:
            shims.add(int(entry.name))
    family = set(shims)
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(map(_memory, family))


def _disk(root: Path) -> int:
    """Bytes that a directory takes on its own file system; hard links count once."""
    if not root.exists():
        return 0
    seen: set[int] = set()
    total, device = 0, root.stat().st_dev
    for directory, names, files in os.walk(root):
        names[:] = [n for n in names if _on(Path(directory, n), device)]
        for name in files:
            status = _status(Path(directory, name))
            if status is not None and status.st_ino not in seen:
                seen.add(status.st_ino)
                total += status.st_blocks * 512
    return total


def _on(path: Path, device: int) -> bool:
    status = _status(path)
    return status is not None and status.st_dev == device


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None
