"""The task of the bulk run's state machine that has SageMaker embed the shards."""

import aws_cdk as cdk
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks import names
from stacks.components.foundations.encryption_key import volume_key
from stacks.settings import Settings

_JSON_LINES = "application/jsonlines"


def transform_task(scope: Construct, construct_id: str, *, settings: Settings) -> sfn.CustomState:
    """Return the state that runs a batch transform job and waits for its end.

    Of its input it takes `job`, `model`, `manifest` and `output`; its result is put beside them. The CDK's
    own task for it makes a role with SageMaker's full access, and grants every job of the account.
    """
    arn = f"arn:{cdk.Aws.PARTITION}:states:::sagemaker:createTransformJob.sync"
    state = {
        "Type": "Task",
        "Resource": arn,
        "Parameters": _parameters(settings),
        "ResultPath": "$.transform",
    }
    return sfn.CustomState(scope, construct_id, state_json=state)


def _parameters(settings: Settings) -> dict[str, object]:
    bulk = settings.bulk
    volume = volume_key(settings, bulk.instance_type)
    return {
        # The prefix is what the role of the state machine is bound to.
        "TransformJobName.$": f"States.Format('{settings.endpoint_prefix}{{}}', $.job)",
        "ModelName.$": "$.model",
        "TransformInput": {
            "ContentType": _JSON_LINES,
            # A shard is a request: none is cut up, and none shares one.
            "SplitType": "None",
            "DataSource": {"S3DataSource": {"S3DataType": "ManifestFile", "S3Uri.$": "$.manifest"}},
        },
        "BatchStrategy": "SingleRecord",
        "MaxConcurrentTransforms": bulk.max_concurrent_transforms,
        "MaxPayloadInMB": bulk.max_payload_mb,
        "ModelClientConfig": {
            "InvocationsTimeoutInSeconds": bulk.invocation_timeout_seconds,
            "InvocationsMaxRetries": bulk.invocation_retries,
        },
        "TransformOutput": {
            "S3OutputPath.$": "$.output",
            "Accept": _JSON_LINES,
            "AssembleWith": "None",
            # Unnamed, it would be a key of SageMaker's choice, whatever the bucket's is.
            **({"KmsKeyId": names.key_alias(settings)} if settings.encryption == "customer" else {}),
        },
        "TransformResources": {
            "InstanceType": bulk.instance_type,
            "InstanceCount": bulk.instance_count,
            **({"VolumeKmsKeyId": volume} if volume else {}),
        },
    }
