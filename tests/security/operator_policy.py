"""The rights of a person who ingests, searches and starts bulk runs from a workstation, and no others."""

from typing import Any

from scripts.target import Target


def operator_policy(target: Target) -> dict[str, Any]:
    """The policy document; the right to call the API is a policy of its own, which the deployment makes."""
    images, artifacts = (f"arn:aws:s3:::{name}" for name in (target.image_bucket(), target.artifact_bucket()))
    machine = target.bulk_state_machine()
    execution = machine.replace(":stateMachine:", ":execution:")
    return {
        "Version": "2012-10-17",
        "Statement": [
            _allow(["s3:ListBucket"], [images, artifacts]),
            _allow(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], [f"{images}/*"]),
            _allow(["s3:GetObject", "s3:PutObject"], [f"{artifacts}/runs/*"]),
            _allow(["s3:GetObject"], [f"{artifacts}/rejects/*"]),
            _allow(["states:StartExecution", "states:ListExecutions"], [machine]),
            _allow(["states:DescribeExecution", "states:StopExecution"], [f"{execution}:*"]),
        ],
    }


def _allow(actions: list[str], resources: list[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources}
