"""Which indices of an environment are in use, and whether the models that made them stay deployed."""

import json
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import boto3

from scripts.errors import CommandError
from scripts.outputs import stack_outputs
from scripts.stepping import invoke
from stacks.model_lock import ModelLock

FUNCTION_OUTPUT = "MigrationFunctionName"


class IndexInUse(NamedTuple):
    """An index that is searched or written, and the fingerprint of the model that its vectors are of."""

    name: str
    fingerprint: str


def indices_in_use(session: boto3.Session, environment: str) -> list[IndexInUse]:
    """The indices that an environment in AWS searches and writes, as its migration function says.

    None where the stack `<environment>-Migration` is not deployed: there is nothing to ask then. Raises
    CommandError `migration_status_failed` or `aws_unreachable`.
    """
    outputs = stack_outputs(f"{environment}-Migration", cloudformation=session.client("cloudformation"))
    if outputs is None or FUNCTION_OUTPUT not in outputs:
        return []
    status = _ask(session, outputs[FUNCTION_OUTPUT])
    found = [status["active"], *status["written"]]
    return list(dict.fromkeys(IndexInUse(one["name"], one["fingerprint"]) for one in found if one))


def _ask(session: boto3.Session, function: str) -> dict[str, Any]:
    answer = invoke(session.client("lambda"), function, {"action": "status"})
    status: dict[str, Any] = json.loads(answer.body)
    if answer.is_failure or "error" in status:
        raise CommandError(
            "migration_status_failed",
            f"The function {function} failed to say which indices are in use: {answer.body.decode()}. "
            "Look into its log; cdk deploy deploys without asking it.",
        )
    return status


def require_served(
    indices: Iterable[IndexInUse], *, fingerprints: Collection[str], lock: ModelLock, remedy: str
) -> None:
    """Raise CommandError (`model_in_use`) when an index needs a model that is not among `fingerprints`.

    `lock` gives the missing model its name where it knows it, and `remedy` says what can be done.
    """
    for index in indices:
        if index.fingerprint not in fingerprints:
            raise CommandError(
                "model_in_use",
                f"The index {index.name} is in use, and its model would be gone: {_name(index, lock)}. "
                f"{remedy}",
            )


def _name(index: IndexInUse, lock: ModelLock) -> str:
    names = [name for name, model in lock.models.items() if model.fingerprint == index.fingerprint]
    return f"{names[0] if names else 'one'} of fingerprint {index.fingerprint[:12]}"
