"""The administration under `/_berth/`, which exists on the plain address only, never where machines look."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from rehearsal import addresses
from rehearsal.clouds.aws import emulator, endings, images, inventory, keys, limits, permissions, settings
from rehearsal.clouds.aws.account import Account, as_json
from rehearsal.clouds.aws.calls import Environ, Reply, StartResponse
from rehearsal.clouds.aws.emulator import whole_body
from rehearsal.clouds.aws.names import REGION

PREFIX = "/_berth/"
SESSION_SECONDS = 6 * 3600
NOTICE_SECONDS = 120

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


def _health(admin: Administration, _: list[str], __: dict[str, Any]) -> Reply:
    return as_json(admin.account.health())


def _inventory(admin: Administration, _: list[str], __: dict[str, Any]) -> Reply:
    return as_json(inventory.take(admin.account.clients.get))


def _checkip(_: Administration, __: list[str], ___: dict[str, Any]) -> Reply:
    own = addresses.own_address(settings.current().run)
    return Reply(200, [("Content-Type", "text/plain")], f"{own}\n".encode())


def _reset(admin: Administration, _: list[str], __: dict[str, Any]) -> Reply:
    admin.account.reset()
    return _health(admin, [], {})


def _role_credentials(admin: Administration, _: list[str], content: dict[str, Any]) -> Reply:
    """{instance_id} → {role, credentials}, or both null where the instance has no profile."""
    instance_id = content["instance_id"]
    ec2 = admin.account.clients.get("ec2", content.get("region", REGION))
    instance = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    profile = (instance.get("IamInstanceProfile") or {}).get("Arn")
    if not profile:
        return as_json({"role": None, "credentials": None})
    iam = admin.account.clients.get("iam", REGION)
    roles = iam.get_instance_profile(InstanceProfileName=profile.rpartition("/")[2])["InstanceProfile"][
        "Roles"
    ]
    if not roles:
        return as_json({"role": None, "credentials": None})
    sts = admin.account.clients.get("sts", REGION)
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


def _instances(admin: Administration, path: list[str], content: dict[str, Any]) -> Reply:
    """instances/<id>/ended {reason, region}: a machine ended by itself."""
    instance_id, what = path
    if what != "ended":
        raise LookupError(what)
    state = endings.end(instance_id, content["reason"], content.get("region", REGION))
    admin.account.changed()
    return as_json({"instance_id": instance_id, "state": state})


def _interrupt(admin: Administration, _: list[str], content: dict[str, Any]) -> Reply:
    """{instance_id, seconds, region}: the spot market wants an instance back."""
    seconds = int(content.get("seconds", NOTICE_SECONDS))
    notice = endings.interrupt(content["instance_id"], seconds, content.get("region", REGION))
    admin.account.changed()
    return as_json(notice)


def _interruptions(_: Administration, __: list[str], ___: dict[str, Any]) -> Reply:
    return as_json(endings.interruptions())


def _quotas(_: Administration, __: list[str], content: dict[str, Any]) -> Reply:
    """{code: value}: what the account has been granted; answers all quotas."""
    for code, value in content.items():
        limits.change(code, float(value))
    return as_json({row["code"]: row["value"] for row in limits.quotas()})


def _denials(_: Administration, __: list[str], ___: dict[str, Any]) -> Reply:
    return as_json(permissions.denials())


def _faults(admin: Administration, _: list[str], __: dict[str, Any]) -> Reply:
    """The rules in force and the faults that they have caused."""
    faults = admin.account.faults
    return as_json({"rules": [asdict(rule) for rule in faults.rules], "done": faults.done})


def _use_faults(admin: Administration, _: list[str], content: Any) -> Reply:
    """[rule, …]: replace the rules; an empty list ends all faults."""
    admin.account.faults.use(content or [])
    return _faults(admin, [], {})


HANDLERS: dict[tuple[str, str], Handler] = {
    ("GET", "health"): _health,
    ("GET", "inventory"): _inventory,
    ("GET", "checkip"): _checkip,
    ("POST", "reset"): _reset,
    ("POST", "role-credentials"): _role_credentials,
    ("GET", "images"): _image,
    ("POST", "instances"): _instances,
    ("POST", "interrupt"): _interrupt,
    ("GET", "interruptions"): _interruptions,
    ("GET", "denials"): _denials,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _use_faults,
    ("GET", "quotas"): _quotas,
    ("POST", "quotas"): _quotas,
}
