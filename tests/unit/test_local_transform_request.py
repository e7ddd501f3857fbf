"""What the stand-in takes for a request to CreateTransformJob, and what it refuses as SageMaker does."""

from typing import Any

import pytest

from scripts.local.emulator.errors import SageMakerError
from scripts.local.emulator.transform_request import Location, parse_request

BULK = {
    "TransformJobName": "20260101-000000-abcd-12345678",
    "ModelName": "imagesearch-model",
    "BatchStrategy": "SingleRecord",
    "MaxConcurrentTransforms": 2,
    "MaxPayloadInMB": 6,
    "ModelClientConfig": {"InvocationsTimeoutInSeconds": 900, "InvocationsMaxRetries": 1},
    "TransformInput": {
        "ContentType": "application/jsonlines",
        "SplitType": "None",
        "DataSource": {"S3DataSource": {"S3DataType": "ManifestFile", "S3Uri": "s3://artifacts/runs/m.json"}},
    },
    "TransformOutput": {
        "S3OutputPath": "s3://artifacts/runs/out/",
        "Accept": "application/jsonlines",
        "AssembleWith": "None",
    },
    "TransformResources": {"InstanceType": "ml.c6i.xlarge", "InstanceCount": 3},
}


def changed(path: str, value: object) -> dict[str, Any]:
    """The request with the member at ``path`` (dots between names) set to ``value``."""
    head, _, rest = path.partition(".")
    request: dict[str, Any] = {**BULK}
    target = request
    while rest:
        target[head] = {**target.get(head, {})}
        target = target[head]
        head, _, rest = rest.partition(".")
    target[head] = value
    return request


def test_a_request_is_understood_in_every_part() -> None:
    request = parse_request(BULK)
    assert (request.name, request.model) == ("20260101-000000-abcd-12345678", "imagesearch-model")
    assert (request.data_type, request.source) == ("ManifestFile", Location("artifacts", "runs/m.json"))
    assert request.output == Location("artifacts", "runs/out/")
    assert (request.content_type, request.accept) == ("application/jsonlines", "application/jsonlines")
    assert (request.concurrent, request.payload_mb, request.instances) == (2, 6, 3)
    assert (request.timeout_seconds, request.retries) == (900, 1)


def test_a_container_is_told_what_the_request_says_of_batches() -> None:
    request = parse_request(changed("Environment", {"GREETING": "hello", "SAGEMAKER_BATCH": "false"}))
    assert request.environment == {
        "GREETING": "hello",
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "6",
        "SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD",
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "2",
    }


def test_what_is_not_said_has_sagemakers_defaults_and_is_not_told_to_the_container() -> None:
    members = ("TransformJobName", "ModelName", "TransformResources")
    request = parse_request(
        {
            **{name: BULK[name] for name in members},
            "TransformInput": {
                "ContentType": "text/plain",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://artifacts"}},
            },
            "TransformOutput": {"S3OutputPath": "s3://artifacts"},
        }
    )
    assert (request.concurrent, request.payload_mb) == (1, 6)
    assert (request.timeout_seconds, request.retries) == (600, 3)
    assert request.environment == {"SAGEMAKER_BATCH": "true"}


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("DataProcessing", {"JoinSource": "None"}, "DataProcessing is not known"),
        ("TransformOutput.KmsKeyId", "key", "TransformOutput.KmsKeyId is not known"),
        ("TransformInput.DataSource.S3DataSource.Uri", "x", "S3DataSource.Uri is not known"),
        ("ModelName", None, "ModelName is None and must be of type str"),
        ("MaxPayloadInMB", "6", "must be of type int"),
        ("MaxPayloadInMB", True, "must be of type int"),
        ("MaxPayloadInMB", 101, "must be from 1 to 100"),
        ("MaxPayloadInMB", 0, "must be from 1 to 100"),
        ("MaxConcurrentTransforms", 17, "is 102 and cannot exceed 100 MB"),
        ("MaxConcurrentTransforms", -1, "must not be negative"),
        ("ModelClientConfig.InvocationsTimeoutInSeconds", 3601, "must be from 1 to 3600"),
        ("ModelClientConfig.InvocationsTimeoutInSeconds", 0, "must be from 1 to 3600"),
        ("ModelClientConfig.InvocationsMaxRetries", 4, "must be from 0 to 3"),
        ("TransformResources.InstanceCount", 0, "InstanceCount must be 1 at least"),
        ("TransformJobName", "a" * 64, "63 characters at most"),
        ("TransformJobName", "ends-with-", "must match"),
        ("TransformJobName", "", "must match"),
        ("BatchStrategy", "Both", "must be one of MultiRecord, SingleRecord"),
        ("TransformInput.SplitType", "Line", "SplitType Line is not done"),
        ("TransformInput.CompressionType", "Gzip", "CompressionType Gzip is not done"),
        ("TransformOutput.AssembleWith", "Line", "AssembleWith Line is not done"),
        ("TransformInput.DataSource.S3DataSource.S3DataType", "AugmentedManifestFile", "is not done"),
        ("TransformOutput.S3OutputPath", "https://artifacts/x", "is not an s3:// address"),
        ("TransformOutput", {}, "TransformOutput.S3OutputPath is missing"),
        ("TransformInput", {"SplitType": "None"}, "TransformInput.ContentType is missing"),
        ("Environment", {f"V{n}": "" for n in range(17)}, "more than 16 entries"),
        ("Environment", {"V": 1}, "must be strings"),
    ],
)
def test_a_request_that_sagemaker_or_the_stand_in_cannot_take_is_refused(
    path: str, value: object, words: str
) -> None:
    with pytest.raises(SageMakerError, match=words) as raised:
        parse_request(changed(path, value))
    assert (raised.value.status, raised.value.code) == (400, "ValidationException")


def test_concurrency_and_payload_may_use_the_limit_up() -> None:
    assert parse_request({**BULK, "MaxConcurrentTransforms": 50, "MaxPayloadInMB": 2}).concurrent == 50
    assert len(parse_request(changed("TransformJobName", "a" * 63)).name) == 63
