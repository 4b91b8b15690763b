"""Kubernetes' label selectors."""

from collections.abc import Mapping

from rehearsal.cluster.addons.api import Object


def matches(selector: Object, labels: Mapping[str, str]) -> bool:
    """Whether labels fit a selector; an empty one fits everything."""
    if any(labels.get(name) != value for name, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_fits(expression, labels) for expression in selector.get("matchExpressions") or ())


def _fits(expression: Object, labels: Mapping[str, str]) -> bool:
    name, operator = expression["key"], expression["operator"]
    values = expression.get("values") or ()
    if operator == "Exists":
        return name in labels
    if operator == "DoesNotExist":
        return name not in labels
    return (labels.get(name) in values) is (operator == "In")
