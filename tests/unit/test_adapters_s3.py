"""The image bucket, on moto; links are looked at, not followed."""

from collections.abc import Iterator
from datetime import UTC
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError
from moto import mock_aws

from imagesearch.adapters.s3 import S3PictureStore, s3_client, translate
from imagesearch.errors import StoreRefusedError, StoreUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "pictures-of-one-account"
KEYS = ["a.jpg", "Südsee 2026/ä #1?.jpg", "a+b&c=d%20.png", "'\"<>\\`.png", "x/../y", "/leading", "日本.webp"]


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator["S3Client"]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = s3_client()
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        yield client


@pytest.mark.parametrize("key", KEYS)
def test_an_object_is_seen_as_it_is(client: "S3Client", key: str) -> None:
    put = client.put_object(Bucket=BUCKET, Key=key, Body=b"picture")
    state = S3PictureStore(client=client, bucket=BUCKET).look(key)
    assert state is not None
    assert (state.key, state.size, state.etag) == (key, 7, put["ETag"].strip('"'))
    assert state.last_modified.tzinfo is not None
    assert state.last_modified.astimezone(UTC).microsecond == 0


def test_an_absent_object_is_none(client: "S3Client") -> None:
    assert S3PictureStore(client=client, bucket=BUCKET).look("absent") is None


def test_two_looks_at_an_untouched_object_are_equal(client: "S3Client") -> None:
    store = S3PictureStore(client=client, bucket=BUCKET)
    client.put_object(Bucket=BUCKET, Key="a", Body=b"picture")
    assert store.look("a") == store.look("a")


@pytest.mark.parametrize("key", KEYS)
def test_a_link_to_aws_escapes_the_key_and_names_the_buckets_own_host(client: "S3Client", key: str) -> None:
    url = S3PictureStore(client=client, bucket=BUCKET).url(key, ttl_seconds=900)
    parts, query = urlsplit(url), parse_qs(urlsplit(url).query)
    assert parts.hostname == f"{BUCKET}.s3.eu-central-1.amazonaws.com"
    assert unquote(parts.path) == f"/{key}"
    assert not set(parts.path) & set(" #?&+\"'<>\\`äü")
    assert (query["X-Amz-Expires"], query["X-Amz-Algorithm"]) == (["900"], ["AWS4-HMAC-SHA256"])


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:4566", "http://localhost:4566"])
def test_a_link_to_another_endpoint_names_the_bucket_in_its_path(
    monkeypatch: pytest.MonkeyPatch, client: "S3Client", endpoint: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    url = S3PictureStore(client=s3_client(), bucket=BUCKET).url("album/a b.jpg", ttl_seconds=60)
    assert url.startswith(f"{endpoint}/{BUCKET}/album/a%20b.jpg?X-Amz-Algorithm=AWS4-HMAC-SHA256&")


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (403, "403", StoreRefusedError),
        (400, "400", StoreRefusedError),
        (301, "301", StoreRefusedError),
        (429, "SlowDown", StoreUnavailableError),
        (500, "InternalError", StoreUnavailableError),
        (503, "503", StoreUnavailableError),
    ],
)
def test_an_error_of_s3_is_told_apart(status: int, code: str, error: type[Exception]) -> None:
    response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    assert type(translate(ClientError(response, "HeadObject"))) is error  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error", [EndpointConnectionError(endpoint_url="http://x"), NoCredentialsError(), BotoCoreError()]
)
def test_trouble_on_the_way_to_s3_passes(error: BotoCoreError) -> None:
    assert type(translate(error)) is StoreUnavailableError


def test_an_unreachable_store_is_unavailable_not_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StoreUnavailableError):
        S3PictureStore(client=s3_client(), bucket=BUCKET).look("a")
