"""Uploading a folder and waiting for it, against moto's S3 and an API that knows what it is told."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx
import pytest
from moto import mock_aws

from imagesearch.errors import MetadataInvalidError
from imagesearch.metadata import Attributes, read_sidecar, validated
from imagesearch.models import document_id
from imagesearch_client import ImageSearchClient
from scripts import library
from scripts.errors import CommandError
from scripts.library import find_pictures, ingest
from tests.client_answers import a_health

BUCKET = "pictures"


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        client.create_bucket(Bucket=BUCKET)
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sea").mkdir()
    (tmp_path / "sea" / "boat.JPG").write_bytes(b"boat")
    (tmp_path / "dog.png").write_bytes(b"dog")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "secret.png").write_bytes(b"x")
    return tmp_path


ATTRIBUTES: Attributes = {"price": "number", "album": "keyword"}


def api_over(
    s3: Any,
    *,
    rejected: frozenset[str] = frozenset(),
    deaf: bool = False,
    refused_caption: str | None = None,
    late: int = 0,
) -> ImageSearchClient:
    """An API whose index knows every object of the bucket at once, or, when deaf, none.

    It knows sidecars only from the time on at which it has been asked ``late`` times for a picture, and its
    model refuses one caption.
    """
    asked: Counter[str] = Counter()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/health":
            return httpx.Response(200, json=a_health(ATTRIBUTES))
        wanted = urlsplit(str(request.url)).path.rsplit("/", 1)[-1]
        for item in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
            if document_id(item["Key"]) == wanted and not deaf:
                return httpx.Response(200, json=state_of(item))
        return httpx.Response(404, json={"error": {"code": "image_unknown", "message": "m"}})

    def state_of(item: dict[str, Any]) -> dict[str, Any]:
        bad = item["Key"] in rejected
        error = {"code": "picture_corrupt", "message": "It is broken."} if bad else None
        return {
            "id": document_id(item["Key"]),
            "key": item["Key"],
            "state": "rejected" if bad else "indexed",
            "etag": item["ETag"].strip('"'),
            "size": item["Size"],
            "last_modified": item["LastModified"].isoformat(),
            "url": "http://pictures/",
            "error": error,
            **({} if bad else said_of(item["Key"])),
        }

    def said_of(key: str) -> dict[str, Any]:
        asked[key] += 1
        if asked[key] <= late:
            return {"metadata_fault": "It was wrong before."}
        try:
            content = s3.get_object(Bucket=BUCKET, Key=f"{key}.json")["Body"].read()
            metadata = validated(read_sidecar(content), attributes=ATTRIBUTES)
        except s3.exceptions.NoSuchKey:
            return {}
        except MetadataInvalidError as error:
            return {"metadata_fault": error.message}
        if refused_caption is not None and metadata.caption == refused_caption:
            return {"metadata_fault": "The model refuses the caption."}
        return asdict(metadata)

    return ImageSearchClient("http://api", "k", transport=httpx.MockTransport(answer))


def test_pictures_are_told_from_other_files_by_name_and_hidden_ones_count_as_neither(folder: Path) -> None:
    pictures, others = find_pictures(folder)

    assert [path.name for path in pictures] == ["dog.png", "boat.JPG"]
    assert [path.name for path in others] == ["notes.txt"]


def test_every_picture_is_uploaded_under_its_relative_path_with_its_type(folder: Path, s3: Any) -> None:
    report = ingest(folder, client=api_over(s3), s3=s3, bucket=BUCKET, prefix="album/")

    assert (report.indexed, report.sent, report.unchanged) == (2, 2, 0)
    boat = s3.get_object(Bucket=BUCKET, Key="album/sea/boat.JPG")
    assert (boat["Body"].read(), boat["ContentType"]) == (b"boat", "image/jpeg")


def test_running_again_sends_only_what_changed(folder: Path, s3: Any) -> None:
    ingest(folder, client=api_over(s3), s3=s3, bucket=BUCKET)
    (folder / "dog.png").write_bytes(b"another dog")

    report = ingest(folder, client=api_over(s3), s3=s3, bucket=BUCKET)

    assert (report.sent, report.unchanged, report.indexed) == (1, 1, 2)


def test_rejected_pictures_are_reported_with_their_reason(folder: Path, s3: Any) -> None:
    report = ingest(folder, client=api_over(s3, rejected=frozenset({"dog.png"})), s3=s3, bucket=BUCKET)

    assert report.indexed == 1
    assert report.rejected["dog.png"].code == "picture_corrupt"


def test_an_index_that_never_hears_of_the_pictures_ends_the_wait_with_what_to_do(
    folder: Path, s3: Any
) -> None:
    with pytest.raises(CommandError, match="dead-letter queue") as raised:
        ingest(folder, client=api_over(s3, deaf=True), s3=s3, bucket=BUCKET, patience=0)

    assert raised.value.code == "ingest_stalled"


def test_progress_counts_uploaded_and_known_pictures(folder: Path, s3: Any) -> None:
    seen: list[tuple[int, int, int]] = []

    ingest(
        folder,
        client=api_over(s3),
        s3=s3,
        bucket=BUCKET,
        on_progress=lambda total, uploaded, known: seen.append((total, uploaded, known)),
    )

    assert seen == [(2, 1, 0), (2, 2, 0), (2, 2, 1), (2, 2, 2)]


def test_a_folder_that_is_missing_is_named(tmp_path: Path, s3: Any) -> None:
    with pytest.raises(CommandError, match="nowhere is not a folder"):
        ingest(tmp_path / "nowhere", client=api_over(s3), s3=s3, bucket=BUCKET)


def puts_of(s3: Any) -> list[str]:
    """The keys of the objects that are put from now on, in their order."""
    put: list[str] = []
    s3.meta.events.register(
        "provide-client-params.s3.PutObject", lambda params, **_: put.append(params["Key"])
    )
    return put


def test_a_sidecar_goes_before_its_picture_and_is_no_skipped_file(folder: Path, s3: Any) -> None:
    (folder / "dog.png.json").write_text('{"title": "Rex"}')
    (folder / "cat.json").write_text("{}")
    put = puts_of(s3)

    report = ingest(folder, client=api_over(s3), s3=s3, bucket=BUCKET, prefix="p/")

    assert put.index("p/dog.png.json") < put.index("p/dog.png")
    assert s3.get_object(Bucket=BUCKET, Key="p/dog.png.json")["Body"].read() == b'{"title": "Rex"}'
    assert [path.name for path in report.skipped] == ["cat.json", "notes.txt"]
    assert (report.indexed, report.described, report.undescribed) == (2, 1, {})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metadata.jsonl", '{"key": "dog.png", "title": "Rex"}\n{"key": "sea/boat.JPG", "tags": ["b"]}\n'),
        ("metadata.csv", "key,title,tags\ndog.png,Rex,\nsea/boat.JPG,,b\n"),
    ],
)
def test_a_file_of_metadata_describes_the_pictures_of_its_folder(
    folder: Path, s3: Any, name: str, content: str
) -> None:
    (folder / name).write_text(content)

    report = ingest(folder, client=api_over(s3), s3=s3, bucket=BUCKET)

    assert report.described == 2
    assert s3.get_object(Bucket=BUCKET, Key="dog.png.json")["Body"].read() == b'{"title":"Rex"}'
    assert s3.get_object(Bucket=BUCKET, Key="sea/boat.JPG.json")["Body"].read() == b'{"tags":["b"]}'
    assert [path.name for path in report.skipped] == ["notes.txt"]


def test_running_again_sends_only_the_sidecars_that_changed(folder: Path, s3: Any) -> None:
    (folder / "metadata.jsonl").write_text('{"key": "dog.png", "title": "Rex"}\n{"key": "sea/boat.JPG"}\n')
    ingest(folder, client=api_over(s3), s3=s3, bucket=BUCKET)
    (folder / "metadata.jsonl").write_text('{"key": "dog.png"}\n{"key": "sea/boat.JPG", "title": "B"}\n')

    report = ingest(folder, client=api_over(s3), s3=s3, bucket=BUCKET)
    again = ingest(folder, client=api_over(s3), s3=s3, bucket=BUCKET)

    assert (report.sent, report.described, again.described) == (0, 2, 0)
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert "dog.png.json" not in keys, "nothing is said of it any more"


def test_a_picture_is_waited_for_until_the_index_knows_its_new_sidecar(
    folder: Path, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "POLL_SECONDS", 0.0)
    (folder / "dog.png.json").write_text('{"title": "Rex", "attributes": {"price": 3}}')

    report = ingest(folder, client=api_over(s3, late=2), s3=s3, bucket=BUCKET)

    assert report.undescribed == {"sea/boat.JPG": "It was wrong before."}, "of which the folder says nothing"


def test_a_picture_whose_sidecar_is_invalid_is_reported_with_the_reason(folder: Path, s3: Any) -> None:
    (folder / "dog.png.json").write_text('{"titel": "Rex"}')

    report = ingest(folder, client=api_over(s3), s3=s3, bucket=BUCKET)

    assert report.indexed == 2
    assert "'titel'" in report.undescribed["dog.png"]


def test_a_caption_that_only_the_model_refuses_does_not_stall_the_wait(
    folder: Path, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "POLL_SECONDS", 0.0)
    (folder / "dog.png.json").write_text('{"caption": "much too long"}')
    api = api_over(s3, refused_caption="much too long")

    report = ingest(folder, client=api, s3=s3, bucket=BUCKET, patience=0.1)

    assert report.undescribed == {"dog.png": "The model refuses the caption."}


def test_metadata_of_pictures_that_the_folder_lacks_is_named_and_not_sent(folder: Path, s3: Any) -> None:
    (folder / "metadata.jsonl").write_text('{"key": "bird.png", "title": "B"}\n')

    report = ingest(folder, client=api_over(s3), s3=s3, bucket=BUCKET)

    assert (report.missing, report.described) == (["bird.png"], 0)


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({"metadata.jsonl": '{"key": "dog.png", "titel": "Rex"}\n'}, "'titel'"),
        ({"metadata.jsonl": "", "metadata.csv": "key\n"}, "keep one of them"),
        (
            {"metadata.jsonl": '{"key": "dog.png", "title": "R"}\n', "dog.png.json": "{}"},
            "sidecar of its own",
        ),
        ({"metadata.jsonl": json.dumps({"key": "dog.png"}) + "\n" + json.dumps({"key": "dog.png"})}, "again"),
    ],
)
def test_faulty_metadata_is_refused_before_anything_is_sent(
    folder: Path, s3: Any, files: dict[str, str], named: str
) -> None:
    for name, content in files.items():
        (folder / name).write_text(content)
    put = puts_of(s3)

    with pytest.raises(CommandError, match=named) as raised:
        ingest(folder, client=api_over(s3), s3=s3, bucket=BUCKET)

    assert (raised.value.code, put) == ("metadata_invalid", [])
