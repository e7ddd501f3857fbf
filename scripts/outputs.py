"""What deployed stacks say of themselves."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from scripts.aws_errors import unreachable

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
