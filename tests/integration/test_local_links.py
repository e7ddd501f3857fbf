"""Links, forms and bucket rules, judged by the emulator's S3: it checks signatures, expiry and policies."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import boto3
import httpx
import pytest

from imagesearch.adapters import s3_links
from imagesearch.adapters.s3 import S3PictureStore, s3_client
from imagesearch.adapters.s3_linked import S3LinkedPictures
from imagesearch.adapters.s3_links import bucket_address
from imagesearch.errors import ImageUnknownError, LinkExpiredError, PictureEmptyError
from imagesearch.models import UploadForm
from imagesearch.thumbnails import PictureLink
from scripts.local.settings import REGION, LocalSettings
from scripts.target import LOCAL_CREDENTIALS
from tests.emulators import running_emulator
from tests.waiting import wait_for

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.verified(
    "Presigned links: signature and expiry; upload forms: what they take", on="emulator"
)

BUCKET = "integration-pictures"
KEYS = ["a.jpg", "Südsee 2026/ä #1?.jpg", "a+b&c=d%20.png", "'\"<>`{}|^[].png", "~-_.!*'();:@$,", "日本.webp"]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSettings]:
    with running_emulator(tmp_path_factory.mktemp("local"), model_server_port=18290) as settings:
        yield settings


@pytest.fixture
def client(settings: LocalSettings, monkeypatch: pytest.MonkeyPatch) -> "S3Client":
    for name, value in LOCAL_CREDENTIALS.items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ENDPOINT_URL", settings.emulator_url)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the credentials of the test before
    client = s3_client()
    client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture
def store(client: "S3Client") -> S3PictureStore:
    return S3PictureStore(client=client, bucket=BUCKET)


@pytest.fixture
def linked(client: "S3Client") -> S3LinkedPictures:
    return S3LinkedPictures(bucket_address(client, BUCKET))


def picture_link(store: S3PictureStore, key: str) -> PictureLink:
    """What the thumbnail function is given of a picture's link."""
    query = store.links(key, ttl_seconds=60).thumbnail_url.partition("?")[2]
    parameters = dict(parse_qsl(query, strict_parsing=True))
    del parameters["size"]
    return PictureLink(key=parameters.pop("key"), signature=parameters)


def test_a_link_serves_the_picture_whatever_its_key(client: "S3Client", store: S3PictureStore) -> None:
    for key in KEYS:
        client.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
        answer = httpx.get(store.links(key, ttl_seconds=60).url)
        assert (answer.status_code, answer.content) == (200, key.encode())


def test_a_picture_is_read_with_what_a_thumbnails_link_carries(
    client: "S3Client", store: S3PictureStore, linked: S3LinkedPictures
) -> None:
    for key in KEYS:
        etag = client.put_object(Bucket=BUCKET, Key=key, Body=key.encode())["ETag"].strip('"')
        link = picture_link(store, key)
        assert linked.etag(link) == etag
        assert linked.read(link, max_bytes=1000) == (key.encode(), etag)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("signature", "0" * 64),
        ("date", "20260301T000000Z"),
        ("expires", "604800"),
        ("expires", "never"),
        ("credential", "else/20260301/us-east-1/s3/aws4_request"),
        ("credential", "?"),
    ],
)
def test_a_link_that_was_tampered_with_reads_nothing(
    client: "S3Client", store: S3PictureStore, linked: S3LinkedPictures, name: str, value: str
) -> None:
    client.put_object(Bucket=BUCKET, Key="a.jpg", Body=b"picture")
    link = picture_link(store, "a.jpg")
    with pytest.raises(LinkExpiredError):
        linked.etag(PictureLink(key=link.key, signature={**link.signature, name: value}))


def test_a_link_to_one_picture_reads_no_other(
    client: "S3Client", store: S3PictureStore, linked: S3LinkedPictures
) -> None:
    for key in ("a.jpg", "b.jpg"):
        client.put_object(Bucket=BUCKET, Key=key, Body=b"picture")
    with pytest.raises(LinkExpiredError):
        linked.read(
            PictureLink(key="b.jpg", signature=picture_link(store, "a.jpg").signature), max_bytes=1000
        )


def test_a_link_ends(
    client: "S3Client", store: S3PictureStore, linked: S3LinkedPictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.put_object(Bucket=BUCKET, Key="a.jpg", Body=b"picture")
    an_hour_ago = (datetime.now(UTC) - timedelta(hours=1)).timestamp()
    monkeypatch.setattr(s3_links, "time", lambda: an_hour_ago)
    with pytest.raises(LinkExpiredError):
        linked.etag(picture_link(store, "a.jpg"))


def test_an_absent_and_an_empty_object_are_told_apart(
    client: "S3Client", store: S3PictureStore, linked: S3LinkedPictures
) -> None:
    client.put_object(Bucket=BUCKET, Key="empty.jpg", Body=b"")
    with pytest.raises(PictureEmptyError):
        linked.etag(picture_link(store, "empty.jpg"))
    with pytest.raises(ImageUnknownError):
        linked.etag(picture_link(store, "absent.jpg"))


def _post(form: UploadForm, content: bytes, **changed: str) -> int:
    return httpx.post(form.url, data={**form.fields, **changed}, files={"file": content}).status_code


def test_a_form_puts_a_picture_of_its_type_under_its_key(client: "S3Client", store: S3PictureStore) -> None:
    form = store.upload_form("album/ä 1.jpg", content_type="image/jpeg", max_bytes=1000, ttl_seconds=60)
    assert _post(form, b"picture") == 204
    kept = client.get_object(Bucket=BUCKET, Key="album/ä 1.jpg")
    assert (kept["Body"].read(), kept["ContentType"]) == (b"picture", "image/jpeg")


@pytest.mark.parametrize(
    ("content", "changed", "status"),
    [
        (b"x" * 1001, {}, 400),
        (b"", {}, 400),
        (b"x", {"Content-Type": "text/html"}, 403),
        (b"x", {"key": "another.jpg"}, 403),
        (b"x", {"acl": "public-read"}, 403),
    ],
)
def test_a_form_takes_nothing_else(
    client: "S3Client", store: S3PictureStore, content: bytes, changed: dict[str, str], status: int
) -> None:
    form = store.upload_form("refused.jpg", content_type="image/jpeg", max_bytes=1000, ttl_seconds=60)
    assert _post(form, content, **changed) == status
    assert store.look("refused.jpg") is None


def test_events_of_what_was_uploaded_for_a_search_are_kept_back(
    settings: LocalSettings, client: "S3Client"
) -> None:
    session = boto3.Session(region_name=REGION, **LOCAL_CREDENTIALS)
    events: Any = session.client("events", endpoint_url=settings.emulator_url)
    sqs = session.client("sqs", endpoint_url=settings.emulator_url)
    queue = sqs.create_queue(QueueName="pictures")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {
        "source": ["aws.s3"],
        "detail": {
            "bucket": {"name": [BUCKET]},
            "object": {"key": [{"anything-but": {"prefix": ".queries/"}}]},
        },
    }
    events.put_rule(Name="pictures", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="pictures", Targets=[{"Id": "queue", "Arn": arn}])
    client.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    keys = [".queries/1", ".queriesA", "a/.queries/1"]
    for key in keys:
        client.put_object(Bucket=BUCKET, Key=key, Body=b"picture")
    seen: set[str] = set()

    def are_seen() -> bool | None:
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        seen.update(json.loads(message["Body"])["detail"]["object"]["key"] for message in messages)
        return len(seen) >= len(keys) - 1 or None

    wait_for(are_seen, "the events")
    assert seen == set(keys[1:])
