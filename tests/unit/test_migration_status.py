"""Which indices are in use: asked of CloudFormation and of the migration function, both stubbed."""

import io
import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from scripts.errors import CommandError
from scripts.migration.status import IndexInUse, indices_in_use, require_served
from stacks.model_lock import LockedModel, ModelLock

OLD, NEW = "a" * 64, "b" * 64
ACTIVE, NEXT = IndexInUse(f"images-{OLD[:12]}-1", OLD), IndexInUse(f"images-{NEW[:12]}-1", NEW)
FUNCTION = "dev-Migration-Function"
LOCK = ModelLock().with_model("demo", LockedModel("d" * 64, OLD, 384, "3.12"))


class Aws:
    """A session whose clients answer what a test has told them to."""

    def __init__(self, stubs: ExitStack) -> None:
        session = boto3.Session("testing", "testing", region_name="us-east-1")
        self.clients = {name: session.client(name) for name in ("cloudformation", "lambda")}
        self.stubbers = {name: stubs.enter_context(Stubber(one)) for name, one in self.clients.items()}

    def client(self, name: str) -> Any:
        return self.clients[name]

    def has_stack(self, **outputs: str) -> None:
        """The Migration stack is deployed, with these outputs."""
        stack = {
            "StackName": "dev-Migration",
            "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
            "StackStatus": "UPDATE_COMPLETE",
            "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
        }
        asked = {"StackName": "dev-Migration"}
        self.stubbers["cloudformation"].add_response("describe_stacks", {"Stacks": [stack]}, asked)

    def says(self, document: object, **more: str) -> None:
        """The function answers so."""
        body = json.dumps(document).encode()
        answer = {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(body), len(body)), **more}
        asked = {"FunctionName": FUNCTION, "Payload": b'{"action": "status"}'}
        self.stubbers["lambda"].add_response("invoke", answer, asked)


@pytest.fixture
def aws() -> Iterator[Any]:
    with ExitStack() as stubs:
        yield Aws(stubs)


def described(index: IndexInUse) -> dict[str, str]:
    return {**index._asdict(), "state": "open"}


def test_the_searched_index_and_the_written_ones_are_in_use(aws: Any) -> None:
    aws.has_stack(MigrationFunctionName=FUNCTION)
    aws.says({"active": described(ACTIVE), "written": [described(ACTIVE), described(NEXT)]})

    assert indices_in_use(aws, "dev") == [ACTIVE, NEXT]


def test_an_environment_without_an_index_uses_none(aws: Any) -> None:
    aws.has_stack(MigrationFunctionName=FUNCTION)
    aws.says({"active": None, "written": []})

    assert indices_in_use(aws, "dev") == []


def test_an_environment_that_is_not_deployed_uses_none(aws: Any) -> None:
    aws.stubbers["cloudformation"].add_client_error(
        "describe_stacks", "ValidationError", "Stack with id dev-Migration does not exist"
    )

    assert indices_in_use(aws, "dev") == []


def test_a_stack_whose_creation_failed_has_nothing_to_ask(aws: Any) -> None:
    aws.has_stack()

    assert indices_in_use(aws, "dev") == []


def test_a_failing_function_is_an_error_with_its_words(aws: Any) -> None:
    aws.has_stack(MigrationFunctionName=FUNCTION)
    aws.says({"errorMessage": "OpenSearch is away"}, FunctionError="Unhandled")

    with pytest.raises(CommandError, match="OpenSearch is away") as raised:
        indices_in_use(aws, "dev")

    assert raised.value.code == "migration_status_failed"


@pytest.mark.parametrize(("service", "call"), [("cloudformation", "describe_stacks"), ("lambda", "invoke")])
def test_a_refusal_of_aws_is_an_error_and_not_an_environment_without_indices(
    aws: Any, service: str, call: str
) -> None:
    if service == "lambda":
        aws.has_stack(MigrationFunctionName=FUNCTION)
    aws.stubbers[service].add_client_error(call, "AccessDeniedException", "not authorized")

    with pytest.raises(CommandError, match="not authorized") as raised:
        indices_in_use(aws, "dev")

    assert raised.value.code == "aws_unreachable"


def test_indices_whose_models_stay_are_fine() -> None:
    require_served([ACTIVE, NEXT], fingerprints={OLD, NEW}, lock=LOCK, remedy="")
    require_served([], fingerprints=set(), lock=LOCK, remedy="")


@pytest.mark.parametrize(("missing", "words"), [(ACTIVE, "demo of"), (NEXT, "one of")])
def test_an_index_that_would_lose_its_model_is_named_with_its_model(missing: IndexInUse, words: str) -> None:
    with pytest.raises(CommandError, match=f"{missing.name}.*{words}.*Do this") as raised:
        require_served(
            [ACTIVE, NEXT],
            fingerprints={OLD, NEW} - {missing.fingerprint},
            lock=LOCK,
            remedy="Do this.",
        )

    assert raised.value.code == "model_in_use"
