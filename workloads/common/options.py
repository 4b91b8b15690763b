"""Options declared once: each dataclass field is a command-line flag and an environment variable.

A field `learning_rate` is `--learning-rate` and `LEARNING_RATE`. The flag wins over the variable, the
variable over the default; an empty variable counts as unset. Everything that is wrong is reported together.
"""

import argparse
import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

Parser = Callable[[str], Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """The base of every set of options; its fields come from `option`."""

    def problems(self) -> list[str]:
        """What is wrong between options, each in a sentence; empty when nothing is."""
        return []


T = TypeVar("T", bound=Options)


class BadOptions(Exception):
    """Every problem of a command line and its environment."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def option(parse: Parser, help_text: str, default: Any = dataclasses.MISSING) -> Any:
    """One option. Without a default it is required. parse raises ValueError with `must be …`."""
    return dataclasses.field(default=default, metadata={"parse": parse, "help": help_text})


def integer(low: int, high: int) -> Parser:
    """A whole number in [low, high]."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise ValueError(f"must be a whole number from {low} to {high}, such as {max(low, min(high, 8))}")
        return value

    return parse


def number(low: float, high: float) -> Parser:
    """A number in [low, high]."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise ValueError(f"must be a number from {low:g} to {high:g}")
        return value

    return parse


def choice(*allowed: str) -> Parser:
    """One of a few words."""

    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return text

    return parse


def load(
    kind: type[T], program: str, argv: Sequence[str], environ: Mapping[str, str], about: str | None = None
) -> T:
    """Read the options.

    Raises:
        BadOptions: with everything that is wrong.
        SystemExit: `--help` was asked for (0).
    """
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}
    parser = _parser(program, about, fields)
    problems: list[str] = []
    try:
        given, extra = parser.parse_known_args(argv)
    except argparse.ArgumentError as reason:
        raise BadOptions([str(reason)]) from None
    problems += [f"{argument}: there is no such argument" for argument in extra]
    values: dict[str, Any] = {}
    for name, field in fields.items():
        flag, variable = f"--{name.replace('_', '-')}", name.upper()
        text, origin = getattr(given, name), flag
        if text is None:
            text, origin = environ.get(variable) or None, variable
        if text is None:
            if field.default is dataclasses.MISSING:
                problems.append(f"{variable} (or {flag}) is required: {field.metadata['help']}")
            continue
        try:
            values[name] = field.metadata["parse"](text)
        except ValueError as reason:
            problems.append(f"{origin}={text!r} {reason}")
    if problems:
        raise BadOptions(problems)
    options = kind(**values)
    problems = options.problems()
    if problems:
        raise BadOptions(problems)
    return options


def load_or_exit(
    kind: type[T], program: str, argv: Sequence[str], environ: Mapping[str, str], about: str | None = None
) -> T:
    """Read the options, or print every problem and end with status 2."""
    try:
        return load(kind, program, argv, environ, about)
    except BadOptions as bad:
        _refuse(program, bad.problems)


def _refuse(program: str, problems: list[str]) -> NoReturn:
    lines = [f"{program}: {len(problems)} option{'s are' if len(problems) > 1 else ' is'} wrong"]
    lines += [f"  - {problem}" for problem in problems]
    lines.append(f"`{program} --help` lists every option.")
    sys.stderr.write("\n".join(lines) + "\n")
    raise SystemExit(2)


def _parser(
    program: str, about: str | None, fields: Mapping[str, "dataclasses.Field[Any]"]
) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program, description=about, allow_abbrev=False, exit_on_error=False, add_help=True
    )
    for name, field in fields.items():
        default = "required" if field.default is dataclasses.MISSING else f"default {field.default!r}"
        text = f"{field.metadata['help']} [{name.upper()}; {default}]".replace("%", "%%")
        parser.add_argument(f"--{name.replace('_', '-')}", help=text, metavar="VALUE")
    return parser
