"""Schedules of EventBridge Scheduler. They exist; nothing is called when their time comes.

https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html
"""

from typing import Final

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.shapes import camel, capital
from rehearsal.providers.aws.table import Autoname, Type
from rehearsal.providers.plugin.model import Values

_SETTINGS: Final = (
    *("description", "flexibleTimeWindow", "kmsKeyArn", "scheduleExpression", "scheduleExpressionTimezone"),
    *("state", "target"),
)


def _create(api: Api, new: Values) -> str:
    group = str(new.get("groupName") or "default")
    given = api.fill("create_schedule", new, *_SETTINGS)
    api.call("create_schedule", Name=new["name"], GroupName=group, **given)
    return f"{group}/{new['name']}"


def _where(identity: str) -> dict[str, str]:
    group, _, name = identity.partition("/")
    return {"GroupName": group, "Name": name}


def _update(api: Api, identity: str, old: Values, new: Values) -> None:
    """A schedule is always put as a whole."""
    del old
    api.call("update_schedule", **_where(identity), **api.fill("update_schedule", new, *_SETTINGS))


def _read(api: Api, identity: str, known: Values) -> Values | None:
    del known
    found = api.call("get_schedule", **_where(identity))
    shown = {key: camel(found.get(capital(key))) for key in _SETTINGS}
    return {
        **shown,
        "description": found.get("Description") or "",
        "kmsKeyArn": found.get("KmsKeyArn") or "",
        "arn": found["Arn"],
        "groupName": found["GroupName"],
        "name": found["Name"],
    }


TYPES = [
    Type(
        "aws:scheduler/schedule:Schedule",
        "scheduler",
        create=_create,
        read=_read,
        delete=lambda api, identity, _: api.call("delete_schedule", **_where(identity)),
        update=dict.fromkeys(_SETTINGS, _update),
        replace_on=frozenset({"groupName", "name", "namePrefix"}),
        autoname=Autoname(longest=64),
        defaults={"scheduleExpressionTimezone": "UTC", "state": "ENABLED"},
        computed=frozenset({"groupName", "target.retryPolicy"}),
        choices={"flexibleTimeWindow.mode": ("OFF", "FLEXIBLE"), "state": ("ENABLED", "DISABLED")},
    )
]
