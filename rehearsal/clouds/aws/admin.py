"""The administration under `/_berth/`, which exists on the plain address only, never where machines look."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from rehearsal.clouds.aws import emulator, images, inventory, keys, settings
from rehearsal.clouds.aws.account import Account, as_json
from rehearsal.clouds.aws.calls import Environ, Reply, StartResponse
from rehearsal.clouds.aws.emulator import TURN, whole_body

PREFIX = "/_berth/"
OWN_ADDRESS = "203.0.113.7"  # the address from which this machine seems to come, in a rehearsal
SESSION_SECONDS = 6 * 3600

Handler = Callable[["Administration", list[str], dict[str, Any]], Reply]


class Administration:
    """Answers requests under PREFIX and hands all others on."""

    def __init__(self, account: Account) -> None:
        self.account = account

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        path = environ.get("PATH_INFO", "")
        if not path.startswith(PREFIX):
            return self.account(environ, start_response)
        name, *rest = path.removeprefix(PREFIX).strip("/").split("/")
        handler = HANDLERS.get((environ["REQUEST_METHOD"], name))
        if handler is None:
            return as_json({"error": f"no such path: {path}"}, 404).send(start_response)
        try:
            content = json.loads(whole_body(environ) or b"{}")
            return handler(self, rest, content).send(start_response)
        except (KeyError, ValueError, LookupError) as wrong:
            return as_json({"error": f"{type(wrong).__name__}: {wrong}"}, 400).send(start_response)


def own_address() -> str:
    """The address that a check from this machine sees."""
    run = settings.current().run
    try:
        return (run / "own-address").read_text().strip() if run else OWN_ADDRESS
    except OSError:
        return OWN_ADDRESS


def _health(admin: Administration, _: list[str], __: dict[str, Any]) -> Reply:
    return as_json(admin.account.health())


def _inventory(admin: Administration, _: list[str], __: dict[str, Any]) -> Reply:
    return as_json(inventory.take(admin.account.clients.get))


def _checkip(_: Administration, __: list[str], ___: dict[str, Any]) -> Reply:
    return Reply(200, [("Content-Type", "text/plain")], f"{own_address()}\n".encode())


def _reset(admin: Administration, _: list[str], __: dict[str, Any]) -> Reply:
    with TURN:
        emulator.reset()
    return _health(admin, [], {})


def _role_credentials(admin: Administration, _: list[str], content: dict[str, Any]) -> Reply:
    """{instance_id} → {role, credentials}, or both null where the instance has no profile."""
    instance_id = content["instance_id"]
    ec2 = admin.account.clients.get("ec2", content.get("region", "us-east-1"))
    instance = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    profile = (instance.get("IamInstanceProfile") or {}).get("Arn")
    if not profile:
        return as_json({"role": None, "credentials": None})
    iam = admin.account.clients.get("iam", "us-east-1")
    roles = iam.get_instance_profile(InstanceProfileName=profile.rpartition("/")[2])["InstanceProfile"][
        "Roles"
    ]
    if not roles:
        return as_json({"role": None, "credentials": None})
    sts = admin.account.clients.get("sts", "us-east-1")
    issued = keys.role_session(sts, roles[0]["Arn"], instance_id, SESSION_SECONDS)
    return as_json({"role": roles[0]["RoleName"], "profile_arn": profile, "credentials": issued})


def _image(_: Administration, path: list[str], __: dict[str, Any]) -> Reply:
    """What boots from an image: the catalogue's disk, or the disk of the instance that it was made of."""
    (ami,) = path
    for image in images.catalogue():
        if image["moto"]["ami_id"] == ami:
            return as_json(
                {"image_id": ami, "disk": image["disk"], "user": image["user"], "source_instance": None}
            )
    with emulator.backends() as backend:
        found = backend("ec2").amis.get(ami)
    if found is None:
        return as_json({"error": f"no image {ami}"}, 404)
    origin = images.origin(ami)
    return as_json(
        {
            "image_id": ami,
            "disk": origin["disk"],
            "user": origin["user"],
            "source_instance": found.instance_id,
        }
    )


HANDLERS: dict[tuple[str, str], Handler] = {
    ("GET", "health"): _health,
    ("GET", "inventory"): _inventory,
    ("GET", "checkip"): _checkip,
    ("POST", "reset"): _reset,
    ("POST", "role-credentials"): _role_credentials,
    ("GET", "images"): _image,
}
