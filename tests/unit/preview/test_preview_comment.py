"""What the golden comments do not show: hostile names, and comments that are too long."""

import re

import previews
import pytest
from steps import recording, step

from infra.spend.preview import markdown
from infra.spend.preview.decision import decide
from infra.spend.preview.reading import Finding, Recording

HOSTILE = "a`b``c|d --> <script>alert(1)</script> @everyone [x](http://evil.example.org)\n# heading"


def comment(found: Recording) -> str:
    return markdown.render(decide("dev", found, now=previews.NOW))


def test_it_begins_with_the_marker_by_which_ci_finds_it() -> None:
    for name in ("create", "lifetime-ended", "nothing"):
        text = markdown.render(decide("aws-vm", previews.recorded(name), now=previews.NOW))
        assert text.startswith("<!-- berth-preview:aws-vm -->\n")
        assert text.count("<!--") == 1


def outside_code(text: str) -> str:
    """A comment without its blocks and spans of code."""
    text = re.sub(r"^(`{3,})text\n.*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", text)


def test_nothing_of_a_name_or_a_message_is_markup() -> None:
    finding = Finding(policy=HOSTILE, level="advisory", urn="", message=HOSTILE)
    made = step(
        "replace",
        "aws:ebs/volume:Volume",
        name=HOSTILE,
        parent=f"urn:pulumi:dev::berth::x:y:Z::{HOSTILE}",
        inputs={"size": HOSTILE},
        after={"size": 1},
        keys=("size",),
    )
    text = comment(recording(made, findings=(finding,), warnings=(f"{HOSTILE}\n````\n# out",)))
    rest = outside_code(text)
    assert "<script>" not in rest
    assert "@everyone" not in rest
    assert not re.search(r"(?<!\\)\]\(", rest), "no link"
    assert "\n# " not in rest
    assert rest.count("-->") == 1, "the marker's own"


@pytest.mark.parametrize("text", ["a", "a`b", "``", "`a", " ", "a|b"])
def test_a_code_span_holds_any_text(text: str) -> None:
    span = markdown.code(text)
    ticks = re.match(r"`+", span)
    assert ticks is not None
    inner = span[len(ticks[0]) : -len(ticks[0])]
    assert ticks[0] not in inner.strip(), "nothing inside ends it"
    assert inner.strip() == text.strip()


def test_a_comment_that_is_too_long_leaves_out_the_list_of_changes() -> None:
    many = [step("create", f"aws:ec2/vpc:Vpc{number}", name="x" * 80 + str(number)) for number in range(900)]
    text = comment(recording(*many))
    assert len(text) < markdown.LONGEST
    assert "Too many to list here" in text
    assert "900 created" in text


def test_a_comment_with_too_many_findings_is_cut_between_lines() -> None:
    findings = tuple(
        Finding(policy=f"rule-{n}", level="advisory", urn="", message="m" * 90) for n in range(900)
    )
    text = comment(recording(findings=findings))
    assert len(text) < markdown.LONGEST + 200
    *_, last, empty, note, end = text.split("\n")
    assert last.endswith("m")
    assert (empty, end) == ("", "")
    assert note.startswith("There is more")
