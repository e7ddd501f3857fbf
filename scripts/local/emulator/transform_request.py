"""CreateTransformJob's request, with every limit that SageMaker enforces.

What the stand-in does not do is refused: a field that were ignored here would first be missed in AWS.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from scripts.local.emulator.errors import SageMakerError

MEGABYTE = 1024 * 1024
MAX_PAYLOAD_MB, DEFAULT_PAYLOAD_MB = 100, 6
"""Largest MaxPayloadInMB, and the one of a request without (API reference of CreateTransformJob)."""
MAX_IN_FLIGHT_MB = 100
"""Largest product of MaxConcurrentTransforms and MaxPayloadInMB (API reference of CreateTransformJob)."""
DEFAULT_CONCURRENT = 1
"""Requests at once where none are set and the container answers no /execution-parameters (the same)."""
MAX_TIMEOUT_SECONDS, DEFAULT_TIMEOUT_SECONDS = 3600, 600
"""Largest InvocationsTimeoutInSeconds, and the default (API reference of ModelClientConfig)."""
MAX_RETRIES, DEFAULT_RETRIES = 3, 3
"""Largest InvocationsMaxRetries, and the default (API reference of ModelClientConfig)."""
MAX_VARIABLES = 16
"""Largest number of entries of Environment (API reference of CreateTransformJob)."""
JOB_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
"""What a job may be called (API reference of CreateTransformJob)."""
JOB_NAME_LENGTH = 63

STRATEGIES = {"MultiRecord": "MULTI_RECORD", "SingleRecord": "SINGLE_RECORD"}
"""BatchStrategy and what the container reads of it. One object is one request, so both do the same here."""

FIELDS: Mapping[str, Any] = {
    "TransformJobName": str,
    "ModelName": str,
    "MaxConcurrentTransforms": int,
    "MaxPayloadInMB": int,
    "BatchStrategy": str,
    "Environment": dict,
    "ModelClientConfig": {"InvocationsTimeoutInSeconds": int, "InvocationsMaxRetries": int},
    "TransformInput": {
        "ContentType": str,
        "CompressionType": str,
        "SplitType": str,
        "DataSource": {"S3DataSource": {"S3DataType": str, "S3Uri": str}},
    },
    "TransformOutput": {"S3OutputPath": str, "Accept": str, "AssembleWith": str},
    "TransformResources": {"InstanceType": str, "InstanceCount": int},
    "Tags": list,
}
REQUIRED = (
    "TransformJobName",
    "ModelName",
    "TransformInput.ContentType",
    "TransformInput.DataSource.S3DataSource.S3DataType",
    "TransformInput.DataSource.S3DataSource.S3Uri",
    "TransformOutput.S3OutputPath",
    "TransformResources.InstanceType",
    "TransformResources.InstanceCount",
)
"""ContentType may be missing in AWS; what a container is then sent is written nowhere."""


class Location(NamedTuple):
    """An object, or the objects with a prefix, in S3."""

    bucket: str
    key: str

    @property
    def uri(self) -> str:
        """As ``s3://bucket/key``."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, kw_only=True)
class TransformRequest:
    """A request that SageMaker would take. ``members`` is what it said, in the API's own names."""

    name: str
    model: str
    data_type: str
    source: Location
    output: Location
    content_type: str
    accept: str | None
    concurrent: int
    payload_mb: int
    timeout_seconds: int
    retries: int
    instances: int
    environment: Mapping[str, str]
    members: Mapping[str, Any]


def parse_request(request: Mapping[str, Any]) -> TransformRequest:
    """The request as it is understood, or the ``SageMakerError`` that says what is wrong with it."""
    _check_fields(request, FIELDS, path="")
    for path in REQUIRED:
        _require(_member(request, path) is not None, f"{path} is missing")
    _check_unsupported(request)
    _check_limits(request)
    client = request.get("ModelClientConfig", {})
    return TransformRequest(
        name=request["TransformJobName"],
        model=request["ModelName"],
        data_type=_member(request, "TransformInput.DataSource.S3DataSource.S3DataType"),
        source=location_of(_member(request, "TransformInput.DataSource.S3DataSource.S3Uri")),
        output=location_of(request["TransformOutput"]["S3OutputPath"]),
        content_type=request["TransformInput"]["ContentType"],
        accept=request["TransformOutput"].get("Accept"),
        concurrent=request.get("MaxConcurrentTransforms") or DEFAULT_CONCURRENT,
        payload_mb=request.get("MaxPayloadInMB", DEFAULT_PAYLOAD_MB),
        timeout_seconds=client.get("InvocationsTimeoutInSeconds", DEFAULT_TIMEOUT_SECONDS),
        retries=client.get("InvocationsMaxRetries", DEFAULT_RETRIES),
        instances=request["TransformResources"]["InstanceCount"],
        environment=_container_variables(request),
        members={name: value for name, value in request.items() if name != "Tags"},
    )


