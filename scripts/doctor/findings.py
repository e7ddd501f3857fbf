"""What a check finds, and how checks are run: each within its time, none in another's way."""

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Literal

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from scripts.errors import CommandError

State = Literal["passed", "warned", "failed", "unknown"]

SECONDS = 45.0
"""How long a check may take: some list hundreds of quotas, a page at a time."""

CREDENTIALS = "aws configure sso"
DENIED = re.compile(r"perform: ([\w-]+:\w+)")
_EXPIRED = {
    *("AuthFailure", "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "RequestExpired"),
    *("SignatureDoesNotMatch", "UnrecognizedClientException"),
}
_BUSY = {"RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException"}
_REFUSALS = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403"}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the answer; ``mend`` is what to run or to do, unless the message says so itself."""

    check: str
    state: State
    message: str
    mend: str | None = None


@dataclass(frozen=True, kw_only=True)
class Check:
    """A thing to look at; ``look`` yields its findings. ``prefix`` is IAM's name of the service it asks."""

    name: str
    look: Callable[[], Iterable[Finding]]
    prefix: str = ""
    seconds: float = SECONDS


def passed(check: str, message: str) -> Finding:
    """Return that all is well."""
    return Finding(check=check, state="passed", message=message)


def warned(check: str, message: str, mend: str) -> Finding:
    """Return what will not stop a deployment, and should be known."""
    return Finding(check=check, state="warned", message=message, mend=mend)


def failed(check: str, message: str, mend: str) -> Finding:
    """Return what a deployment, or the environment, would fail by."""
    return Finding(check=check, state="failed", message=message, mend=mend)


def unknown(check: str, message: str, mend: str) -> Finding:
    """Return that nobody could look."""
    return Finding(check=check, state="unknown", message=f"could not look: {message}", mend=mend)


def examine(checks: Sequence[Check]) -> Iterator[Finding]:
    """Run all checks side by side, and yield what they find in the order of the checks."""
    running = [(check, _started(check)) for check in checks]
    for check, answers in running:
        try:
            yield from answers.get(timeout=check.seconds)
        except Empty:
            yield unknown(check.name, f"no answer within {check.seconds:.0f} s", "run the same command again")


def _started(check: Check) -> "SimpleQueue[list[Finding]]":
    """Begin a check in a thread that the end of the program need not wait for."""
    answers: SimpleQueue[list[Finding]] = SimpleQueue()
    threading.Thread(target=lambda: answers.put(_looked(check)), daemon=True).start()
    return answers


def _looked(check: Check) -> list[Finding]:
    try:
        return list(check.look())
    except Exception as error:  # noqa: BLE001 - one check that breaks must not hide the others
        return [_fault(check, error)]


def _fault(check: Check, error: Exception) -> Finding:
    """Return why a check found nothing; the sentence of a CommandError says itself what to do."""
    match error:
        case CommandError(__cause__=BotoCoreError() | ClientError() as cause):
            return _fault(check, cause)
        case CommandError():
            return Finding(check=check.name, state="failed", message=error.message)
        case ClientError():
            return _refused(check, error)
        case NoCredentialsError():
            why, mend = "there are no credentials", CREDENTIALS
        case NoRegionError():
            why, mend = "no region is named", "name it with --region"
        case BotoCoreError():
            why, mend = f"{error}", "check credentials, region and network"
        case _:
            why, mend = f"{type(error).__name__}: {error}", "run the same command again"
    return unknown(check.name, why, mend)


def _refused(check: Check, error: ClientError) -> Finding:
    details = error.response.get("Error", {})
    code, message = details.get("Code", ""), details.get("Message", "")
    if code not in _REFUSALS:
        return unknown(check.name, f"{code}: {message}", _mend(code))
    named = DENIED.search(message)
    action = named.group(1) if named else f"{check.prefix}:{error.operation_name}"
    return unknown(check.name, f"it needs {action}", f"let your credentials do {action}, or ask who may")


def _mend(code: str) -> str:
    if code in _EXPIRED:
        return CREDENTIALS
    if code in _BUSY:
        return "AWS is asked too often: run the same command again in a minute"
    return "AWS does not take the request: the region may lack the service, name another one with --region"
