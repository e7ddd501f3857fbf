"""Upload an artifact to its content-addressed place, fetch it from there, and record it in a model lock."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError

from scripts.artifact.digests import file_digest
from scripts.artifact.package import PackagedModel
from scripts.aws_errors import unreachable
from scripts.environments import data_command
from scripts.errors import CommandError
from scripts.outputs import stack_outputs
from stacks.model_lock import LockedModel, ModelLock, ModelLockError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_s3 import S3Client

BUCKET_OUTPUT = "ArtifactBucketName"
# 16 MiB parts: 5 TB / 10,000 parts is far away, and a lost part costs little.
TRANSFER = TransferConfig(multipart_threshold=32 << 20, multipart_chunksize=16 << 20, max_concurrency=4)


def locked(packaged: PackagedModel) -> LockedModel:
    """The lock's entry for an artifact."""
    return LockedModel(
        digest=packaged.digest,
        fingerprint=packaged.fingerprint,
        dimension=packaged.dimension,
        python=packaged.python,
        runtime=packaged.form.runtime,
        precision=packaged.form.precision,
    )


def publish(
    packaged: PackagedModel,
    *,
    bucket: str,
    s3_client: "S3Client",
    progress: Callable[[int], None] = lambda _: None,
) -> str:
    """Upload `packaged` unless it is there already; return its S3 URI.

    S3 checks each part against its SHA-256. `progress` is told the bytes sent since its last call, from
    several threads. Raises CommandError `bucket_unusable` or `aws_unreachable`.
    """
    model = locked(packaged)
    upload(packaged.path, model, bucket=bucket, s3_client=s3_client, progress=progress)
    return f"s3://{bucket}/{model.artifact_key}"


def upload(
    path: Path,
    model: LockedModel,
    *,
    bucket: str,
    s3_client: "S3Client",
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Upload the artifact at `path`, which is `model`, as `publish` does."""
    with _translated(bucket, "written to", "s3:PutObject"):
        if not _is_there(bucket, model.artifact_key, s3_client):
            s3_client.upload_file(
                str(path),
                bucket,
                model.artifact_key,
                ExtraArgs={"ChecksumAlgorithm": "SHA256", "ContentType": "application/gzip"},
                Callback=progress,
                Config=TRANSFER,
            )


def fetch(model: LockedModel, path: Path, *, bucket: str, s3_client: "S3Client") -> None:
    """Write the artifact that the lock names, and that `bucket` holds, to `path`.

    Whoever may write to another bucket decides nothing here: other bytes than the locked ones are refused.
    Raises CommandError `artifact_exchanged`, and as `publish` does.
    """
    with _translated(bucket, "read from", "s3:GetObject"):
        s3_client.download_file(bucket, model.artifact_key, str(path), Config=TRANSFER)
    if (found := file_digest(path)) != model.digest:
        raise CommandError(
            "artifact_exchanged",
            f"s3://{bucket}/{model.artifact_key} is not what its name says: its SHA-256 is {found}. Find out "
            "who wrote it, remove it, and publish the model again.",
        )


def is_published(model: LockedModel, *, bucket: str, s3_client: "S3Client") -> bool:
    """Whether `bucket` holds the artifact that the lock names. Raises as `publish` does."""
    with _translated(bucket, "looked for in", "s3:ListBucket"):
        return _is_there(bucket, model.artifact_key, s3_client)


def record(packaged: PackagedModel, lock: Path) -> None:
    """Let the lock file's entry of this model stand for `packaged`, all others unchanged."""
    read_lock(lock).with_model(packaged.name, locked(packaged)).save(lock)


def read_lock(lock: Path) -> ModelLock:
    """The lock in a file, without models where there is none. Raises CommandError `lock_unusable`."""
    try:
        return ModelLock.load(lock)
    except ModelLockError as error:
        raise CommandError("lock_unusable", f"The model lock cannot be used: {error}") from error


def find_bucket(environment: str, *, cloudformation: "CloudFormationClient") -> str:
    """The artifact bucket of a deployed environment, from the outputs of its stack `<environment>-Data`.

    Raises CommandError `data_stack_missing` or `aws_unreachable`.
    """
    stack = f"{environment}-Data"
    outputs = stack_outputs(stack, cloudformation=cloudformation)
    if outputs is None:
        raise CommandError(
            "data_stack_missing",
            f"There is no stack {stack} in this account and region. Deploy it first, no model needed: "
            f"{data_command(environment)}; or pass --bucket.",
        )
    if BUCKET_OUTPUT not in outputs:
        raise CommandError(
            "data_stack_missing", f"Stack {stack} has no output {BUCKET_OUTPUT}. Pass --bucket."
        )
    return outputs[BUCKET_OUTPUT]


def _is_there(bucket: str, key: str, s3_client: "S3Client") -> bool:
    """Whether the artifact lies at `key`: the key names its digest, and S3 shows no half objects."""
    try:
        s3_client.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"404", "NoSuchKey"}:
            return False
        raise
    return True


@contextmanager
def _translated(bucket: str, done: str, right: str) -> Iterator[None]:
    try:
        yield
    except (ClientError, S3UploadFailedError) as error:
        raise CommandError(
            "bucket_unusable",
            f"The artifact cannot be {done} bucket {bucket}: {error}. Check its name, the region and the "
            f"right to {right}.",
        ) from error
    except BotoCoreError as error:
        raise unreachable(error) from error
