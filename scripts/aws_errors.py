"""What AWS refuses or does not answer, in the command line's own words."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from scripts.errors import CommandError


@contextmanager
def aws_errors() -> Iterator[None]:
    """Errors of AWS as ``CommandError``: ``aws_refused``, ``aws_unreachable``."""
    try:
        yield
    except ClientError as error:
        raise CommandError(
            "aws_refused",
            f"AWS refused: {error}. Check that everything named belongs to one deployment, and the rights of "
            "your credentials; then run the same command again.",
        ) from error
    except BotoCoreError as error:
        raise unreachable(error) from error


def unreachable(error: Exception) -> CommandError:
    """The error of a call to AWS that got no answer, or one that nobody expected."""
    return CommandError(
        "aws_unreachable",
        f"AWS did not answer as needed: {error}. Check credentials, region and network; what was started "
        "goes on.",
    )
