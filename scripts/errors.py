"""The error that the command line shows to a person."""


class CommandError(Exception):
    """A command cannot do what was asked; `code` is for programs, `message` says what to do.

    The command line prints the message and exits with status 1; nothing else is expected to catch it.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
