"""The image bucket and the artifact bucket, on moto; forms are looked at, not sent."""

import base64
import json
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError
from moto import mock_aws

from imagesearch.adapters.in_memory import InMemoryArtifactStore, InMemoryPictureStore
from imagesearch.adapters.s3 import S3PictureStore, s3_client, translate, with_sidecars
from imagesearch.adapters.s3_artifacts import S3ArtifactStore
from imagesearch.errors import ArtifactMissingError, StoreRefusedError, StoreUnavailableError
from imagesearch.models import ObjectState
from imagesearch.ports import ArtifactStore
from tests.builders import TAKEN

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


def test_what_was_uploaded_for_a_search_is_no_picture_of_the_library(client: "S3Client") -> None:
    store, in_memory = S3PictureStore(client=client, bucket=BUCKET), InMemoryPictureStore()
    for key in (".queries/1", ".queries/1.json", ".queriesA", "a/.queries/1", "b.jpg"):
        client.put_object(Bucket=BUCKET, Key=key, Body=b"picture")
        in_memory.put(key, b"picture")
    for each in (store, in_memory):
        assert each.look(".queries/1") is None
        assert [state.key for state in each.listing()] == [".queriesA", "a/.queries/1", "b.jpg"]
        assert list(each.listing(prefix=".queries/")) == []


def test_a_form_takes_one_key_one_type_and_so_many_bytes(client: "S3Client") -> None:
    form = S3PictureStore(client=client, bucket=BUCKET).upload_form(
        "album/ä 1.jpg", content_type="image/jpeg", max_bytes=1000, ttl_seconds=900
    )
    policy = json.loads(base64.b64decode(form.fields["policy"]))
    assert urlsplit(form.url).hostname == f"{BUCKET}.s3.eu-central-1.amazonaws.com"
    assert (form.fields["key"], form.fields["Content-Type"]) == ("album/ä 1.jpg", "image/jpeg")
    conditions = policy["conditions"]
    for condition in (
        {"bucket": BUCKET},
        {"key": "album/ä 1.jpg"},
        {"Content-Type": "image/jpeg"},
        ["content-length-range", 1, 1000],
    ):
        assert condition in conditions
    assert not [each for each in conditions if isinstance(each, list) and each[0] == "starts-with"]


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


def test_a_listing_has_every_key_in_order_and_in_the_state_that_a_look_returns(client: "S3Client") -> None:
    store = S3PictureStore(client=client, bucket=BUCKET)
    for key in KEYS:
        client.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
    listed = list(store.listing())
    assert [state.key for state in listed] == sorted(KEYS)
    assert listed == [store.look(key) for key in sorted(KEYS)]


def test_a_listing_keeps_to_its_prefix_and_begins_after_a_key(client: "S3Client") -> None:
    store = S3PictureStore(client=client, bucket=BUCKET)
    for key in ("a/1", "a/2", "a/3", "b/1"):
        client.put_object(Bucket=BUCKET, Key=key, Body=b"picture")
    assert [state.key for state in store.listing(prefix="a/")] == ["a/1", "a/2", "a/3"]
    assert [state.key for state in store.listing(prefix="a/", after="a/1")] == ["a/2", "a/3"]
    assert [state.key for state in store.listing(after="a/2 and more")] == ["a/3", "b/1"]
    assert list(store.listing(prefix="c/")) == []


def test_a_listing_goes_beyond_a_page_and_fetches_no_page_that_is_not_needed(client: "S3Client") -> None:
    store = S3PictureStore(client=client, bucket=BUCKET)
    for number in range(1100):
        client.put_object(Bucket=BUCKET, Key=f"{number:04}", Body=b"")
    requests: list[str] = []
    client.meta.events.register("before-call.s3.ListObjectsV2", lambda **_: requests.append("page"))
    assert next(store.listing()).key == "0000"
    assert len(requests) == 1
    assert sum(1 for _ in store.listing()) == 1100
    assert len(requests) == 3


