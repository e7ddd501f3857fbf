"""Uploading a folder and waiting for it, against moto's S3 and an API that knows what it is told."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx
import pytest
from moto import mock_aws

from imagesearch.models import document_id
from scripts.client import ImageSearchClient
from scripts.errors import CommandError
from scripts.library import find_pictures, ingest

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


def api_over(s3: Any, *, rejected: frozenset[str] = frozenset(), deaf: bool = False) -> ImageSearchClient:
    """An API whose index knows every object of the bucket at once, or, when deaf, none."""

    def answer(request: httpx.Request) -> httpx.Response:
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
            "error": error,
        }

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
