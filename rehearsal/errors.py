"""The one exception that reaches a user.

A command prints `message`, then `hint`, and exits with status 1. Anything else that escapes is a bug and
keeps its traceback.
"""


class BerthError(Exception):
    """Something that the user can understand and mend.

    message: what is wrong, naming the flag, file, port or command concerned.
    hint: what to do about it, with an example where there is one; may be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