def test_a_look_sees_the_sidecar_too(client: "S3Client") -> None:
    store = S3PictureStore(client=client, bucket=BUCKET)
    client.put_object(Bucket=BUCKET, Key="a.jpg", Body=b"picture")
    alone = store.look("a.jpg")
    put = client.put_object(Bucket=BUCKET, Key="a.jpg.json", Body=b"{}")
    described = store.look("a.jpg")
    assert alone is not None
    assert described == replace(alone, sidecar=put["ETag"].strip('"'))
    client.delete_object(Bucket=BUCKET, Key="a.jpg")
    assert store.look("a.jpg") is None


def test_a_key_that_leaves_no_room_for_a_sidecar_has_none(client: "S3Client") -> None:
    store, key = S3PictureStore(client=client, bucket=BUCKET), "ä" * 510
    client.put_object(Bucket=BUCKET, Key=key, Body=b"picture")
    asked: list[str] = []
    client.meta.events.register("before-call.s3.HeadObject", lambda **_: asked.append("head"))
    state = store.look(key)
    assert state is not None
    assert (state.sidecar, len(asked)) == (None, 1)


def test_what_s3_keeps_with_an_object_is_read_under_its_names(client: "S3Client") -> None:
    store = S3PictureStore(client=client, bucket=BUCKET)
    client.put_object(Bucket=BUCKET, Key="a.jpg", Body=b"", Metadata={"title": "By the sea", "price": "1"})
    assert store.user_metadata("a.jpg") == {"title": "By the sea", "price": "1"}
    assert store.user_metadata("absent.jpg") == {}


def test_a_sidecar_is_read_where_it_is_the_one_that_was_seen(client: "S3Client") -> None:
    store = S3PictureStore(client=client, bucket=BUCKET)
    assert store.sidecar("a.jpg", etag="e") is None
    etag = client.put_object(Bucket=BUCKET, Key="a.jpg.json", Body=b'{"title": "x"}')["ETag"].strip('"')
    assert store.sidecar("a.jpg", etag=etag) == b'{"title": "x"}'
    client.put_object(Bucket=BUCKET, Key="a.jpg.json", Body=b"")
    assert store.sidecar("a.jpg", etag=etag) is None


@pytest.mark.parametrize("size", [0, 65_536, 65_537, 200_000])
def test_a_sidecar_is_cut_behind_its_largest_size(client: "S3Client", size: int) -> None:
    put = client.put_object(Bucket=BUCKET, Key="a.jpg.json", Body=b"x" * size)
    content = S3PictureStore(client=client, bucket=BUCKET).sidecar("a.jpg", etag=put["ETag"].strip('"'))
    assert content is not None
    assert len(content) == min(size, 65_537)


def test_a_listing_shows_sidecars_with_their_pictures_only(client: "S3Client") -> None:
    store = S3PictureStore(client=client, bucket=BUCKET)
    pictures = ["a", "a.jpg", "a.jpg!", "a.jpg-2", "a.jpg.jpg", "a.jpg/b", "b.jpg"]
    sidecars = ["a.jpg.json", "a.jpg-2.json", "b.jpg.json", "b.jpg.json.json", "absent.jpg.json", ".json"]
    for key in (*pictures, *sidecars):
        client.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
    listed = list(store.listing())
    assert listed == [store.look(key) for key in sorted(pictures)]
    assert {state.key for state in listed if state.sidecar} == {"a.jpg", "a.jpg-2", "b.jpg"}
    assert list(store.listing(after="a.jpg")) == listed[2:]
    assert list(store.listing(prefix="a.jpg")) == listed[1:6]


def _states(keys: Iterable[str]) -> Iterator[ObjectState]:
    return (ObjectState(key=key, etag=f"etag of {key}", size=1, last_modified=TAKEN) for key in sorted(keys))


def test_of_many_pictures_before_a_sidecar_few_wait() -> None:
    keys = ["a", *(f"a-{number:05}" for number in range(5000)), "a.json"]
    taken, asked = list[str](), list[str]()

    def objects() -> Iterator[ObjectState]:
        for state in _states(keys):
            taken.append(state.key)
            yield state

    def ask(key: str) -> str:
        asked.append(key)
        return "etag of a.json"

    states = with_sidecars(objects(), ask=ask)
    first = next(states)
    assert (first.key, first.sidecar) == ("a", "etag of a.json")
    assert len(taken) == 1001
    assert [state.key for state in states] == keys[1:-1]
    assert asked == ["a"]


