"""The smoke test of a deployment: each step, what fails it, and that it leaves nothing behind."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import boto3
import httpx
import pytest
from moto import mock_aws
from PIL import Image

from imagesearch.models import document_id
from scripts.smoke.picture import SIDE, random_picture
from scripts.smoke.run import Report, Smoke, Step
from scripts.smoke.traces import PREFIX, THUMBNAILS, Traces
from stacks import names
from tests.client_api import URL, House

IMAGES, ARTIFACTS = "images", "artifacts"
ALL = ["health", "search by text", "upload", "findable", "search by picture", "thumbnail", "delete"]


class Deployment(House):
    """An in-memory library whose uploads are ingested, and whose pictures lie in S3 too, as moto plays it."""

    def __init__(self, s3: Any) -> None:
        super().__init__()
        self.s3 = s3
        self.ingests = True
        s3.meta.events.register("after-call.s3.DeleteObject", self._deleted)

    def _take(self, request: httpx.Request) -> httpx.Response:
        answer = super()._take(request)
        for state in self.house.pictures.listing(prefix=PREFIX):
            self.s3.put_object(Bucket=IMAGES, Key=state.key, Body=b"a picture")
            if self.ingests:
                self.house.indexer.bring_in_line(state.key)
        return answer

    def _deleted(self, **_: Any) -> None:
        for state in list(self.house.pictures.listing(prefix=PREFIX)):
            self.house.pictures.remove(state.key)
            self.house.indexer.bring_in_line(state.key)

    def smoke(self, *, seconds: float = 20) -> Report:
        traces = Traces(s3=self.s3, images=IMAGES, artifacts=ARTIFACTS)
        with self.client() as client:
            return Smoke(client=client, traces=traces, seconds=seconds).run(URL)

    def left(self) -> list[str]:
        """Every version in both buckets, and what the index knows."""
        versions = [
            f"{bucket}/{one['Key']}"
            for bucket in (IMAGES, ARTIFACTS)
            for kind in ("Versions", "DeleteMarkers")
            for one in self.s3.list_object_versions(Bucket=bucket).get(kind, [])
        ]
        return versions + list(self.house.index.keys(self.house.index.active().name, prefix=PREFIX))


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        for bucket in (IMAGES, ARTIFACTS):
            client.create_bucket(Bucket=bucket)
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        yield client


@pytest.fixture
def deployment(s3: Any) -> Deployment:
    return Deployment(s3)


def _names(report: Report) -> list[str]:
    return [step.name for step in report.steps]


def test_a_sound_deployment_passes_every_step_and_nothing_is_left(deployment: Deployment) -> None:
    report = deployment.smoke()
    assert [step for step in report.steps if not step.passed] == []
    assert _names(report) == [*ALL, "clean up"]
    assert report.passed
    assert deployment.left() == []


def test_the_report_is_json(deployment: Deployment) -> None:
    document = json.loads(json.dumps(deployment.smoke().document()))
    assert (document["passed"], document["url"], len(document["steps"])) == (True, URL, len(ALL) + 1)
    assert document["steps"][0].keys() == {"name", "seconds", "said", "code"}


def test_a_picture_that_never_becomes_findable_fails_in_time_and_is_removed(deployment: Deployment) -> None:
    deployment.ingests = False
    report = deployment.smoke(seconds=1)
    assert not report.passed
    failed = report.steps[-2]
    assert (failed.name, failed.code) == ("findable", "smoke_timeout")
    assert "dead-letter queue" in failed.said
    assert _names(report)[-1] == "clean up"
    assert deployment.left() == []


def test_an_api_that_refuses_fails_the_first_step_with_its_own_words(s3: Any) -> None:
    class Refusing(Deployment):
        def _answer(self, request: httpx.Request) -> httpx.Response:
            error = {"code": "key_missing", "message": "Send a key."}
            return httpx.Response(403, json={"error": error})

    report = Refusing(s3).smoke()
    assert [(step.name, step.code) for step in report.steps] == [
        ("health", "key_missing"),
        ("clean up", None),
    ]
    assert report.steps[0].said == "Send a key."


def test_another_picture_in_front_fails(s3: Any) -> None:
    class Mistaken(Deployment):
        def _answer(self, request: httpx.Request) -> httpx.Response:
            answer = super()._answer(request)
            if request.url.path.endswith("/search"):
                document = answer.json()
                document["hits"] = [hit | {"key": "another.jpg"} for hit in document["hits"]]
                return httpx.Response(200, json=document)
            return answer

    deployment = Mistaken(s3)
    report = deployment.smoke()
    assert (report.steps[-2].name, report.steps[-2].code) == ("search by picture", "smoke_not_found")
    assert "another.jpg" in report.steps[-2].said
    assert deployment.left() == []


def test_an_interrupted_test_removes_its_picture(deployment: Deployment) -> None:
    def interrupted(step: Step) -> None:
        if step.name == "findable":
            raise KeyboardInterrupt

    traces = Traces(s3=deployment.s3, images=IMAGES, artifacts=ARTIFACTS)
    with deployment.client() as client, pytest.raises(KeyboardInterrupt):
        Smoke(client=client, traces=traces, seconds=20, on_step=interrupted).run(URL)
    assert deployment.left() == []


def test_missing_rights_to_clean_up_fail_the_test(deployment: Deployment) -> None:
    deployment.s3.delete_bucket(Bucket=ARTIFACTS)
    report = deployment.smoke()
    assert (report.steps[-1].name, report.steps[-1].code) == ("clean up", "aws_refused")
    assert not report.passed


def test_what_a_killed_test_left_behind_goes_with_one_that_comes_later(s3: Any) -> None:
    killed = f"{PREFIX}killed.png"
    for key in (killed, "of/somebody.jpg"):
        s3.put_object(Bucket=IMAGES, Key=key, Body=b"a picture")
    thumbnail = f"{THUMBNAILS}{document_id(killed)}/etag-128.webp"
    s3.put_object(Bucket=ARTIFACTS, Key=thumbnail, Body=b"made of it")
    buckets = {"s3": s3, "images": IMAGES, "artifacts": ARTIFACTS}

    # It may still run.
    assert Traces(**buckets).remove_forgotten() == 0
    assert Traces(**buckets, clock=lambda: datetime.now(UTC) + timedelta(hours=2)).remove_forgotten() == 1

    kept = [one["Key"] for one in s3.list_object_versions(Bucket=IMAGES)["Versions"]]
    assert kept == ["of/somebody.jpg"]
    assert "Versions" not in s3.list_object_versions(Bucket=ARTIFACTS)


def test_no_two_pictures_are_the_same() -> None:
    one, other = random_picture(), random_picture()
    assert one != other
    with Image.open(BytesIO(one)) as picture:
        picture.load()
        assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (SIDE, SIDE))


def test_the_roles_that_run_it_may_remove_what_it_leaves() -> None:
    assert (f"{names.SMOKE}/", f"{names.THUMBNAILS}/") == (PREFIX, THUMBNAILS)
