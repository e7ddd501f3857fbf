"""Pictures named by address come from the image bucket only; each fault of the bucket has its own error."""

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError
from botocore.response import StreamingBody
from botocore.stub import Stubber
from moto import mock_aws

import inference
from clip_inference import sources
from clip_inference.decoders import decoder_pool
from clip_inference.errors import (
    InferenceError,
    SourceForbiddenError,
    SourceNotFoundError,
    SourceTooLargeError,
    SourceUnavailableError,
)
from clip_inference.sources import PARALLEL_FETCHES, READ_ATTEMPTS, SourceReader
from tests.handler import ask
from tests.tiny_model import write_tiny_model
from tests.waiting import PATIENCE_SECONDS
from tests.web_server import head, ok, web_server


@pytest.fixture(autouse=True)
def aws_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


@pytest.fixture
def bucket() -> Iterator[Any]:
    with mock_aws():
        s3 = boto3.resource("s3")
        yield s3.create_bucket(Bucket="pictures")


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """A stand-in for the bucket's own answers, for what no working bucket gives."""
    client = boto3.client("s3", aws_access_key_id="testing", aws_secret_access_key="testing")
    monkeypatch.setattr(sources, "_create_client", lambda _: client)
    with Stubber(client) as stubber:
        yield stubber


def body(data: bytes, announced: int | None = None) -> dict[str, Any]:
    length = len(data) if announced is None else announced
    return {"Body": StreamingBody(io.BytesIO(data), length), "ContentLength": length, "ETag": '"tag"'}


@pytest.mark.parametrize("key", ["albums/1.jpg", "a b/ü?#%20+.jpg", "//double//slash"])
def test_object_is_read_with_its_etag(bucket: Any, key: str) -> None:
    etag = bucket.put_object(Key=key, Body=b"picture").e_tag.strip('"')
    source = SourceReader("pictures").fetch(f"s3://pictures/{key}")
    assert (source.data, source.etag) == (b"picture", etag)


@pytest.mark.parametrize("metadata", [{"title": "By the sea", "price": "12.5"}, {}])
def test_object_is_read_with_what_the_bucket_keeps_with_it(bucket: Any, metadata: dict[str, str]) -> None:
    bucket.put_object(Key="a.jpg", Body=b"picture", Metadata=metadata)
    assert SourceReader("pictures").fetch("s3://pictures/a.jpg").user_metadata == (metadata or None)


def test_more_metadata_than_s3_ever_keeps_is_left_out(stub: Stubber) -> None:
    stub.add_response("get_object", {**body(b"picture"), "Metadata": {"title": "x" * 9000}})
    source = SourceReader("pictures").fetch("s3://pictures/a.jpg")
    assert (source.data, source.user_metadata) == (b"picture", None)


@pytest.mark.parametrize(
    "uri",
    [
        "s3://other/a.jpg",
        "s3://pictures",
        "s3://pictures/",
        "pictures/a.jpg",
        "https://pictures/a.jpg",
        "file:///etc/passwd",
        "",
    ],
)
def test_address_outside_the_image_bucket_is_forbidden(uri: str) -> None:
    with pytest.raises(SourceForbiddenError):
        SourceReader("pictures").fetch(uri)


@pytest.mark.parametrize("image_bucket", [None, ""])
def test_without_an_image_bucket_every_address_is_forbidden(image_bucket: str | None) -> None:
    with pytest.raises(SourceForbiddenError):
        SourceReader(image_bucket).fetch("s3:///a.jpg")


def test_missing_object_is_not_found(bucket: Any) -> None:
    with pytest.raises(SourceNotFoundError):
        SourceReader("pictures").fetch("s3://pictures/gone.jpg")


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("AccessDenied", 403, SourceForbiddenError),
        ("SlowDown", 503, SourceUnavailableError),
        ("InternalError", 500, SourceUnavailableError),
    ],
)
def test_answer_of_the_bucket_is_translated(
    stub: Stubber, code: str, status: int, error: type[InferenceError]
) -> None:
    stub.add_client_error("get_object", code, http_status_code=status)
    with pytest.raises(error):
        SourceReader("pictures").fetch("s3://pictures/a.jpg")


def test_large_object_is_refused_unread(stub: Stubber) -> None:
    stub.add_response("get_object", body(b"", announced=sources.MAX_SOURCE_BYTES + 1))
    with pytest.raises(SourceTooLargeError):
        SourceReader("pictures").fetch("s3://pictures/a.jpg")


def test_answer_that_breaks_off_is_read_again(stub: Stubber) -> None:
    stub.add_response("get_object", body(b"pict", announced=7))
    stub.add_response("get_object", body(b"picture"))
    assert SourceReader("pictures").fetch("s3://pictures/a.jpg").data == b"picture"


def test_answer_that_always_breaks_off_makes_the_source_unavailable(stub: Stubber) -> None:
    for _ in range(READ_ATTEMPTS):
        stub.add_response("get_object", body(b"pict", announced=7))
    with pytest.raises(SourceUnavailableError):
        SourceReader("pictures").fetch("s3://pictures/a.jpg")
    stub.assert_no_pending_responses()


def test_silent_bucket_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        def __init__(self, _: int) -> None: ...

        def get_object(self, **_: Any) -> None:
            raise ConnectTimeoutError(endpoint_url="http://bucket")

    monkeypatch.setattr(sources, "_create_client", Silent)
    with pytest.raises(SourceUnavailableError):
        SourceReader("pictures").fetch("s3://pictures/a.jpg")


class Bucket:
    """A bucket whose first `refusals` answers are 503, and that waits until `together` requests are there."""

    def __init__(self, *, refusals: int = 0, together: int = 1) -> None:
        self.asked, self.most = 0, 0
        self._refusals, self._together = refusals, together
        self._there, self._changed = 0, threading.Condition()

    def __call__(self, _: str) -> list[bytes]:
        with self._changed:
            self.asked += 1
            self._there += 1
            self.most = max(self.most, self._there)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.most >= self._together, timeout=PATIENCE_SECONDS)
            self._there -= 1
            if self.asked <= self._refusals:
                return [head("503 Slow Down", Content_Length="0", Connection="close")]
        return [ok(b"picture", ETag='"tag"', Connection="close")]


@contextmanager
def served(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with web_server(bucket, host="127.0.0.1") as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url(server.host))
        yield


def test_bucket_that_is_too_busy_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = Bucket(refusals=2)
    with served(bucket, monkeypatch):
        assert SourceReader("pictures").fetch("s3://pictures/a.jpg").data == b"picture"
    assert bucket.asked == 3


def test_pictures_of_a_request_are_fetched_side_by_side_and_no_more_than_so_many(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = inference.model_fn(str(write_tiny_model(tmp_path)))
    parallel = max(PARALLEL_FETCHES, 2 * decoder_pool().size)
    bucket = Bucket(together=parallel)
    records = [{"id": str(place), "s3_uri": f"s3://pictures/{place}.jpg"} for place in range(3 * parallel)]
    lines = "\n".join(map(json.dumps, records))
    with served(bucket, monkeypatch):
        monkeypatch.setattr(model, "_sources", SourceReader("pictures", parallel=parallel))
        answer = ask(model, content_type="application/jsonlines", accept="application/jsonlines", body=lines)
    assert (answer.status, bucket.asked, bucket.most) == (200, len(records), parallel)
