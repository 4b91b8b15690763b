"""Commands in the documentation: the command line understands each, and examples say what it says."""

import re
import shlex
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import typer

from rehearsal.paths import CHECKOUT
from scripts.berth.__main__ import app

ROOT = typer.main.get_command(app)
PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(?:console|sh|bash|shell)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(?:\.venv/bin/)?berth ([^`\n]+)`")
# From the prompt or the start of the line to a comment, a pipe or the next command.
TYPED = re.compile(r"^\s*(?:[$#] )?(?:eval \"\$\()?(?:\.venv/bin/|uv run )?berth ([^|;&\n)]*)", re.MULTILINE)
IN_PIPELINES = re.compile(r"(?:^|[ \t\"'(])(?:\.venv/bin/)?berth ([a-z][^|;&\n)\"']*)", re.MULTILINE)
PIPELINES = [*(CHECKOUT / ".github").rglob("*.yml"), *(CHECKOUT / "docs" / "ci").rglob("*.yml")]
PURE = ("prices", "plan")


def commands() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        text = page.read_text()
        for block in BLOCK.findall(text):
            for line in TYPED.findall(block):
                yield page.name, re.sub(r"(^|\s+)#.*", "", line).strip()
        for line in INLINE.findall(BLOCK.sub("", text)):
            yield page.name, line.strip()
    for page in PIPELINES:
        script = "\n".join(re.sub(r"(^|\s)#.*", "", line) for line in page.read_text().splitlines())
        for line in IN_PIPELINES.findall(script):
            yield page.name, line.strip()


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """The command that words begin with, and what is left of them."""
    found: Any = ROOT
    while words and hasattr(found, "commands"):
        name, *rest = words
        assert name in found.commands, f"there is no command {name!r}"
        found, words = found.commands[name], rest
    return found, words


COMMANDS = sorted({(page, line) for page, line in commands() if line and line[0].islower()})


def test_there_are_commands_in_the_documentation() -> None:
    assert len(COMMANDS) > 20


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_a_command_in_the_documentation_exists_with_its_flags(page: str, line: str) -> None:
    command, words = command_of(shlex.split(line.replace("…", "")))
    if "--" in words:
        words = words[: words.index("--")]
    known = {
        flag for param in getattr(command, "params", []) for flag in (*param.opts, *param.secondary_opts)
    }
    flags = [word.partition("=")[0].rstrip("],") for word in words if word.startswith("--")]
    assert set(flags) <= known | {"--help"}, f"{page}: berth {line}"


def examples() -> Iterator[tuple[str, str, str]]:
    """Of commands that read nothing but tables: page, command, what the page says it prints."""
    for page in PAGES:
        for block in BLOCK.findall(page.read_text()):
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                line, _, printed = part.partition("\n")
                if line.startswith(tuple(f"berth {name} " for name in PURE)) and printed.strip():
                    yield page.name, line.removeprefix("berth "), printed


@pytest.mark.parametrize(("page", "line", "printed"), list(examples()))
def test_an_example_prints_what_the_page_says(
    berth: Callable[..., Any], page: str, line: str, printed: str
) -> None:
    """Every line of the page, in its order; the page may leave lines out."""
    found = berth(*shlex.split(line))
    assert found.status == 0, found.said
    rest = found.said
    for shown in printed.strip().splitlines():
        words = " ".join(shown.split())
        assert words in rest, f"{page}: berth {line} no longer prints: {words}"
        rest = rest[rest.index(words) + len(words) :]
