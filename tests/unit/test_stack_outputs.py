"""The outputs of a whole environment, and how a smoke test speaks to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from imagesearch_client import ClientCredentials, SigV4
from scripts import environments, stack_outputs
from scripts.errors import CommandError
from scripts.smoke import place
from scripts.smoke.place import target_of
from scripts.stack_outputs import Account, account_of, outputs
from scripts.target import Target
from stacks.settings import DEV, ENVIRONMENTS
from stacks.settings.api import Authorisation

URL = "https://api.example/prod/"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:imagesearch-dev-bulk"
DATA = {"ImageBucketName": "pictures", "ArtifactBucketName": "artifacts"}
BULK = {"BulkStateMachineArn": MACHINE}
KEY = {"apigateway.GetApiKey": {"value": "a-key"}}
SECRET = {"cognito-idp.DescribeUserPoolClient": {"UserPoolClient": {"ClientSecret": "a secret"}}}


@dataclass(frozen=True, kw_only=True)
class Played(Account):
    """An account whose stacks, and other answers by service and operation, a test makes up."""

    stacks: Mapping[str, Mapping[str, str]]
    answers: Mapping[str, Mapping[str, Any]]

    def client(self, service: str, **options: Any) -> Any:
        client = super().client(service, **options)
        client.meta.events.register("before-call", self._answer)
        return client

    def _answer(self, model: Any, params: Mapping[str, Any], **_: Any) -> tuple[Any, Any]:
        if model.name == "DescribeStacks":
            return self._stack(params["body"]["StackName"])
        return SimpleNamespace(status_code=200), self.answers[
            f"{model.service_model.endpoint_prefix}.{model.name}"
        ]

    def _stack(self, name: str) -> tuple[Any, Any]:
        if name not in self.stacks:
            return SimpleNamespace(status_code=400), {"Error": {"Code": "ValidationError", "Message": name}}
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in self.stacks[name].items()]
        return SimpleNamespace(status_code=200), {"Stacks": [{"StackName": name, "Outputs": outputs}]}


Play = Callable[..., None]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """Let AWS have these stacks of `dev`, and give these other answers."""

    def play(answers: Mapping[str, Mapping[str, Any]] | None = None, **stacks: Mapping[str, str]) -> None:
        named = {f"dev-{name}": outputs for name, outputs in stacks.items()}
        session = boto3.Session("id", "secret", region_name="us-east-1")
        account = Played(session=session, stacks=named, answers=answers or {})
        for module in (stack_outputs, place):
            monkeypatch.setattr(module, "account_of", lambda *_: account)

    return play


def test_the_outputs_of_all_stacks_come_together(play: Play) -> None:
    play(Data=DATA, Api={"ApiUrl": URL}, OfSomebodyElse={"ApiUrl": "https://elsewhere"})
    assert outputs("dev") == DATA | {"ApiUrl": URL}


def test_another_region_than_that_of_the_settings_is_another_account_to_ask() -> None:
    assert account_of("dev").client("s3").meta.region_name == DEV.region
    assert account_of("dev", "eu-central-1").client("s3").meta.region_name == "eu-central-1"


def test_an_environment_that_is_not_deployed_names_the_command_that_deploys_it(play: Play) -> None:
    play()
    with pytest.raises(CommandError, match="imagesearch deploy dev") as raised:
        outputs("dev")
    assert raised.value.code == "environment_not_deployed"


def test_an_unknown_environment_is_refused() -> None:
    with pytest.raises(CommandError) as raised:
        outputs("nowhere")
    assert raised.value.code == "environment_unknown"


def test_the_environment_on_this_machine_is_asked_with_credentials_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IMAGESEARCH_EMULATOR_PORT", "4599")
    account = account_of("local")
    assert account.client("s3").meta.endpoint_url.endswith(":4599")
    credentials = account.session.get_credentials()
    assert credentials is not None
    assert credentials.access_key == "test"


def _target(monkeypatch: pytest.MonkeyPatch, authorisation: Authorisation) -> Target:
    settings = replace(DEV, web=None, api=replace(DEV.api, authorisation=authorisation))
    monkeypatch.setattr(environments, "ENVIRONMENTS", {**ENVIRONMENTS, "dev": settings})
    return target_of("dev", variables={"IMAGESEARCH_URL": "https://not-this-one"})


def test_an_api_that_asks_for_a_key_is_called_with_the_deployed_one(
    monkeypatch: pytest.MonkeyPatch, play: Play
) -> None:
    play(KEY, Data=DATA, Bulk=BULK, Api={"ApiUrl": URL, "ApiKeyId": "id"})
    target = _target(monkeypatch, "key")
    assert (target.url, target.image_bucket(), target.artifact_bucket()) == (URL, "pictures", "artifacts")
    assert target.bulk_state_machine() == MACHINE
    assert target.api_key == "a-key"


def test_an_api_that_asks_for_signatures_is_called_with_ours(
    monkeypatch: pytest.MonkeyPatch, play: Play
) -> None:
    play(Data=DATA, Bulk=BULK, Api={"ApiUrl": URL})
    assert isinstance(_target(monkeypatch, "iam").credentials, SigV4)


def test_an_api_that_asks_for_tokens_is_called_as_the_machine(
    monkeypatch: pytest.MonkeyPatch, play: Play
) -> None:
    users = {"UserPoolId": "us-east-1_People", "MachineClientId": "machine", "TokenUrl": "https://in/token"}
    play(SECRET, Data=DATA, Bulk=BULK, Api={"ApiUrl": URL}, Users=users)
    assert isinstance(_target(monkeypatch, "cognito").credentials, ClientCredentials)


def test_a_stack_without_what_is_needed_says_so(monkeypatch: pytest.MonkeyPatch, play: Play) -> None:
    play(Data=DATA, Bulk=BULK, Api={"ApiUrl": URL})
    with pytest.raises(CommandError, match="no stack with the output ApiKeyId"):
        _target(monkeypatch, "key")
