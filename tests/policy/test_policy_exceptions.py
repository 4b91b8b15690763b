"""The exceptions that a values file makes."""

import json
from typing import Any

import pytest

from infra.policy.exceptions import allowed


def configuration(group: Any) -> str:
    return json.dumps({"berth:target": "aws-vm", "berth:policy": json.dumps(group)})


def test_named_rules_do_not_count() -> None:
    found = allowed(configuration({"allow": ["capacity-block-purchase", "no-open-ingress"]}))
    assert found == {"capacity-block-purchase", "no-open-ingress"}


@pytest.mark.parametrize("group", [{}, {"allow": []}, {"allow": "no-open-ingress"}, {"allow": [1]}, [], None])
def test_anything_else_makes_no_exception(group: Any) -> None:
    assert allowed(configuration(group)) == frozenset()


@pytest.mark.parametrize("text", ["", "{}", "not JSON", "[]", '{"berth:policy": "not JSON"}'])
def test_what_cannot_be_read_makes_no_exception(text: str) -> None:
    assert allowed(text) == frozenset()
