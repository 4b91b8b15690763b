"""What a client did wrong, or what the server cannot do now."""


class RequestError(Exception):
    """An answer other than 200: its status and a sentence for the client."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
