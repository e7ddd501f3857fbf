"""Accounts of AWS whose services answer what a test says; the others are moto's."""

from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.stub import ANY, Stubber

from scripts.stack_outputs import Account

REGION = "eu-central-1"
ACCOUNT = "123456789012"


@dataclass(frozen=True, kw_only=True)
class StubbedAccount(Account):
    """An account some of whose services answer what a test says."""

    stubbed: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str, **options: Any) -> Any:
        return self.stubbed.get(service) or super().client(service, **options)


def an_account(*, region: str = REGION, **stubbed: Any) -> StubbedAccount:
    """An account in which nothing is deployed, except as these services say."""
    stubbed.setdefault("cloudformation", answering("cloudformation", describe_stacks=None))
    return StubbedAccount(session=boto3.Session(region_name=region), stubbed=stubbed)


def answering(service: str, *, times: int = 4, **answers: Any) -> Any:
    """A client that answers each of these operations so often; None is that there is no such thing."""
    client = boto3.client(service, region_name=REGION)  # type: ignore[call-overload]
    stubber = Stubber(client)
    for operation, answer in answers.items():
        name = "".join(part.title() for part in operation.split("_"))
        shape = client.meta.service_model.operation_model(name).input_shape
        for _ in range(times):
            if answer is None:
                stubber.add_client_error(operation, "ValidationError", "There is no such thing.")
            else:
                required = dict.fromkeys(shape.required_members, ANY) if shape else {}
                stubber.add_response(operation, answer, required or None)
    stubber.activate()
    return client
