"""The target `aws-vm`: a GPU machine in a private network of an AWS account."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from infra.outputs import AwsVmDeployed
from infra.spend import idle
from infra.spend.idle import Slot, Watched
from infra.spend.spent import Spent
from rehearsal.errors import BerthError
from rehearsal.paths import Paths
from rehearsal.record import Choice
from scripts.berth import lifetime, report
from scripts.berth.aws import budgets, groups, machines, watch
from scripts.berth.aws.bucket import Bucket, bucket
from scripts.berth.aws.deployed import deployed
from scripts.berth.aws.forward import forwarded
from scripts.berth.checks import Check, Failed, Verification, objects, service
from scripts.berth.place import Place
from scripts.berth.targets import Ask

SERVICE_SECONDS = 240.0


def verify(place: Place, env: str, ask: Ask, progress: Console) -> Verification:
    """Wait for the machines and the training; then conformance, results, and predictions over the way in."""
    outputs = deployed(place, env)
    storage = bucket(place, outputs.bucket, outputs.region)
    found = Verification()
    if not place.machines:
        _account_side(found, place, outputs, storage)
        return found
    with watch.progress(progress) as shown:
        wait = watch.Watch(place, outputs, storage, shown, ask.minutes)
        if outputs.access == "bastion":
            wait.bring_up("bastion")
        machine = wait.bring_up("machine")
        _conformance(found, storage, machine.id)
        results = wait.training()
    _training(found, outputs, results, ask)
    held: list[service.Held] = []
    found.check("held-out samples are in the bucket", lambda: _samples(outputs, storage, ask.samples, held))
    with forwarded(place, env, outputs.predict_port) as forward:
        at = service.Service(url=forward.url, model=outputs.model_name)
        service.health(found, at, settle=SERVICE_SECONDS, until_ready=True)
        if held:
            service.predictions(found, at, held[0], ask.threshold)
    return found


def results(console: Console, place: Place, env: str, found: Verification) -> None:
    """The machine, and one prediction; the rest is among the facts."""
    outputs = deployed(place, env)
    report.line(console, "Machine", str(machines.find(place, outputs)))
    report.line(console, "Lifetime", lifetime.until(outputs.expires_at))
    report.prediction(console, found.prediction)


def next_steps(place: Place, env: str) -> list[tuple[str, str]]:
    """How to get in, to predict, and to try an interruption."""
    outputs = deployed(place, env)
    lines = [("Get in", f"berth ssh {env}    berth ssh {env} -- nvidia-smi")]
    lines.append(("Predict", f"berth forward {env} predict"))
    if outputs.jupyter_port is not None:
        lines.append(("Notebook", f"berth forward {env} jupyter"))
    if place.rehearsed:
        lines.append(("Interrupt", f"berth rehearse interrupt {env}"))
    return lines


def status(place: Place, env: str) -> dict[str, str]:
    """The machines, how far each is, the training, the lifetime."""
    outputs = deployed(place, env)
    storage = bucket(place, outputs.bucket, outputs.region)
    found = lifetime.sentences(place, env, outputs.expires_at)
    for role in machines.ROLES:
        for machine in machines.all_of(place, outputs, role):
            at = storage.get_json(f"machines/{machine.id}/status.json") or {}
            stage = f"failed: {at['failed']}" if at.get("failed") else at.get("stage") or "booting"
            found[f"{role} {machine.id}"] = f"{machine}: {stage}"
            if role == "machine" and (slots := _use(storage, machine.id)):
                found[f"GPU of {machine.id}"] = idle.last_hour(slots, datetime.now(UTC))
    prefix = outputs.run_prefix.strip("/")
    done = storage.get_json(f"{prefix}/results.json")
    found["training"] = (
        _reached(done) if done else watch.describe(storage.get_json(f"{prefix}/progress.json"))
    )
    return found


def running(place: Place, env: str) -> dict[str, int] | None:
    """Machines of the groups, as AWS has them now."""
    return groups.running(place, deployed(place, env))


def watched(place: Place, env: str) -> list[Watched]:
    """The machines, each with its group and what it wrote into the bucket."""
    outputs = deployed(place, env)
    storage = bucket(place, outputs.bucket, outputs.region)
    owner = {one: group.name for group in groups.groups(place, outputs) for one in group.instances}
    return [
        Watched(
            id=machine.id,
            group=owner.get(machine.id, ""),
            about=str(machine),
            slots=_use(storage, machine.id),
        )
        for machine in machines.all_of(place, outputs, "machine", ("running",))
    ]


def _use(storage: Bucket, instance: str) -> tuple[Slot, ...]:
    return idle.read(storage.get_list(f"machines/{instance}/utilization.json"))


def stop(place: Place, env: str, group: str) -> list[str]:
    """Have the group want no machine, nor any group that is still waiting for one in its place."""
    outputs = deployed(place, env)
    waiting = [one.name for one in groups.groups(place, outputs) if one.desired and not one.instances]
    for name in (group, *waiting):
        groups.stop(place, outputs, name)
    return [group, *waiting]


def spent(place: Place, env: str) -> Spent | None:
    """The environment's budget, as AWS sees it."""
    return budgets.spent(place, deployed(place, env))