def test_any_listing_gives_every_picture_its_own_sidecar() -> None:
    chance = random.Random(5)  # noqa: S311 - test data
    for _ in range(300):
        keys = {
            "".join(chance.choices(["a", "b", "-", ".", ".json", "/"], k=chance.randint(1, 4)))
            for _ in range(30)
        }
        described = with_sidecars(_states(keys), ask=lambda _: None)
        assert [(state.key, state.sidecar) for state in described] == [
            (key, f"etag of {key}.json" if f"{key}.json" in keys else None)
            for key in sorted(keys)
            if not key.endswith(".json")
        ]


@pytest.mark.parametrize(
    ("start", "lines"), [(0, [b"one", b"two\r", b"three"]), (4, [b"two\r", b"three"]), (14, []), (99, [])]
)
def test_a_file_is_read_from_a_byte_on(client: "S3Client", start: int, lines: list[bytes]) -> None:
    stores: list[ArtifactStore] = [S3ArtifactStore(client=client, bucket=BUCKET), InMemoryArtifactStore()]
    for store in stores:
        store.write("lines", b"one\ntwo\r\nthree")
        assert list(store.lines("lines", start=start)) == lines
        with pytest.raises(ArtifactMissingError):
            next(store.lines("absent", start=start))


def test_a_file_is_read_as_it_was_written(client: "S3Client") -> None:
    store = S3ArtifactStore(client=client, bucket=BUCKET)
    assert (store.read("runs/1.json"), store.exists("runs/1.json")) == (None, False)
    store.write("runs/1.json", b"{}")
    assert (store.read("runs/1.json"), store.exists("runs/1.json")) == (b"{}", True)
    assert store.uri("runs/1.json") == f"s3://{BUCKET}/runs/1.json"


def test_a_file_is_read_line_by_line_without_the_lines_ends(client: "S3Client") -> None:
    store = S3ArtifactStore(client=client, bucket=BUCKET)
    long = b"x" * 3000
    store.write("lines", b"\n".join([b"one", long, "zwei \u2028 \x85".encode(), b"four", b""]))
    assert list(store.lines("lines")) == [b"one", long, "zwei \u2028 \x85".encode(), b"four"]
    store.write("empty", b"")
    assert list(store.lines("empty")) == []
    with pytest.raises(ArtifactMissingError, match="absent"):
        next(store.lines("absent"))


def test_the_files_of_a_prefix_are_listed_beyond_a_page(client: "S3Client") -> None:
    store = S3ArtifactStore(client=client, bucket=BUCKET)
    for number in range(1001):
        store.write(f"a/{number:04}", b"")
    store.write("b", b"")
    assert list(store.keys("a/")) == [f"a/{number:04}" for number in range(1001)]


def test_an_unreachable_artifact_bucket_is_unavailable_not_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    store = S3ArtifactStore(client=s3_client(), bucket=BUCKET)
    calls: list[Callable[[], object]] = [
        lambda: store.read("a"),
        lambda: store.exists("a"),
        lambda: store.write("a", b""),
        lambda: next(store.lines("a")),
        lambda: next(store.keys("a")),
        lambda: next(S3PictureStore(client=s3_client(), bucket=BUCKET).listing()),
        lambda: S3PictureStore(client=s3_client(), bucket=BUCKET).user_metadata("a"),
        lambda: S3PictureStore(client=s3_client(), bucket=BUCKET).sidecar("a", etag="e"),
    ]
    for call in calls:
        with pytest.raises(StoreUnavailableError):
            call()


def test_a_refusal_of_s3_is_no_absence(client: "S3Client") -> None:
    store = S3ArtifactStore(client=client, bucket="there-is-no-such-bucket")
    for call in (lambda: store.read("a"), lambda: next(store.lines("a")), lambda: next(store.keys("a"))):
        with pytest.raises(StoreRefusedError):
            call()
