"""Which deployment a command speaks to: options, environment variables, or this machine's own environment."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx

from imagesearch_client import ApiKey, ClientCredentials, ImageSearchClient, SigV4
from scripts.errors import CommandError
from scripts.login.store import saved_login

LOCAL_CREDENTIALS: dict[str, Any] = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
"""The emulator takes any credentials; a developer's own never leave for it."""

BULK_VARIABLES = {
    "artifacts": "IMAGESEARCH_ARTIFACT_BUCKET",
    "state_machine": "IMAGESEARCH_BULK_STATE_MACHINE",
}
"""The variables that name the parts of a deployment that bulk runs need."""
MACHINE_VARIABLES = ("IMAGESEARCH_TOKEN_URL", "IMAGESEARCH_CLIENT_ID", "IMAGESEARCH_CLIENT_SECRET")
"""The variables of a machine that calls an API which asks for tokens."""


def local_directory(variables: Mapping[str, str] = os.environ) -> Path:
    """Where the local environment keeps its state (``IMAGESEARCH_LOCAL_DIR`` moves it)."""
    return Path(variables.get("IMAGESEARCH_LOCAL_DIR", ".local")).absolute()


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where the API is, who calls it and, for commands that need them, the buckets and the state machine."""

    url: str
    credentials: httpx.Auth
    bucket: str | None = None
    artifacts: str | None = None
    state_machine: str | None = None
    aws_endpoint_url: str | None = None
    region: str | None = None

    @property
    def api_key(self) -> str:
        """The API's key, for who writes requests by hand. CommandError where the API asks for no key."""
        if not isinstance(self.credentials, ApiKey):
            raise CommandError("key_unknown", f"The API at {self.url} asks for no key.")
        return self.credentials.key

    def s3(self) -> Any:
        """An S3 client for the buckets."""
        return self._session(self.region).client("s3", endpoint_url=self.aws_endpoint_url)

    def step_functions(self) -> Any:
        """A Step Functions client, in the region that the state machine's ARN names."""
        region = self.bulk_state_machine().split(":")[3]
        return self._session(region).client("stepfunctions", endpoint_url=self.aws_endpoint_url)

    def image_bucket(self) -> str:
        """The picture bucket's name, or the error that says how to name it."""
        if self.bucket is None:
            raise CommandError(
                "bucket_unknown",
                "Name the picture bucket: --bucket, IMAGESEARCH_BUCKET, or the ImageBucketName output of the "
                "Data stack.",
            )
        return self.bucket

    def artifact_bucket(self) -> str:
        """The name of the bucket that keeps the files of bulk runs, or the error that says how to name it."""
        if self.artifacts is None:
            raise CommandError(
                "bucket_unknown",
                "Name the artifact bucket: IMAGESEARCH_ARTIFACT_BUCKET, the ArtifactBucketName output of the "
                "Data stack.",
            )
        return self.artifacts

    def bulk_state_machine(self) -> str:
        """The ARN of the state machine of bulk runs, or the error that says how to name it."""
        if self.state_machine is None or self.state_machine.count(":") < 6:
            raise CommandError(
                "state_machine_unknown",
                "Name the state machine of bulk runs: IMAGESEARCH_BULK_STATE_MACHINE, the "
                "BulkStateMachineArn output of the Bulk stack. On this machine: imagesearch local up.",
            )
        return self.state_machine

    def _session(self, region: str | None) -> boto3.Session:
        credentials = {} if self.aws_endpoint_url is None else LOCAL_CREDENTIALS
        return boto3.Session(region_name=region, **credentials)


def find_target(
    *,
    url: str | None = None,
    api_key: str | None = None,
    bucket: str | None = None,
    variables: Mapping[str, str] = os.environ,
) -> Target:
    """The deployment to speak to.

    Order: the arguments, then IMAGESEARCH_URL, IMAGESEARCH_API_KEY, IMAGESEARCH_BUCKET and those of bulk
    runs, IMAGESEARCH_ARTIFACT_BUCKET and IMAGESEARCH_BULK_STATE_MACHINE, then the local environment's own
    file. An API that asks for no key takes what ``IMAGESEARCH_AUTHORISATION=iam``, the three variables of a
    machine, or a saved login says. Raises ``CommandError`` (``target_unknown``) when none does.
    """
    url = url or variables.get("IMAGESEARCH_URL")
    api_key = api_key or variables.get("IMAGESEARCH_API_KEY")
    bucket = bucket or variables.get("IMAGESEARCH_BUCKET")
    bulk = {name: variables.get(variable) for name, variable in BULK_VARIABLES.items()}
    if url and (credentials := _credentials(url, api_key, variables)):
        return Target(url=url, credentials=credentials, bucket=bucket, **bulk)
    if url or api_key or any(bulk.values()):
        raise CommandError(
            "target_unknown",
            f"IMAGESEARCH_URL goes together with what the API asks of callers: IMAGESEARCH_API_KEY, "
            f"IMAGESEARCH_AUTHORISATION=iam, {', '.join(MACHINE_VARIABLES)}, or: imagesearch login "
            f"{url or 'URL'}. For bulk runs set {' and '.join(BULK_VARIABLES.values())} as well.",
        )
    return _local_target(local_directory(variables) / "environment.json", bucket=bucket)


def client_of(target: Target, *, patience: float = 60.0) -> ImageSearchClient:
    """A client of the deployment's API, which waits for a cold model as long as ``patience`` says."""
    return ImageSearchClient(target.url, target.credentials, patience=patience)


def _credentials(url: str, api_key: str | None, variables: Mapping[str, str]) -> httpx.Auth | None:
    """What calls the API; the explicit before the saved, and None where nothing is said."""
    if api_key:
        return ApiKey(api_key)
    asked = variables.get("IMAGESEARCH_AUTHORISATION")
    if asked == "iam":
        return SigV4()
    if asked:
        raise CommandError(
            "authorisation_unknown",
            f"IMAGESEARCH_AUTHORISATION={asked} is unknown: it may be iam. A key or a machine's secret says "
            "by itself what it is for.",
        )
    given = [variables.get(name) for name in MACHINE_VARIABLES]
    if any(given):
        token_url, client_id, secret = given
        if not (token_url and client_id and secret):
            raise CommandError(
                "target_unknown", f"A machine's variables go together: {', '.join(MACHINE_VARIABLES)}."
            )
        return ClientCredentials(token_url, client_id, secret)
    return saved_login(url, variables=variables)


def _local_target(path: Path, *, bucket: str | None) -> Target:
    try:
        written = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise CommandError(
            "target_unknown",
            "No deployment is named. Set IMAGESEARCH_URL and IMAGESEARCH_API_KEY (or: imagesearch login "
            "URL), or start one on this machine: imagesearch local up.",
        ) from error
    return Target(
        url=written["api_url"],
        credentials=local_credentials(written),
        bucket=bucket or written["image_bucket"],
        artifacts=written["artifact_bucket"],
        state_machine=written.get("bulk_state_machine"),
        aws_endpoint_url=written["aws_endpoint_url"],
        region=written["region"],
    )


def local_credentials(written: Mapping[str, Any]) -> httpx.Auth:
    """What calls the API of the environment on this machine, which ``environment.json`` tells."""
    match written.get("authorisation", "key"):
        case "iam":
            session = boto3.Session(region_name=written["region"], **LOCAL_CREDENTIALS)
            return SigV4(session, region=written["region"])
        case "cognito":
            return ClientCredentials(written["token_url"], written["client_id"], written["client_secret"])
    return ApiKey(written["api_key"])