def alive(where: Paths, choice: Choice) -> bool:
    """Whether the emulated account runs; what is in it goes with it."""
    from rehearsal.clouds import aws

    del choice
    return aws.is_running(where)


def plan() -> str:
    """What is deployed."""
    return "pulumi up: network, access, storage, images, machine; then its bring-up, training, service"


def _account_side(found: Verification, place: Place, outputs: AwsVmDeployed, storage: Bucket) -> None:
    """What can be checked where instances exist in the emulated account and do not boot."""

    def running(role: str) -> Callable[[], str]:
        def look() -> str:
            try:
                return str(machines.find(place, outputs, role))
            except BerthError as problem:
                raise Failed(problem.message) from None

        return look

    def end() -> str:
        content = storage.get("machines/expires-at")
        if content is None or content.decode().strip() != outputs.expires_at:
            raise Failed(f"the bucket says {content!r}, the stack {outputs.expires_at}")
        return outputs.expires_at

    for role in machines.ROLES if outputs.access == "bastion" else machines.ROLES[:1]:
        found.check(f"the {role} runs in the account", running(role))
    found.check("the machines are told the end of their lifetime", end)
    found.facts["Not checked"] = (
        "bring-up, training and service: the machines were not booted (--no-machines)"
    )


def _conformance(found: Verification, storage: Bucket, instance: str) -> None:
    said = storage.get_json(f"machines/{instance}/conformance.json") or {}
    checks = said.get("checks") or []
    found.check("the machine has tested itself", lambda: _tested(checks, instance))
    for check in checks:
        name, detail = f"machine: {check['name']}", str(check.get("detail") or "")
        found.checks.append(Check(name=name, passed=bool(check["passed"]), detail=detail))
    inventory = said.get("inventory") or {}
    if inventory:
        found.facts["Versions"] = ", ".join(f"{name} {version}" for name, version in inventory.items())


def _tested(checks: list[Any], instance: str) -> str:
    if not checks:
        raise Failed(f"machines/{instance}/conformance.json has no checks")
    return f"{len(checks)} checks on {instance}"


def _training(found: Verification, outputs: AwsVmDeployed, results: dict[str, Any], ask: Ask) -> None:
    def reached() -> str:
        accuracy = float(results.get("accuracy") or 0)
        if accuracy < ask.threshold:
            raise Failed(f"{accuracy:.2%}")
        return f"s3://{outputs.bucket}/{outputs.run_prefix.strip('/')}/results.json: {accuracy:.2%}"

    found.check(f"training accuracy is at least {ask.threshold:.0%}", reached)
    found.facts["Training"] = _reached(results)


def _reached(results: dict[str, Any]) -> str:
    text = (
        f"{float(results.get('accuracy') or 0):.2%} of the held-out images predicted right, "
        f"{results.get('steps')} steps, {float(results.get('duration_seconds') or 0):.1f} s"
    )
    attempts = int(results.get("attempts") or 1)
    if attempts > 1:
        text += f", {attempts} attempts, {results.get('lost_steps', 0)} steps lost in interruptions"
    return text


def _samples(outputs: AwsVmDeployed, storage: Bucket, most: int, held: list[service.Held]) -> str:
    key = f"{outputs.run_prefix.strip('/')}/held-out.npz"
    held.append(service.read(objects.content(storage, key), most))
    return f"{len(held[0].labels)} images"
