"""An environment whose emulator enforces IAM and answers by TLS, and what tests take away from its roles."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3

from scripts.local.settings import REGION, LocalSettings
from scripts.target import LOCAL_CREDENTIALS, Target
from tests.e2e.command import Command
from tests.security.operator_policy import operator_policy

OPERATOR = "operator"
CALLERS = "Callers"
"""What the name of the deployed policy of the API's callers holds."""


@dataclass(frozen=True)
class Enforced:
    """The environment: ``target`` is what ``imagesearch local up`` wrote of it, ``command`` what was run."""

    settings: LocalSettings
    target: Target
    command: Command

    def root(self, service: str) -> Any:
        """A client that may do everything, as whoever deploys."""
        ca_file = str(self.settings.ca_file)
        session = boto3.Session(region_name=REGION, **LOCAL_CREDENTIALS)
        return session.client(service, endpoint_url=self.settings.emulator_url, verify=ca_file)  # type: ignore[call-overload]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command line as whoever deploys runs it; a failure shows what it printed."""
        variables = {**self.command.variables, **self.trust()}
        return Command(self.command.program, variables)(*arguments, check=True)

    def trust(self) -> dict[str, str]:
        """The variables by which programs of Python trust the emulator's certificate."""
        ca_file = str(self.settings.ca_file)
        return {"AWS_CA_BUNDLE": ca_file, "SSL_CERT_FILE": ca_file}

    def operators_variables(self) -> dict[str, str]:
        """What a person sets to use a deployment, with the keys of a user who may do what the policy says."""
        iam = self.root("iam")
        iam.create_user(UserName=OPERATOR)
        document = json.dumps(operator_policy(self.target))
        iam.put_user_policy(UserName=OPERATOR, PolicyName=OPERATOR, PolicyDocument=document)
        iam.attach_user_policy(UserName=OPERATOR, PolicyArn=self.callers_policy())
        key = iam.create_access_key(UserName=OPERATOR)["AccessKey"]
        return {
            **self.trust(),
            "IMAGESEARCH_URL": self.target.url,
            "IMAGESEARCH_AUTHORISATION": "iam",
            "IMAGESEARCH_BUCKET": self.target.image_bucket(),
            "IMAGESEARCH_ARTIFACT_BUCKET": self.target.artifact_bucket(),
            "IMAGESEARCH_BULK_STATE_MACHINE": self.target.bulk_state_machine(),
            "AWS_ENDPOINT_URL": self.settings.emulator_url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        }

    def callers_policy(self) -> str:
        """The ARN of the deployed policy of those who may call the API."""
        listed = self.root("iam").get_paginator("list_policies").paginate(Scope="Local")
        (arn,) = [one["Arn"] for page in listed for one in page["Policies"] if CALLERS in one["PolicyName"]]
        return str(arn)

    def function(self, part: str) -> str:
        """The name of the one function whose role's name holds ``part``."""
        found = [
            one["FunctionName"]
            for page in self.root("lambda").get_paginator("list_functions").paginate()
            for one in page["Functions"]
            if part in one["Role"]
        ]
        (name,) = found
        return str(name)

    @contextmanager
    def without(self, role: str, action: str) -> Iterator[None]:
        """Take the action away from the one role whose name holds ``role`` until the block is left."""
        iam = self.root("iam")
        (name,) = [
            one["RoleName"]
            for page in iam.get_paginator("list_roles").paginate()
            for one in page["Roles"]
            if role in one["RoleName"]
        ]
        policies = {
            policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        }
        lessened = {policy: less(document, action) for policy, document in policies.items()}
        assert lessened != policies, f"{name} has no {action} that could be taken away"
        try:
            _write(iam, name, lessened)
            yield
        finally:
            _write(iam, name, policies)


def less(document: Mapping[str, Any], action: str) -> dict[str, Any]:
    """The policy without the action; a statement that is left without any action is left out."""
    statements = []
    for statement in document["Statement"]:
        actions = statement["Action"]
        kept = [one for one in ([actions] if isinstance(actions, str) else actions) if one != action]
        if kept:
            statements.append({**statement, "Action": kept})
    return {**document, "Statement": statements}


def _write(iam: Any, role: str, policies: Mapping[str, Any]) -> None:
    for name, document in policies.items():
        if document["Statement"]:
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))
        else:
            iam.delete_role_policy(RoleName=role, PolicyName=name)


def without_ours(variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables but those that name a deployment or credentials of AWS."""
    return {name: value for name, value in variables.items() if not name.startswith(("AWS_", "IMAGESEARCH_"))}
