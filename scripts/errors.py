"""The one error a command raises on purpose."""


class CommandError(Exception):
    """A command cannot go on.

    ``code`` is for programs; ``message`` is a sentence that says what is wrong and what to do.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
