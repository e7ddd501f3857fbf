"""Publishing: content-addressed, once, with checksums, and recorded."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.stub import Stubber
from moto import mock_aws
from mypy_boto3_cloudformation import CloudFormationClient
from mypy_boto3_s3 import S3Client
from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

from scripts.artifact import publish as module
from scripts.artifact.digests import file_digest
from scripts.artifact.package import PackagedModel
from scripts.artifact.publish import find_bucket, publish, record
from scripts.errors import CommandError
from stacks.model_lock import LockedModel, ModelLock

BUCKET = "artifacts"
REGION: Literal["eu-central-1"] = "eu-central-1"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("s3", region_name=REGION)
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield client


@pytest.fixture
def packaged(tmp_path: Path) -> PackagedModel:
    path = tmp_path / "model.tar.gz"
    path.write_bytes(b"artifact" * 1000)
    return PackagedModel(
        path=path, digest=file_digest(path), fingerprint="f" * 64, dimension=384, name="demo", python="3.12"
    )


def head(s3: S3Client, packaged: PackagedModel) -> HeadObjectOutputTypeDef:
    key = f"models/{packaged.digest}/model.tar.gz"
    return s3.head_object(Bucket=BUCKET, Key=key, ChecksumMode="ENABLED")


def test_an_artifact_lies_under_its_digest_with_a_checksum(s3: S3Client, packaged: PackagedModel) -> None:
    uri = publish(packaged, bucket=BUCKET, s3_client=s3)
    assert uri == f"s3://{BUCKET}/models/{packaged.digest}/model.tar.gz"
    found = head(s3, packaged)
    assert found["ContentLength"] == packaged.size
    assert found["ChecksumSHA256"]


def test_a_second_publication_sends_nothing(s3: S3Client, packaged: PackagedModel) -> None:
    sent: list[int] = []
    publish(packaged, bucket=BUCKET, s3_client=s3, progress=sent.append)
    assert sum(sent) == packaged.size
    before = head(s3, packaged)["LastModified"]
    publish(packaged, bucket=BUCKET, s3_client=s3, progress=sent.append)
    assert sum(sent) == packaged.size
    assert head(s3, packaged)["LastModified"] == before


def test_a_large_artifact_goes_up_in_checked_parts(
    s3: S3Client, packaged: PackagedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
    monkeypatch.setattr(module, "TRANSFER", small)
    packaged.path.write_bytes(bytes(11 << 20))
    publish(packaged, bucket=BUCKET, s3_client=s3)
    assert head(s3, packaged)["ContentLength"] == 11 << 20
    assert head(s3, packaged)["ETag"].endswith('-3"')


def test_a_missing_bucket_is_an_error_that_names_it(s3: S3Client, packaged: PackagedModel) -> None:
    with pytest.raises(CommandError, match="bucket nowhere") as raised:
        publish(packaged, bucket="nowhere", s3_client=s3)
    assert raised.value.code == "bucket_unusable"


def test_the_lock_names_the_artifact_and_keeps_other_models(tmp_path: Path, packaged: PackagedModel) -> None:
    path, other = tmp_path / "model.lock", LockedModel("a" * 64, "b" * 64, 512, "3.12")
    ModelLock().with_model("clip-vit-b-32", other).save(path)
    record(packaged, path)
    lock = ModelLock.load(path)
    assert lock.get("demo") == LockedModel(packaged.digest, "f" * 64, 384, "3.12")
    assert lock.get("clip-vit-b-32") == other


def test_an_unreadable_lock_is_left_as_it_is(tmp_path: Path, packaged: PackagedModel) -> None:
    path = tmp_path / "model.lock"
    path.write_text("models = 3")
    with pytest.raises(CommandError) as raised:
        record(packaged, path)
    assert raised.value.code == "lock_unusable"
    assert path.read_text() == "models = 3"


def stacks_answer(*outputs: tuple[str, str]) -> dict[str, Any]:
    listed = [{"OutputKey": key, "OutputValue": value} for key, value in outputs]
    created = datetime(2026, 1, 1, tzinfo=UTC)
    stack = {"StackName": "dev-Data", "CreationTime": created, "StackStatus": "CREATE_COMPLETE"}
    return {"Stacks": [stack | {"Outputs": listed}]}


@pytest.fixture
def cloudformation() -> Iterator[tuple[CloudFormationClient, Stubber]]:
    client = boto3.client(
        "cloudformation", region_name=REGION, aws_access_key_id="testing", aws_secret_access_key="testing"
    )
    with Stubber(client) as stubber:
        yield client, stubber


def test_the_bucket_comes_from_the_data_stacks_outputs(
    cloudformation: tuple[CloudFormationClient, Stubber],
) -> None:
    client, stubber = cloudformation
    answer = stacks_answer(("ImageBucketName", "pictures"), ("ArtifactBucketName", "made"))
    stubber.add_response("describe_stacks", answer, {"StackName": "dev-Data"})
    assert find_bucket("dev", cloudformation=client) == "made"


def test_a_data_stack_without_the_output_is_an_error(
    cloudformation: tuple[CloudFormationClient, Stubber],
) -> None:
    client, stubber = cloudformation
    stubber.add_response("describe_stacks", stacks_answer())
    with pytest.raises(CommandError, match="no output ArtifactBucketName"):
        find_bucket("dev", cloudformation=client)


@pytest.mark.parametrize(
    ("code", "expected", "words"),
    [
        ("ValidationError", "data_stack_missing", r"npx cdk deploy dev/Data.*--bucket"),
        ("ExpiredToken", "aws_unreachable", "Check credentials"),
    ],
)
def test_a_refused_question_for_the_stack_says_what_to_do(
    cloudformation: tuple[CloudFormationClient, Stubber], code: str, expected: str, words: str
) -> None:
    client, stubber = cloudformation
    stubber.add_client_error("describe_stacks", code)
    with pytest.raises(CommandError, match=words) as raised:
        find_bucket("dev", cloudformation=client)
    assert raised.value.code == expected
