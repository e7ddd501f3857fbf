"""What deployed stacks say of themselves."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from scripts.errors import CommandError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient


def stack_outputs(stack: str, *, cloudformation: "CloudFormationClient") -> Mapping[str, str] | None:
    """The outputs of a deployed stack by name; None where there is no such stack.

    Raises CommandError `aws_unreachable`.
    """
    try:
        outputs = cloudformation.describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return None
        raise unreachable(error) from error
    except BotoCoreError as error:
        raise unreachable(error) from error
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}


def unreachable(error: Exception) -> CommandError:
    """The error of a call to AWS that got no answer, or one that nobody expected."""
    return CommandError(
        "aws_unreachable", f"AWS did not answer as needed: {error}. Check credentials, region and network."
    )
