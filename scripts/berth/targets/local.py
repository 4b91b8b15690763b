"""The target `local`: a Kubernetes cluster at hand."""

import json

from rich.console import Console

from infra.outputs import Deployed, from_mapping
from infra.spend.idle import Watched
from infra.spend.spent import Spent
from rehearsal.errors import BerthError
from rehearsal.paths import Paths
from rehearsal.record import Choice
from scripts.berth import report
from scripts.berth.aws.bucket import Bucket, bucket
from scripts.berth.checks import Failed, Verification, objects, service
from scripts.berth.place import Place
from scripts.berth.targets import Ask


def deployed(place: Place, env: str) -> Deployed:
    """The environment's StackOutputs.

    Raises:
        BerthError: it has not been deployed, or not to its end.
    """
    try:
        return from_mapping(place.outputs(env))
    except (KeyError, TypeError, ValueError) as missing:
        raise BerthError(
            f"{env} is not deployed to its end: these outputs are missing or unreadable: {missing}",
            f"Deploy it: `{place.prefix} up {env}`.",
        ) from None


def verify(place: Place, env: str, ask: Ask, progress: Console) -> Verification:
    """The service's health, the bucket, the training's result and predictions of held-out samples."""
    del progress  # `pulumi up` has waited for everything already
    outputs = deployed(place, env)
    region = place.environ.get("AWS_REGION") or place.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    storage = bucket(place, outputs.bucket, region, endpoint=outputs.s3_endpoint_url)
    return check(outputs, storage, ask)


def check(outputs: Deployed, storage: Bucket, ask: Ask) -> Verification:
    """Every check; one that fails does not keep the others from running."""
    found = Verification()
    held: list[service.Held] = []
    at = service.Service(url=outputs.predict_url, model=outputs.model_name)
    service.health(found, at)
    found.check("bucket answers and results match", lambda: _results(outputs, storage))
    found.check("held-out samples are in the bucket", lambda: _samples(outputs, storage, ask.samples, held))
    found.check(
        f"training accuracy is at least {ask.threshold:.0%}", lambda: _trained(outputs, ask.threshold)
    )
    if held:
        service.predictions(found, at, held[0], ask.threshold)
    return found


def results(console: Console, place: Place, env: str, found: Verification) -> None:
    """The training's result, the service and one prediction."""
    outputs = deployed(place, env)
    training = outputs.training
    report.training(console, training.accuracy, training.steps, training.duration_seconds)
    report.line(console, "Service", outputs.predict_url)
    report.prediction(console, found.prediction)


def next_steps(place: Place, env: str) -> list[tuple[str, str]]:
    """Where to look, and how to predict."""
    outputs = deployed(place, env)
    instances = f"{outputs.predict_url}/v1/models/{outputs.model_name}:predict"
    return [
        ("", f"pulumi up -s {env}; kubectl -n {outputs.namespace} get pods; berth verify {env}"),
        ("Predict", f"curl -d '{{\"instances\": [IMAGE]}}' {instances}"),
    ]


def status(place: Place, env: str) -> dict[str, str]:
    """Nothing beyond the outputs."""
    del place, env
    return {}


def running(place: Place, env: str) -> dict[str, int] | None:
    """No groups: the cluster is not the environment's."""
    del place, env
    return None


def watched(place: Place, env: str) -> list[Watched]:
    """Refused: the nodes are the cluster's, and may work for others."""
    del place
    raise BerthError(
        f"{env} has no machine of its own: it runs in a cluster that is there anyway",
        "`berth idle` is for environments that pay for their machines, such as `berth:target: aws-vm`.",
    )


def stop(place: Place, env: str, group: str) -> list[str]:
    """Nothing is ever named here: see `watched`."""
    del place, env, group
    return []


def spent(place: Place, env: str) -> Spent | None:
    """No budget: what the cluster costs is its owner's to know."""
    del place, env
    return None


def alive(where: Paths, choice: Choice) -> bool:
    """Whether the cluster runs; one that is not the rehearsal's own counts as running."""
    from rehearsal import cluster

    return choice.cluster != "embedded" or cluster.is_running(where)


def plan() -> str:
    """What is deployed."""
    return "pulumi up: dataset, training, service"


def _results(outputs: Deployed, storage: Bucket) -> str:
    key = f"{outputs.training.run_prefix.strip('/')}/results.json"
    results = json.loads(objects.content(storage, key))
    for name in ("accuracy", "steps"):
        if results.get(name) != getattr(outputs.training, name):
            raise Failed(
                f"{key} says {name} {results.get(name)}, the stack {getattr(outputs.training, name)}"
            )
    return f"s3://{outputs.bucket}/{key}"


def _samples(outputs: Deployed, storage: Bucket, most: int, held: list[service.Held]) -> str:
    key = f"{outputs.training.run_prefix.strip('/')}/held-out.npz"
    held.append(service.read(objects.content(storage, key), most))
    count, height, width = held[0].images.shape
    return f"{count} images of {height}x{width}"


def _trained(outputs: Deployed, threshold: float) -> str:
    accuracy = outputs.training.accuracy
    if accuracy < threshold:
        raise Failed(f"{accuracy:.2%}")
    return f"{accuracy:.2%} after {outputs.training.steps} steps"
