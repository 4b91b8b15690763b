"""What is said when a look-up fails."""

import pytest

from infra.asking import LookUpError, ask


def test_an_answer_is_passed_on() -> None:
    assert ask("it", "hint", lambda: "answer") == "answer"


def test_a_failure_is_said_with_its_reason_and_what_to_do() -> None:
    def fails() -> str:
        raise Exception("invoke of aws:x failed: invocation of aws:x returned an error: no credentials")  # noqa: TRY002

    with pytest.raises(LookUpError) as caught:
        ask("the AWS account", "Log in.", fails)
    assert str(caught.value) == "the AWS account cannot be looked up: no credentials\nLog in."
    assert caught.value.__cause__ is None, "no traceback of the SDK"
