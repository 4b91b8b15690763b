"""Look-ups of a program: what a cloud is asked before anything is declared, and what is said if it fails."""

from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")
_REASON = "returned an error: "


class LookUpError(Exception):
    """The cloud could not be asked, or had no answer; its text is all that the user needs to see."""


def ask(wanted: str, hint: str, look_up: Callable[[], Answer]) -> Answer:
    """The answer of a look-up.

    wanted: what is looked for, such as "the account"; hint: what to do without an answer. Raises LookUpError.
    """
    try:
        return look_up()
    except Exception as error:  # noqa: BLE001 - pulumi.runtime.invoke raises no class of its own
        reason = str(error).rpartition(_REASON)[2].strip()
        raise LookUpError(f"{wanted} cannot be looked up: {reason}\n{hint}") from None
