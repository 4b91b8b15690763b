from typing import Any

import pytest

from rehearsal.clouds.aws.faults.rules import CLASSES, Counters, decide, parse


def outcomes(rules: list[dict[str, Any]], calls: list[tuple[str, str]]) -> list[str | None]:
    parsed, counters = parse(rules), Counters()
    found = []
    for service, operation in calls:
        rule, counters = decide(parsed, counters, service, operation)
        found.append(rule.kind if rule else None)
    return found


CREATES = [("ec2", "CreateVpc")] * 5


def test_a_rule_without_more_takes_the_first_request_only() -> None:
    rule = {"class": "throttle", "service": "ec2", "operation": "CreateVpc"}
    assert outcomes([rule], CREATES) == ["throttle", None, None, None, None]


def test_the_nth_request_and_as_many_as_asked_for_after_it() -> None:
    rule = {"class": "throttle", "operation": "Create*", "nth": 2, "times": 2}
    assert outcomes([rule], CREATES) == [None, "throttle", "throttle", None, None]


def test_requests_that_do_not_match_are_not_counted() -> None:
    rule = {"class": "internal-error", "service": "iam", "operation": "Get*", "nth": 2}
    calls = [("iam", "GetRole"), ("ec2", "GetRole"), ("iam", "ListRoles"), ("iam", "GetRole")]
    assert outcomes([rule], calls) == [None, None, None, "internal-error"]


def test_after_skips_matches() -> None:
    rule = {"class": "throttle", "after": 3, "times": 0}
    assert outcomes([rule], CREATES) == [None, None, None, "throttle", "throttle"]


def test_chance_is_repeatable_and_depends_on_the_seed() -> None:
    calls = [("ec2", "CreateVpc")] * 40
    rule = {"class": "throttle", "probability": 0.3, "times": 0}
    first = outcomes([{**rule, "seed": 1}], calls)
    assert first == outcomes([{**rule, "seed": 1}], calls), "the same seed gives the same run"
    assert first != outcomes([{**rule, "seed": 2}], calls)
    assert 3 < len([kind for kind in first if kind]) < 25


def test_the_first_rule_wins_and_the_others_still_count() -> None:
    rules = [{"class": "throttle", "nth": 2}, {"class": "internal-error", "nth": 2}]
    assert outcomes(rules, CREATES) == [None, "throttle", "internal-error", None, None]


def test_classes_know_where_they_usually_happen() -> None:
    calls = [("iam", "CreateRole"), ("ec2", "RunInstances")]
    assert outcomes([{"class": "VcpuLimitExceeded"}], calls) == [None, "VcpuLimitExceeded"]


def test_deciding_changes_nothing_that_was_given() -> None:
    counters = Counters()
    decide(parse([{"class": "throttle"}]), counters, "ec2", "CreateVpc")
    assert counters == Counters()


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"class": "flood"}, "class is one of"),
        ({"class": "throttle", "often": 1}, "unknown keys often"),
        ({"class": "throttle", "nth": 1, "probability": 0.5}, "exclude each other"),
        ({"class": "throttle", "probability": 2}, "between 0 and 1"),
    ],
)
def test_wrong_rules_are_named(rule: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"rule 1: .*{said}"):
        parse([{"class": "throttle"}, rule])


def test_every_class_of_the_contract_exists() -> None:
    assert len(CLASSES) == 9
