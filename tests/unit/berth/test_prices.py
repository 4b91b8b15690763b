"""`berth prices`: the table, its JSON, and what it says to a question without an answer."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra.catalog import machine_prices
from infra.spend import offers

ROOT = Path(__file__).parents[3]


def prices(*words: str, check: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.berth", "prices", *words],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == check, done.stderr + done.stdout
    return done


def offered(*words: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(prices(*words, "--json").stdout)["offers"]
    return found


def test_offers_are_ranked_without_an_account_and_say_from_when_they_are() -> None:
    lines = prices("T4", "--limit", "3").stdout.splitlines()
    assert lines[0].startswith("Machines with 1 T4, spot")
    assert "lowest price" in lines[2]
    assert [line.split()[0] for line in lines[2:5]] == ["1", "2", "3"]
    text = "\n".join(lines[5:])
    assert "3 of " in text
    assert "Not looked up, so not ranked by: spot history, placement score, quota." in text
    assert "No price of such a machine on Google Cloud is known." in text
    for source in machine_prices.sources():
        assert f"{source.as_of}: {source.url}" in text


def test_what_is_offered_at_no_known_price_is_said() -> None:
    text = prices("H200", "--count", "8", "--on-demand").stdout
    assert "at prices that are not known, in so many places: p5e.48xlarge" in text
    assert "$0" not in text
    assert "0.0000" not in text


def test_the_json_can_be_replayed() -> None:
    text = prices("L4", "--count", "4", "--region", "us-", "--json", "--limit", "5").stdout
    found = json.loads(text)["offers"]
    again = offers.replay(text)
    ranked = offers.rank(again.ask, again.snapshot)
    assert len(found) == 5
    assert [one["quote"]["zone"] for one in found] == [one.quote.zone for one in ranked[:5]]
    assert [one["reason"] for one in found] == [one.reason for one in ranked[:5]]


def test_flags_narrow_the_offers() -> None:
    every = offered("H100", "--count", "8", "--limit", "1000")
    google = offered("H100", "--count", "8", "--cloud", "gcp", "--limit", "1000")
    europe = offered("H100", "--count", "8", "--region", "europe-", "--limit", "1000")
    assert 0 < len(google) < len(every)
    assert {one["quote"]["cloud"] for one in google} == {"gcp"}  # type: ignore[index]
    assert all(one["quote"]["region"].startswith("europe-") for one in europe)  # type: ignore[index]
    assert all(one["quote"]["count"] == 8 for one in every)  # type: ignore[index]
    on_demand = offered("H100", "--count", "8", "--on-demand")
    assert on_demand[0]["usd_hour"] == on_demand[0]["quote"]["on_demand_usd"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["A10"], ["no accelerator 'A10'", "did you mean A10G"]),
        (["quantum"], ["no accelerator 'quantum'", "there are A100, A100-80GB, A10G"]),
        (["H100", "--count", "3"], ["no machine has 3 of H100", "machines have 1, 2, 4, 8"]),
        (["H100", "--cloud", "aws", "--count", "2"], ["no machine has 2 of H100", "machines have 1, 8"]),
        (["T4", "--region", "mars"], ["no region that begins with 'mars'", "us-east-1"]),
        (["T4", "--cloud", "azure"], ["no prices of a cloud 'azure'", "aws and gcp"]),
        (["V100", "--cloud", "gcp"], ["no Google Cloud price of a machine with a V100"]),
        (["T4", "--count", "0"], ["--count"]),
        (["T4", "--limit", "0"], ["--limit"]),
        ([], ["ACCELERATOR"]),
    ],
)
def test_a_question_without_an_answer_is_refused_with_what_there_is(
    words: list[str], said: list[str]
) -> None:
    done = prices(*words, check=2)
    assert done.stdout == ""
    for text in said:
        assert text in done.stderr


def test_every_mistake_is_said_at_once() -> None:
    done = prices("H100", "--cloud", "azure", "--count", "3", "--region", "mars", check=2)
    for text in ("cloud 'azure'", "3 of H100", "'mars'"):
        assert text in done.stderr
    assert done.stderr.count("Error") == 1


def test_a_ranking_is_made_again_from_what_was_printed(tmp_path: Path) -> None:
    kept = tmp_path / "offers.json"
    kept.write_text(prices("T4", "--region", "eu-", "--limit", "99", "--json").stdout)
    again = prices("T4", "--replay", str(kept), "--limit", "99", "--json").stdout
    assert again == kept.read_text()
    known = json.loads(kept.read_text())
    known["snapshot"]["quotes"] = known["snapshot"]["quotes"][:1]
    kept.write_text(json.dumps(known))
    assert len(json.loads(prices("T4", "--replay", str(kept), "--json").stdout)["offers"]) == 1


def test_a_file_that_is_no_ranking_is_refused(tmp_path: Path) -> None:
    kept = tmp_path / "offers.json"
    kept.write_text("{}")
    assert "ask: Field required" in prices("T4", "--replay", str(kept), check=1).stderr
    assert "cannot be read" in prices("T4", "--replay", str(tmp_path / "absent"), check=1).stderr
    kept.write_text(prices("T4", "--json").stdout)
    assert "is about T4, not L4" in prices("L4", "--replay", str(kept), check=2).stderr
