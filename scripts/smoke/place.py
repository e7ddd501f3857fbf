"""How a deployed environment is spoken to by those who may look at its stacks."""

import os
from collections.abc import Mapping
from typing import Any

from scripts.aws_errors import aws_errors
from scripts.environments import deployed_settings
from scripts.stack_outputs import LOCAL, Account, account_of, outputs, require_output
from scripts.target import Target, find_target

VARIABLES = {
    "IMAGESEARCH_URL": "ApiUrl",
    "IMAGESEARCH_BUCKET": "ImageBucketName",
    "IMAGESEARCH_ARTIFACT_BUCKET": "ArtifactBucketName",
    "IMAGESEARCH_BULK_STATE_MACHINE": "BulkStateMachineArn",
}
"""The variables that name a deployment's parts, and the outputs that hold them."""


def target_of(
    environment: str | None, *, region: str | None = None, variables: Mapping[str, str] = os.environ
) -> Target:
    """The deployment of ``environment``, with what its API asks of a machine.

    None is the one that ``variables`` name, else this machine's, and ``local`` this machine's whatever they
    name. Raises CommandError as ``find_target`` and ``outputs`` do.
    """
    if environment is None:
        return find_target(variables=variables)
    if environment == LOCAL:
        unnamed = {name: text for name, text in variables.items() if name == "IMAGESEARCH_LOCAL_DIR"}
        return find_target(variables=unnamed)
    return find_target(variables=variables_of(environment, region=region))


def variables_of(environment: str, *, region: str | None = None) -> dict[str, str]:
    """The variables by which commands find a deployment in AWS. Raises CommandError as ``outputs`` does."""
    found = outputs(environment, region)
    named = {
        variable: require_output(found, output, environment=environment)
        for variable, output in VARIABLES.items()
    }
    return named | _credentials(environment, found, account_of(environment, region))


def _credentials(environment: str, found: dict[str, str], account: Account) -> dict[str, str]:
    """The variables that hold what the API asks for, read from where AWS keeps it."""

    def output(name: str) -> str:
        return require_output(found, name, environment=environment)

    match deployed_settings(environment).api.authorisation:
        case "iam":
            return {"IMAGESEARCH_AUTHORISATION": "iam", "AWS_REGION": str(account.session.region_name)}
        case "cognito":
            pool, client = output("UserPoolId"), output("MachineClientId")
            with aws_errors():
                described: Any = account.client("cognito-idp").describe_user_pool_client(
                    UserPoolId=pool, ClientId=client
                )
            return {
                "IMAGESEARCH_TOKEN_URL": output("TokenUrl"),
                "IMAGESEARCH_CLIENT_ID": client,
                "IMAGESEARCH_CLIENT_SECRET": described["UserPoolClient"]["ClientSecret"],
            }
    with aws_errors():
        key = account.client("apigateway").get_api_key(apiKey=output("ApiKeyId"), includeValue=True)
    return {"IMAGESEARCH_API_KEY": str(key["value"])}
