"""The exceptions that a values file makes: `berth:policy: {allow: [capacity-block-purchase]}`. Pure."""

import json


def allowed(configuration: str) -> frozenset[str]:
    """The names of rules that do not count.

    configuration: the stack's, as the engine hands it to a policy pack in PULUMI_CONFIG: JSON, its groups
    JSON again. What cannot be read makes no exception.
    """
    try:
        group = json.loads(json.loads(configuration or "{}").get("berth:policy", "{}"))
        names = group.get("allow", [])
    except (ValueError, AttributeError):
        return frozenset()
    return (
        frozenset(name for name in names if isinstance(name, str)) if isinstance(names, list) else frozenset()
    )
