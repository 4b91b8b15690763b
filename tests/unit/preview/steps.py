"""Steps made by hand, for what the recorded previews do not have."""

from typing import Any

from infra.spend.preview.reading import Recording, State, Step

STACK = "urn:pulumi:dev::berth::pulumi:pulumi:Stack::berth-dev"


def urn(token: str, name: str = "it") -> str:
    return f"urn:pulumi:dev::berth::{token}::{name}"


def state(at: str, *, parent: str = STACK, **more: Any) -> State:
    inputs = more.pop("inputs", {})
    settings = {"custom": True, "protect": False, "retained": False, "outputs": {}, **more}
    return State(urn=at, parent=parent, inputs=inputs, **settings)


def step(
    op: str,
    token: str,
    *,
    name: str = "it",
    inputs: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    **more: Any,
) -> Step:
    """A step; inputs: as they are, after: as they are to be."""
    at = urn(token, name)
    of_state = {key: more.pop(key) for key in ("parent", "protect", "retained", "custom") if key in more}
    old = None if op == "create" else state(at, inputs=inputs or {}, **of_state)
    gone = op in {"delete", "delete-replaced", "discard"}
    new = None if gone else state(at, inputs=(inputs or {}) if after is None else after, **of_state)
    return Step(op=op, urn=at, old=old, new=new, **more)


def recording(*steps: Step, **more: Any) -> Recording:
    return Recording(steps=steps, **more)
