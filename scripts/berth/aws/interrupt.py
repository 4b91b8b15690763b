"""`rehearse interrupt`: the emulated account takes the spot machine away, and training resumes on another."""

import json
import urllib.error
import urllib.request
from typing import Any

from rehearsal.errors import BerthError
from scripts.berth.aws import machines, watch
from scripts.berth.aws.bucket import bucket
from scripts.berth.aws.deployed import deployed
from scripts.berth.aws.watch import Progress, Watch
from scripts.berth.place import Place

ADMIN = "_berth/interrupt"
NOTICE_SECONDS = (
    120  # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
)


def interrupt(
    place: Place, env: str, shown: Progress, *, seconds: int, minutes: float, instance: str = ""
) -> dict[str, Any]:
    """Send the notice, wait for the replacement and for the training on it; returns what was lost.

    seconds: from the notice to the end of the machine.
    """
    outputs = deployed(place, env)
    old = machines.find(place, outputs, "machine", instance)
    storage = bucket(place, outputs.bucket, outputs.region)
    prefix = outputs.run_prefix.strip("/")
    before = storage.get_json(f"{prefix}/progress.json")
    ended_before = storage.get(f"{prefix}/results.json") is not None
    _post(place, {"instance_id": old.id, "seconds": seconds})
    shown.done(f"notice: {old} ends in {seconds} s")
    wait = Watch(place, outputs, storage, shown, minutes)
    saved = _saved(wait, old.id)
    last = storage.get_json(f"{prefix}/progress.json") or before or {}
    new = wait.bring_up("machine", not_this=old.id)
    shown.done(f"replacement: {new} is ready")
    resumed = None if ended_before else wait.resumed(new.id)
    if resumed is not None:
        shown.done(f"training: step {resumed.get('step')} of {resumed.get('of')} on {new.id}")
    return {
        "environment": env,
        "interrupted": old.id,
        "replacement": new.id,
        "training": "resumed" if resumed else "had ended before",
        "step_at_notice": last.get("step"),
        "checkpoint_step": saved.get("checkpoint_step"),
        "lost_steps": _lost(last.get("step"), saved.get("checkpoint_step")) if resumed else 0,
        "noticed_at": saved.get("noticed_at"),
        "saved_at": saved.get("saved_at"),
    }


def _saved(wait: Watch, instance: str) -> dict[str, Any]:
    """What the machine saved between the notice and its end; empty where it said nothing."""
    while True:
        said = wait.storage.get_json(f"machines/{instance}/interruption.json")
        if said is not None:
            wait.shown.done(
                f"checkpoint: step {said.get('checkpoint_step')}, saved at {said.get('saved_at')}"
            )
            return said
        alive = machines.all_of(wait.place, wait.outputs, "machine", ("running",))
        if instance not in {one.id for one in alive}:
            wait.shown.done(f"{instance} ended without a word about a checkpoint")
            return {}
        wait.shown.now("waiting for the machine to save its checkpoint")
        wait.in_time(f"{instance} has neither saved anything nor ended")
        watch.pause()


def _lost(reached: object, saved: object) -> int | None:
    """Steps to be done again; None where they are not known."""
    if not isinstance(reached, int) or not isinstance(saved, int):
        return None
    return max(0, reached - saved)


def _post(place: Place, content: dict[str, Any]) -> None:
    endpoint = place.environ.get("AWS_ENDPOINT_URL")
    if not place.rehearsed or not endpoint:
        raise BerthError(
            "only a rehearsal can be told to interrupt a machine", "`berth rehearse interrupt ENV`"
        )
    request = urllib.request.Request(
        f"{endpoint}/{ADMIN}",
        data=json.dumps(content).encode(),
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10):
            return
    except urllib.error.HTTPError as answer:
        said = answer.read(500).decode(errors="replace")
        raise BerthError(f"the emulated account refuses the interruption: {answer.code} {said}") from None
    except (urllib.error.URLError, OSError) as reason:
        raise BerthError(
            f"the emulated account does not answer: {reason}", "`berth rehearse status` tells what runs."
        ) from None
