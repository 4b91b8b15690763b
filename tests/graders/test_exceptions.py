import pytest
import yaml
from running import EXCEPTIONS, Exempt, Finding, judged


def test_every_exception_names_a_grader_and_a_reason() -> None:
    for row in yaml.safe_load(EXCEPTIONS.read_text()):
        assert set(row) == {"grader", "check", "resource", "reason"}
        assert row["grader"] in ("checkov", "prowler")
        assert len(row["reason"].split()) > 2, row


@pytest.mark.parametrize("grader", ["checkov", "prowler"])
def test_no_exception_is_about_everything(grader: str) -> None:
    rows = [row for row in yaml.safe_load(EXCEPTIONS.read_text()) if row["grader"] == grader]
    assert rows
    assert all(row["check"] != "*" and row["resource"] != "*" for row in rows)


def test_what_no_exception_covers_is_left_and_idle_exceptions_are_told() -> None:
    one, other = Finding("A_1", "bucket/data"), Finding("A_2", "bucket/data")
    used, idle = Exempt("A_1", "bucket/*", "why"), Exempt("A_3", "bucket/*", "why")
    assert judged([one, other, one], [used, idle]) == ([other], [idle])
