"""The commands that package and publish, called as the command line calls them."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
import typer
from moto import mock_aws
from mypy_boto3_s3 import S3Client
from typer.testing import CliRunner

from scripts.artifact import cli, package
from scripts.errors import CommandError
from stacks.model_lock import LockedModel, ModelLock
from tests.unit.artifact_models import write_layout

BUCKET = "artifacts"


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command("package-model")(cli.package_model)
    app.command("publish-model")(cli.publish_model)
    return app


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield client


@pytest.fixture(autouse=True)
def no_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "unpack_wheels", lambda requirements, target, **_: None)
    monkeypatch.setattr(package, "smoke_test", lambda archive: None)


def options(tmp_path: Path) -> list[str]:
    return [f"--from={write_layout(tmp_path / 'layout')}", f"--output={tmp_path / 'out'}"]


def test_package_model_prints_where_the_artifact_lies(tmp_path: Path, app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["package-model", *options(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0
    [path] = (tmp_path / "out").glob("clip-vit-b-32-cp312-*/model.tar.gz")
    assert str(path) in result.output


def test_publish_model_uploads_and_locks(tmp_path: Path, app: typer.Typer, s3: S3Client) -> None:
    lock = tmp_path / "model.lock"
    arguments = ["publish-model", f"--bucket={BUCKET}", f"--lock={lock}", *options(tmp_path)]
    for _ in range(2):
        assert CliRunner().invoke(app, arguments, catch_exceptions=False).exit_code == 0
    entry = ModelLock.load(lock).get("clip-vit-b-32")
    assert entry is not None
    [stored] = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert stored["Key"] == entry.artifact_key


def test_publish_model_says_whose_place_in_the_lock_is_taken(
    tmp_path: Path, app: typer.Typer, s3: S3Client
) -> None:
    lock = tmp_path / "model.lock"
    fast = LockedModel("a" * 64, "b" * 64, 512, "3.12", precision="int8")
    ModelLock().with_model("clip-vit-b-32", fast).save(lock)
    arguments = ["publish-model", f"--bucket={BUCKET}", f"--lock={lock}", *options(tmp_path)]
    first, second = (CliRunner().invoke(app, arguments, catch_exceptions=False).output for _ in range(2))
    assert f"in place of  {'a' * 64}, int8 on onnxruntime" in first
    assert "in place of" not in second


def test_a_failed_upload_leaves_the_lock_alone(tmp_path: Path, app: typer.Typer, s3: S3Client) -> None:
    lock = tmp_path / "model.lock"
    arguments = ["publish-model", "--bucket=nowhere", f"--lock={lock}", *options(tmp_path)]
    with pytest.raises(CommandError, match="nowhere"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert not lock.exists()


def test_missing_credentials_are_named_before_anything_is_packaged(
    tmp_path: Path, app: typer.Typer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "nothing"))
    with pytest.raises(CommandError, match="credentials"):
        CliRunner().invoke(app, ["publish-model", *options(tmp_path)], catch_exceptions=False)
    assert not (tmp_path / "out").exists()
