"""Sidecars written from a file, against moto's S3."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from imagesearch.metadata import Attributes
from imagesearch_client import ApiKey, ImageSearchClient
from scripts.cli import app
from scripts.errors import CommandError
from scripts.metadata.describe import describe
from scripts.metadata.sidecars import Sidecar, present, write_all
from scripts.target import Target
from tests.client_answers import a_health

BUCKET = "pictures"
ATTRIBUTES: Attributes = {"category": "keyword"}


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        client.create_bucket(Bucket=BUCKET)
        yield client


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "metadata.jsonl"
    rows = [{"key": "a.jpg", "title": "A"}, {"key": "b.jpg", "title": "B"}, {"key": "c.jpg"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def put(s3: Any, key: str, content: bytes = b"x") -> None:
    s3.put_object(Bucket=BUCKET, Key=key, Body=content)


def keys(s3: Any) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def requests_of(s3: Any) -> list[str]:
    """The names of the requests that are sent from now on."""
    sent: list[str] = []
    s3.meta.events.register("provide-client-params.s3", lambda model, **_: sent.append(model.name))
    return sent


def test_sidecars_are_written_where_they_differ_and_removed_where_nothing_is_said(
    s3: Any, file: Path
) -> None:
    for key in ("a.jpg", "b.jpg", "c.jpg", "c.jpg.json"):
        put(s3, key)
    put(s3, "a.jpg.json", b'{"title":"A"}')

    done = describe(file, attributes=ATTRIBUTES, s3=s3, bucket=BUCKET)

    assert (done.rows, done.written, done.removed, done.unchanged, done.missing) == (3, 1, 1, 1, 0)
    assert keys(s3) == ["a.jpg", "a.jpg.json", "b.jpg", "b.jpg.json", "c.jpg"]
    assert s3.get_object(Bucket=BUCKET, Key="b.jpg.json")["Body"].read() == b'{"title":"B"}'


def test_doing_it_again_writes_nothing(s3: Any, file: Path) -> None:
    describe(file, attributes=ATTRIBUTES, s3=s3, bucket=BUCKET)
    sent = requests_of(s3)

    done = describe(file, attributes=ATTRIBUTES, s3=s3, bucket=BUCKET)

    assert (done.written, done.unchanged) == (0, 3)
    assert set(sent) == {"ListObjectsV2"}


def test_a_command_that_was_interrupted_is_continued_by_repeating_it(s3: Any, file: Path) -> None:
    file.write_text("".join(f'{{"key": "{number}.jpg", "title": "T"}}\n' for number in range(60)))

    def interrupt(_rows: int, _done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        describe(file, attributes=ATTRIBUTES, s3=s3, bucket=BUCKET, on_progress=interrupt)
    before = len(keys(s3))
    done = describe(file, attributes=ATTRIBUTES, s3=s3, bucket=BUCKET)

    assert (done.written, done.unchanged) == (60 - before, before)
    assert len(keys(s3)) == 60


def test_a_picture_that_is_not_there_yet_gets_its_sidecar_and_is_named(s3: Any, file: Path) -> None:
    put(s3, "album/a.jpg")

    done = describe(file, attributes=ATTRIBUTES, s3=s3, bucket=BUCKET, prefix="album/")

    assert (done.missing, done.named) == (2, ("album/b.jpg", "album/c.jpg"))
    assert "album/b.jpg.json" in keys(s3)


def test_a_dry_run_counts_and_writes_nothing(s3: Any, file: Path) -> None:
    done = describe(file, attributes=ATTRIBUTES, s3=s3, bucket=BUCKET, dry_run=True)

    assert (done.written, keys(s3)) == (2, [])


def test_a_faulty_file_writes_nothing(s3: Any, file: Path) -> None:
    with file.open("a") as more:
        more.write('{"key": "d.jpg", "colour": "red"}\n')

    with pytest.raises(CommandError, match=r"line 4: .*colour"):
        describe(file, attributes=ATTRIBUTES, s3=s3, bucket=BUCKET)

    assert keys(s3) == []


def test_progress_counts_rows(s3: Any, file: Path) -> None:
    seen: list[tuple[int, int]] = []

    describe(
        file,
        attributes=ATTRIBUTES,
        s3=s3,
        bucket=BUCKET,
        on_progress=lambda rows, done: seen.append((rows, done)),
    )

    assert seen == [(3, 1), (3, 2), (3, 3)]


def test_what_is_there_is_found_among_many_keys_without_listing_them_all(s3: Any) -> None:
    for number in range(2500):
        put(s3, f"a/{number:04}.jpg")
    put(s3, "a/0007.jpg.json")
    put(s3, "é/1.jpg")
    sent = requests_of(s3)

    found = present(
        s3,
        bucket=BUCKET,
        keys=["a/0007.jpg.json", "a/0007.jpg", "a/0007.jpg-gone", "z.jpg", "é/1.jpg", "x.jpg"],
    )

    assert set(found) == {"a/0007.jpg", "a/0007.jpg.json", "é/1.jpg"}
    assert len(sent) == 2, "from the first key on, and from behind what that reached"


def test_every_key_of_a_bucket_is_found(s3: Any) -> None:
    wanted = [f"{folder}/{number}.jpg" for folder in "abc" for number in range(700)]
    for key in wanted[::2]:
        put(s3, key)

    assert set(present(s3, bucket=BUCKET, keys=reversed(wanted))) == set(wanted[::2])


def test_what_s3_refuses_is_one_sentence(s3: Any) -> None:
    with pytest.raises(CommandError) as raised:
        list(write_all(s3, bucket="gone", sidecars=[Sidecar(key="a.jpg", content=b"{}")], etags={}))

    assert raised.value.code == "aws_refused"


@pytest.fixture
def command(s3: Any, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """The command line, against the bucket and an API that declares the attributes."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=a_health(ATTRIBUTES)))
    target = Target(url="http://api", credentials=ApiKey("k"), bucket=BUCKET, region="us-east-1")
    monkeypatch.setattr("scripts.metadata.cli.find_target", lambda bucket: target)
    monkeypatch.setattr(
        "scripts.metadata.cli.client_of",
        lambda target: ImageSearchClient(target.url, target.credentials, transport=transport),
    )
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    return CliRunner()


def test_the_command_counts_what_it_did_and_names_the_pictures_that_are_missing(
    command: CliRunner, s3: Any, file: Path
) -> None:
    for key in ("a.jpg", "b.jpg"):
        put(s3, key)

    done = command.invoke(app, ["metadata", str(file)])

    assert done.exit_code == 0, done.output
    assert "Sidecars: 2 written, 0 removed, 1 unchanged" in done.stdout
    assert "no picture c.jpg yet" in done.stderr
    assert "(picture_missing)" in done.stderr


def test_the_command_takes_the_declared_attributes_from_the_deployment(
    command: CliRunner, s3: Any, tmp_path: Path
) -> None:
    file = tmp_path / "metadata.csv"
    file.write_text("key,category\na.jpg,chairs\n")

    done = command.invoke(app, ["metadata", str(file), "--prefix", "shop/", "--json"])

    assert json.loads(done.stdout)["written"] == 1
    assert s3.get_object(Bucket=BUCKET, Key="shop/a.jpg.json")["Body"].read() == (
        b'{"attributes":{"category":"chairs"}}'
    )


def test_a_dry_run_says_what_it_would_have_done(command: CliRunner, file: Path) -> None:
    done = command.invoke(app, ["metadata", str(file), "--dry-run"])

    assert "had this been no dry run: 2 written, 0 removed, 1 unchanged" in done.stdout
