"""`berth plan`: the question as people ask it, and what cannot be answered."""

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.berth import __main__ as command_line

WEATHER = Path(__file__).parent / "data" / "weather"
BASE = ("--work", "6h", "--deadline", "12h")


def run(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str, str]:
    """The exit status, what it printed and what it complained of; runs of spaces as one."""
    monkeypatch.setattr("sys.argv", ["berth", "plan", *words])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    done = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, " ".join(done.out.split()), " ".join(done.err.split())


@pytest.fixture
def berth(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    return lambda *words: run(words, monkeypatch, capsys)


def test_the_plan_of_an_environment_is_of_its_machines_and_region(berth: Any) -> None:
    status, said, _ = berth("aws-vm", *BASE)
    assert status == 0
    assert "6 h of work on 1 T4, to be done in 12 h" in said
    assert "Begin on spot in use1-az" in said
    assert "(us-east-1): g4dn." in said
    assert "On demand in 5 h 50 min at the latest" in said
    assert " 0 late, " in said
    assert "made-up traces" in said
    assert "Prices: AWS, mid-2026: https://github.com/skypilot-org/skypilot-catalog" in said
    assert "Google" not in said


def test_the_json_has_the_decision_and_its_grounds(berth: Any) -> None:
    status, said, _ = berth("--accelerator", "L4", "--cloud", "aws", "--region", "us-east-2", *BASE, "--json")
    plan = json.loads(said)
    assert status == 0
    assert plan["begin"] == {"zone": plan["zones"][0]["offer"]["zone"], "on_demand": False}
    assert {one["offer"]["region"] for one in plan["zones"]} == {"us-east-2"}
    assert plan["fallback_s"] == 6 * 3600 - 600
    assert [one["missed"] for one in plan["expected"]] == [0, 0]
    best = plan["expected"][0]["cost_usd"]
    assert plan["saving"] == pytest.approx(1 - best / plan["on_demand_usd"])
    assert plan["saving"] > 0.3
    assert plan["ask"]["accelerator"] == "L4"


def test_the_same_question_has_the_same_answer_and_another_seed_another(berth: Any) -> None:
    words = ("--accelerator", "T4", *BASE, "--replays", "5", "--json")
    assert berth(*words) == berth(*words)
    assert berth(*words) != berth(*words, "--seed", "100")


def test_without_a_region_the_cheapest_one_is_planned_for(berth: Any) -> None:
    plan = json.loads(berth("--accelerator", "T4", *BASE, "--replays", "2", "--json")[1])
    assert len(plan["ask"]["regions"]) == 1
    assert len({one["offer"]["region"] for one in plan["zones"]}) == 1


def test_recorded_traces_are_replayed(berth: Any) -> None:
    words: tuple[str, ...] = ("aws-vm", *BASE, "--trace", str(WEATHER / "calm" / "us-east-1a.json"))
    status, said, _ = berth(*words, "--trace", str(WEATHER / "calm" / "us-east-1b.json"))
    assert status == 0
    assert "50 starting points in 2 recorded traces" in said
    calm = json.loads(berth(*words, "--json")[1])["saving"]
    words = ("aws-vm", *BASE, "--trace", str(WEATHER / "drought" / "us-east-1a.json"), "--json")
    drought = json.loads(berth(*words)[1])["saving"]
    assert calm > 0.4
    assert drought < 0.1


def test_a_folder_of_traces_over_two_regions_needs_the_price_between_them(berth: Any) -> None:
    regions = ("--cloud", "aws", "--region", "us-east-1", "--region", "us-west-2")
    words = (
        "--accelerator",
        "T4",
        *regions,
        *BASE,
        "--trace",
        str(WEATHER / "outages"),
        "--checkpoint-gb",
        "3",
    )
    status, _, complaint = berth(*words)
    assert status == 1
    assert "would move between us-east-1, us-west-2, at a price that no table knows" in complaint
    assert "--egress 0.02" in complaint
    status, said, _ = berth(*words, "--egress", "0.02")
    assert status == 0
    assert "in 3 recorded traces" in said


def test_prices_that_were_recorded_are_used(berth: Any, tmp_path: Path) -> None:
    quote = {
        "cloud": "aws",
        "region": "us-east-1",
        "zone": "us-east-1a",
        "instance_type": "g4dn.xlarge",
        "accelerator": "T4",
        "count": 1,
        "on_demand_usd": 1.0,
        "spot_usd": 0.125,
    }
    file = tmp_path / "prices.json"
    file.write_text(json.dumps({"ask": {"accelerator": "T4"}, "snapshot": {"quotes": [quote]}}))
    status, said, complaint = berth("aws-vm", *BASE, "--snapshot", str(file))
    assert (status, complaint) == (0, "")
    assert "us-east-1a (us-east-1): g4dn.xlarge at $0.1250 an hour" in said


def test_what_was_looked_up_is_used(berth: Any, tmp_path: Path) -> None:
    asked = {"zone": "us-east-1b", "instance_type": "g4dn.xlarge", "offered": True, "spot_now": 0.17}
    rows = [
        asked,
        {**asked, "zone": "us-east-1a", "spot_now": 0.21},
        {**asked, "zone": "us-east-1c", "offered": False, "spot_now": 0.01},
        {**asked, "zone": "us-east-1d", "spot_now": None},
        {**asked, "instance_type": "t3.nano", "spot_now": 0.001},
    ]
    file = tmp_path / "capacity.json"
    lookups = [{"region": "us-east-1", "zones": rows}]
    file.write_text(json.dumps({"wanted": {"instance_types": ["g4dn.xlarge"]}, "lookups": lookups}))
    status, said, complaint = berth("aws-vm", *BASE, "--snapshot", str(file), "--json")
    assert (status, complaint) == (0, "")
    zones = [one["offer"] for one in json.loads(said)["zones"]]
    assert [(one["zone"], one["available"]) for one in zones] == [
        ("us-east-1b", True),
        ("us-east-1a", True),
        ("us-east-1d", False),
    ]
    assert {one["on_demand_usd"] for one in zones} == {0.526}
    file.write_text('{"lookups": [{"zones": 1}]}')
    assert "holds no recorded prices" in berth("aws-vm", *BASE, "--snapshot", str(file))[2]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("--accelerator", "T4", "--work", "8x", "--deadline", "9"), 2, "--work 8x is no duration"),
        (("--accelerator", "T4", "--work", "8x", "--deadline", "9"), 2, "--deadline 9 is no duration"),
        (("--accelerator", "T4", "--work", "0h", "--deadline", "9h"), 2, "not between a second and 60 days"),
        (("--accelerator", "T4", "--work", "1h", "--deadline", "61d"), 2, "not between a second and 60 days"),
        (("--accelerator", "T4", "--work", "8h", "--deadline", "8h"), 2, "--deadline 490m is the nearest"),
        (("--accelerator", "T4", *BASE, "--launch", "soon"), 2, "--launch soon is no duration"),
        (("--accelerator", "T4", *BASE, "--checkpoint", "-1h"), 2, "--checkpoint -1h is no duration"),
        ((*BASE,), 2, "either an environment or an accelerator"),
        (("aws-vm", "--accelerator", "T4", *BASE), 2, "either an environment or an accelerator"),
        (("--accelerator", "T4", "--work", "8h"), 2, "--deadline"),
        (("--accelerator", "T5", *BASE), 2, "did you mean T4"),
        (("--accelerator", "T4", *BASE, "--count", "3"), 2, "no machine has 3 of T4"),
        (("--accelerator", "T4", *BASE, "--count", "0"), 2, "--count"),
        (("--accelerator", "T4", *BASE, "--cloud", "azure"), 2, "no prices of a cloud 'azure'"),
        (("--accelerator", "T4", *BASE, "--region", "mars"), 2, "no region that begins with 'mars'"),
        (("--accelerator", "T4", *BASE, "--egress", "-1"), 2, "--egress"),
        (("--accelerator", "T4", *BASE, "--replays", "0"), 2, "--replays"),
        (("--accelerator", "L4", *BASE, "--region", "us-"), 1, "two clouds"),
        (("local", *BASE), 1, "local has no machine of a cloud"),
        (("nowhere", *BASE), 1, "there is no environment 'nowhere'"),
        (("aws-vm", *BASE, "--trace", "/nowhere/us-east-1a.json"), 1, "cannot be read: No such file"),
        (("aws-vm", *BASE, "--trace", "/dev"), 1, "a folder without .json files"),
        (("aws-vm", *BASE, "--trace", "/nowhere/eu-west-1a.json"), 1, "eu-west-1a is not in us-east-1"),
        (("aws-vm", *BASE, "--snapshot", "/nowhere"), 1, "--snapshot /nowhere cannot be read"),
        (("aws-vm", *BASE, "--snapshot", "/dev/null"), 1, "holds no recorded prices"),
    ],
)
def test_what_cannot_be_planned_is_refused_in_words(
    berth: Any, words: tuple[str, ...], status: int, message: str
) -> None:
    found, said, complaint = berth(*words)
    assert (found, said) == (status, "")
    assert message in complaint
    assert "Traceback" not in complaint
    assert "has a bug" not in complaint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no spot trace, such as"),
        ('{"metadata": {"gap_seconds": 600}}', "no spot trace, such as"),
        ('{"metadata": {"gap_seconds": 600}, "data": [1, 1, 0]}', "cover 0.5 hours together"),
        ('{"metadata": {"gap_seconds": 600}, "data": []}', "one at least"),
        ('{"metadata": {"gap_seconds": 0}, "data": [1]}', "more than zero"),
        ('{"metadata": {"gap_seconds": 600}, "data": [1], "prices": [-1]}', "more than zero"),
        ('{"metadata": {"gap_seconds": 600}, "data": [1], "prices": [NaN]}', "more than zero"),
        ('{"metadata": {"gap_seconds": 600}, "data": [1], "prices": [1, 2]}', "as many of each"),
        ('{"metadata": {"gap_seconds": true}, "data": [1]}', "not a whole number such as 300"),
        ("[1, 2]", "no spot trace, such as"),
        ("\x00\x01", "no spot trace, such as"),
        ("\udcff", "is no text"),
        ('{"metadata": {"gap_seconds": 600}, "data": [1e999]}', "no spot trace, such as"),
    ],
)
def test_what_is_no_trace_is_refused_in_words(berth: Any, tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "us-east-1a.json"
    file.write_text(content, errors="surrogateescape")
    status, said, complaint = berth("aws-vm", *BASE, "--trace", str(file))
    assert (status, said) == (1, "")
    assert message in complaint
