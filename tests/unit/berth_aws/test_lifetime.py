from datetime import UTC, datetime, timedelta

import pytest
from deployed_account import ENGINE, Account, stub

from rehearsal.errors import BerthError
from scripts.berth import lifetime, values

NOW = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("90m", timedelta(minutes=90)), ("8h", timedelta(hours=8)), ("1.5d", timedelta(hours=36))],
)
def test_durations(text: str, wanted: timedelta) -> None:
    assert lifetime.duration(text, timedelta(hours=72)) == wanted


@pytest.mark.parametrize("text", ["8", "h", "-1h", "8 h", "1w", "8h30m", "", "5m", "400d"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BerthError) as caught:
        lifetime.duration(text, timedelta(hours=72))
    assert caught.value.hint


def test_the_end_is_counted_from_now_and_the_stack_is_tagged(account: Account) -> None:
    changed = lifetime.extend(account.place, "aws-vm", "8h", NOW)
    assert changed == ['+  berth:expires_at: "2026-11-23T06:30:00Z"']
    assert values.read(account.values)["expires_at"] == "2026-11-23T06:30:00Z"
    assert account.calls[-1] == "stack tag set expires-at 2026-11-23T06:30:00Z --stack aws-vm"
    lifetime.extend(account.place, "aws-vm", "1h", NOW)
    assert values.read(account.values)["expires_at"] == "2026-11-22T23:30:00Z", "it can be shortened too"


def test_the_values_say_what_the_longest_is(account: Account) -> None:
    with pytest.raises(BerthError, match="to 168 hours"):
        lifetime.extend(account.place, "aws-vm", "169h", NOW)
    text = account.values.read_text()
    account.values.write_text(text.replace("config:\n", "config:\n  berth:longest_lifetime_hours: 12\n"))
    with pytest.raises(BerthError, match="to 12 hours"):
        lifetime.extend(account.place, "aws-vm", "13h", NOW)
    assert "expires_at" not in account.values.read_text()


def test_an_end_that_has_passed_needs_a_look_at_what_is_there(account: Account) -> None:
    assert not lifetime.has_ended(account.place, "aws-vm", NOW)
    lifetime.extend(account.place, "aws-vm", "1h", NOW)
    assert not lifetime.has_ended(account.place, "aws-vm", NOW)
    assert lifetime.has_ended(account.place, "aws-vm", NOW + timedelta(hours=2))
    text = account.values.read_text()
    account.values.write_text(text.replace('"2026-11-22T23:30:00Z"', "2026-11-22T23:30:00Z"))
    assert lifetime.has_ended(account.place, "aws-vm", NOW + timedelta(hours=2)), "YAML has times of its own"


@pytest.mark.parametrize("said", ["the current backend (vm) does not support stack tags", "no network"])
def test_a_backend_without_tags_is_no_failure_and_anything_else_is(account: Account, said: str) -> None:
    engine = stub(
        account.directory, "pulumi", ENGINE.replace("esac", f'*) echo "{said}" >&2; exit 1 ;;\nesac')
    )
    assert engine.exists()
    if "tags" in said:
        assert lifetime.extend(account.place, "aws-vm", "8h", NOW)
    else:
        with pytest.raises(BerthError, match=said):
            lifetime.extend(account.place, "aws-vm", "8h", NOW)
    assert "2026-11-23T06:30:00Z" in account.values.read_text()


def test_before_the_first_up_there_is_no_stack_to_tag(account: Account) -> None:
    (account.directory / "stacks" / "Pulumi.new.yaml").write_text("config: {}\n")
    lifetime.extend(account.place, "new", "8h", NOW)
    assert not [call for call in account.calls if "tag" in call]
