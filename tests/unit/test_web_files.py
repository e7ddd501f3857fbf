"""The function behind the page's custom resource: what its bucket holds afterwards, on moto."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from moto import mock_aws

from imagesearch.adapters.s3 import s3_client
from imagesearch.entrypoints.web_files import build_handler
from imagesearch.errors import StoreRefusedError, WebFilesInvalidError
from imagesearch.web_files import WebFile, content_type, publish
from scripts.repository import ROOT

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ASSETS, SITE = "assets", "site"
PAGE = {"index.html": b"<!doctype html>", "app.js": b"start()", "strings/en.json": b"{}"}
CONFIGURATION = {"api": "/api", "languages": ["en", "zh"]}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator["S3Client"]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = s3_client()
        for bucket in (ASSETS, SITE):
            client.create_bucket(Bucket=bucket)
        yield client


def _archive(files: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.mkdir("strings")
        for name, content in files.items():
            archive.writestr(name, content)
    return written.getvalue()


def _ask(s3: "S3Client", kind: str, *, archive: bytes | None = None) -> dict[str, Any]:
    if archive is not None:
        s3.put_object(Bucket=ASSETS, Key="page.zip", Body=archive)
    properties = {"Bucket": SITE, "Archive": f"{ASSETS}/page.zip", "Configuration": CONFIGURATION}
    event = {"RequestType": kind, "ResourceProperties": properties}
    return build_handler(lambda: s3)(event, cast(LambdaContext, None))


def _held(s3: "S3Client") -> dict[str, bytes]:
    listed = s3.list_objects_v2(Bucket=SITE).get("Contents", [])
    return {item["Key"]: s3.get_object(Bucket=SITE, Key=item["Key"])["Body"].read() for item in listed}


def test_the_bucket_holds_the_archives_files_and_the_configuration(s3: "S3Client") -> None:
    answer = _ask(s3, "Create", archive=_archive(PAGE))
    held = _held(s3)
    assert json.loads(held.pop("config.json")) == CONFIGURATION
    assert held == PAGE
    assert answer == {"PhysicalResourceId": SITE}


def test_a_browser_is_told_each_files_type_and_to_ask_before_it_uses_a_copy(s3: "S3Client") -> None:
    _ask(s3, "Create", archive=_archive(PAGE))
    told = {name: s3.get_object(Bucket=SITE, Key=name) for name in (*PAGE, "config.json")}
    assert {name: answer["ContentType"] for name, answer in told.items()} == {
        "index.html": "text/html; charset=utf-8",
        "app.js": "text/javascript; charset=utf-8",
        "strings/en.json": "application/json",
        "config.json": "application/json",
    }
    assert {answer["CacheControl"] for answer in told.values()} == {"no-cache"}


def test_an_update_replaces_what_changed_and_removes_what_is_gone(s3: "S3Client") -> None:
    _ask(s3, "Create", archive=_archive({**PAGE, "old.js": b"old()"}))
    _ask(s3, "Update", archive=_archive({**PAGE, "app.js": b"start(2)"}))
    held = _held(s3)
    assert held["app.js"] == b"start(2)"
    assert "old.js" not in held


def test_a_deletion_empties_the_bucket_and_a_second_one_changes_nothing(s3: "S3Client") -> None:
    _ask(s3, "Create", archive=_archive(PAGE))
    for _ in range(2):
        assert _ask(s3, "Delete") == {"PhysicalResourceId": SITE}
        assert _held(s3) == {}


@pytest.mark.parametrize(
    ("archive", "complaint"),
    [
        (b"not a zip", "cannot be read"),
        (_archive({"app.js": b"start()"}), "lacks index.html"),
        (_archive({**PAGE, "notes.exe": b"MZ"}), "notes.exe"),
    ],
)
def test_what_is_no_page_is_refused_and_the_present_one_stays(
    s3: "S3Client", archive: bytes, complaint: str
) -> None:
    _ask(s3, "Create", archive=_archive(PAGE))
    before = _held(s3)
    with pytest.raises(WebFilesInvalidError, match=complaint):
        _ask(s3, "Update", archive=archive)
    assert _held(s3) == before


def test_an_archive_that_cannot_be_had_is_an_error_of_the_store(s3: "S3Client") -> None:
    with pytest.raises(StoreRefusedError, match="NoSuchKey"):
        _ask(s3, "Create")


class _Recorder:
    """A bucket that notes in which order it was changed."""

    def __init__(self, *names: str) -> None:
        self.held = set(names)
        self.changes: list[str] = []

    def names(self) -> set[str]:
        return set(self.held)

    def write(self, file: WebFile) -> None:
        self.held.add(file.name)
        self.changes.append(f"write {file.name}")

    def remove(self, name: str) -> None:
        self.held.discard(name)
        self.changes.append(f"remove {name}")


def test_whoever_loads_the_page_meanwhile_finds_what_it_asks_for() -> None:
    bucket = _Recorder("old.js")
    publish(bucket, archive=_archive(PAGE), configuration=CONFIGURATION)
    assert bucket.changes[-2:] == ["write index.html", "remove old.js"]


def test_every_file_of_the_page_has_a_type_that_browsers_are_told() -> None:
    names = [path.name for path in (ROOT / "web").rglob("*") if path.is_file()]
    assert names
    for name in names:
        content_type(name)