def location_of(uri: str) -> Location:
    """Bucket and key of an ``s3://`` address."""
    parts = urlsplit(uri)
    _require(parts.scheme == "s3" and bool(parts.netloc), f"{uri} is not an s3:// address")
    return Location(parts.netloc, uri.removeprefix(f"s3://{parts.netloc}").lstrip("/"))


def _container_variables(request: Mapping[str, Any]) -> dict[str, str]:
    """What the job sets, and what SageMaker sets in every container of a job.

    The last three only where the request names them (Use Your Own Inference Code with Batch Transform).
    """
    variables = {**request.get("Environment", {}), "SAGEMAKER_BATCH": "true"}
    if "MaxPayloadInMB" in request:
        variables["SAGEMAKER_MAX_PAYLOAD_IN_MB"] = str(request["MaxPayloadInMB"])
    if "BatchStrategy" in request:
        variables["SAGEMAKER_BATCH_STRATEGY"] = STRATEGIES[request["BatchStrategy"]]
    if request.get("MaxConcurrentTransforms"):
        variables["SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"] = str(request["MaxConcurrentTransforms"])
    return variables


def _check_fields(value: Mapping[str, Any], known: Mapping[str, Any], *, path: str) -> None:
    """Every member is known and of its type; null, which a path into nothing gives, is of no type."""
    for name, member in value.items():
        where = f"{path}{name}"
        _require(name in known, f"{where} is not known to the stand-in of SageMaker")
        kind = known[name]
        expected = dict if isinstance(kind, Mapping) else kind
        _require(
            isinstance(member, expected) and not isinstance(member, bool),
            f"{where} is {member!r} and must be of type {expected.__name__}",
        )
        if isinstance(kind, Mapping):
            _check_fields(member, kind, path=f"{where}.")


def _check_unsupported(request: Mapping[str, Any]) -> None:
    for path in (
        "TransformInput.SplitType",
        "TransformInput.CompressionType",
        "TransformOutput.AssembleWith",
    ):
        value = _member(request, path) or "None"
        _require(value == "None", f"{path} {value} is not done by the stand-in of SageMaker: use None")
    data_type = _member(request, "TransformInput.DataSource.S3DataSource.S3DataType")
    _require(
        data_type in ("S3Prefix", "ManifestFile"),
        f"S3DataType {data_type} is not done by the stand-in of SageMaker: use S3Prefix or ManifestFile",
    )


def _check_limits(request: Mapping[str, Any]) -> None:
    name, client = request["TransformJobName"], request.get("ModelClientConfig", {})
    _require(
        len(name) <= JOB_NAME_LENGTH and JOB_NAME.fullmatch(name) is not None,
        f"TransformJobName '{name}' must match {JOB_NAME.pattern} "
        f"and have {JOB_NAME_LENGTH} characters at most",
    )
    _require(
        request.get("BatchStrategy", "SingleRecord") in STRATEGIES,
        f"BatchStrategy must be one of {', '.join(STRATEGIES)}",
    )
    payload = request.get("MaxPayloadInMB", DEFAULT_PAYLOAD_MB)
    concurrent = request.get("MaxConcurrentTransforms", 0)
    _require_range("MaxPayloadInMB", payload, 1, MAX_PAYLOAD_MB)
    _require(concurrent >= 0, "MaxConcurrentTransforms must not be negative")
    _require(
        concurrent * payload <= MAX_IN_FLIGHT_MB,
        f"MaxConcurrentTransforms * MaxPayloadInMB is {concurrent * payload} and cannot exceed "
        f"{MAX_IN_FLIGHT_MB} MB",
    )
    _require_range(
        "InvocationsTimeoutInSeconds",
        client.get("InvocationsTimeoutInSeconds", DEFAULT_TIMEOUT_SECONDS),
        1,
        MAX_TIMEOUT_SECONDS,
    )
    _require_range(
        "InvocationsMaxRetries", client.get("InvocationsMaxRetries", DEFAULT_RETRIES), 0, MAX_RETRIES
    )
    _require(request["TransformResources"]["InstanceCount"] >= 1, "InstanceCount must be 1 at least")
    variables = request.get("Environment", {})
    _require(len(variables) <= MAX_VARIABLES, f"Environment has more than {MAX_VARIABLES} entries")
    _require(all(isinstance(v, str) for v in variables.values()), "Environment's values must be strings")


def _require_range(name: str, value: int, lowest: int, highest: int) -> None:
    _require(lowest <= value <= highest, f"{name} is {value} and must be from {lowest} to {highest}")


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise SageMakerError(400, "ValidationException", f"CreateTransformJob: {sentence}.")


def _member(request: Mapping[str, Any], path: str) -> Any:
    """The member at ``path`` (names with dots between), or None."""
    value: Any = request
    for name in path.split("."):
        value = value.get(name) if value is not None else None
    return value
