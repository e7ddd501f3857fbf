"""Deploying to AWS: the order of the steps, against moto's S3 and a `cdk` that records its calls."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from mypy_boto3_s3 import S3Client

from scripts import deploy as module
from scripts.artifact.digests import file_digest
from scripts.artifact.forms import Form
from scripts.artifact.package import PackagedModel
from scripts.artifact.publish import publish, record
from scripts.deploy import deploy, prepare
from scripts.errors import CommandError
from scripts.migration.status import IndexInUse
from stacks.model_lock import ModelLock


def s3() -> S3Client:
    return boto3.client("s3", region_name="us-east-1")


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        for environment in ("dev", "staging", "prod"):
            s3().create_bucket(Bucket=f"{environment}-artifacts")
        monkeypatch.setattr(module, "find_bucket", lambda environment, **_: f"{environment}-artifacts")
        monkeypatch.setattr(module, "indices_in_use", lambda *_: [])
        yield


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The lines that the recording ``cdk`` wrote; it fails where a file ``fail`` lies beside it."""
    cdk, written = tmp_path / "cdk", tmp_path / "calls"
    cdk.write_text(
        f'#!/bin/sh\necho "arn:aws:cloudformation:a-stack"\necho "$1 $2 $7" >> {written}\n'
        f"test ! -e {tmp_path}/fail\n"
    )
    cdk.chmod(0o755)
    monkeypatch.setattr("scripts.repository.CDK", cdk)
    return written


@pytest.fixture
def packaged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> PackagedModel:
    """What packaging would make of any model, without the minutes it takes."""
    artifact = tmp_path / "model.tar.gz"
    artifact.write_bytes(b"artifact")
    model = PackagedModel(
        path=artifact,
        digest=file_digest(artifact),
        fingerprint="f" * 64,
        dimension=512,
        name="clip-vit-b-32",
        python="3.12",
    )
    monkeypatch.setattr(module, "package_model", lambda *_, **__: model)
    return model


def run(tmp_path: Path, environment: str = "dev", **options: Any) -> None:
    deploy(
        environment,
        **{
            "region": None,
            "lock": tmp_path / "model.lock",
            "output": tmp_path,
            "options": (),
            "report": print,
        }
        | options,
    )


def test_the_data_stack_comes_first_then_the_model_then_the_rest(
    tmp_path: Path, calls: Path, packaged: PackagedModel
) -> None:
    run(tmp_path, options=("--require-approval=never",))

    assert calls.read_text().splitlines() == [
        "deploy dev/Data --require-approval=never",
        "deploy dev/* --require-approval=never",
    ]
    published = s3().get_object(Bucket="dev-artifacts", Key=f"models/{packaged.digest}/model.tar.gz")
    assert published["Body"].read() == b"artifact"
    locked = ModelLock.load(tmp_path / "model.lock").get("clip-vit-b-32")
    assert locked is not None
    assert locked.digest == packaged.digest


def test_a_published_model_is_deployed_as_it_is(
    tmp_path: Path, calls: Path, packaged: PackagedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path)
    monkeypatch.delattr(module, "package_model")

    run(tmp_path)

    assert len(calls.read_text().splitlines()) == 4


def test_a_model_that_the_lock_names_but_the_bucket_lacks_is_published(
    tmp_path: Path, calls: Path, packaged: PackagedModel
) -> None:
    record(packaged, tmp_path / "model.lock")

    run(tmp_path)

    keys = s3().list_objects_v2(Bucket="dev-artifacts")["Contents"]
    assert len(keys) == 1


def test_what_the_cdk_says_is_kept_from_answers_for_programs(
    tmp_path: Path, calls: Path, packaged: PackagedModel, capfd: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path)
    said = capfd.readouterr()
    assert "arn:aws:cloudformation" not in said.out
    assert "arn:aws:cloudformation:a-stack" in said.err


def test_a_failed_cdk_stops_before_anything_is_published(
    tmp_path: Path, calls: Path, packaged: PackagedModel
) -> None:
    (tmp_path / "fail").touch()

    with pytest.raises(CommandError, match="run the same command again") as raised:
        run(tmp_path)

    assert raised.value.code == "cdk_failed"
    assert s3().list_objects_v2(Bucket="dev-artifacts")["KeyCount"] == 0


@pytest.mark.parametrize(
    ("needed", "is_refused"), [("f" * 64, False), ("e" * 64, True)], ids=["the listed model", "another model"]
)
def test_an_index_in_use_keeps_its_model(
    tmp_path: Path,
    calls: Path,
    packaged: PackagedModel,
    monkeypatch: pytest.MonkeyPatch,
    needed: str,
    is_refused: bool,
) -> None:
    record(packaged, tmp_path / "model.lock")
    index = IndexInUse(f"images-{needed[:12]}-1", needed)
    monkeypatch.setattr(module, "indices_in_use", lambda *_: [index])

    if not is_refused:
        run(tmp_path)
        return
    with pytest.raises(CommandError, match="migrate --finish") as raised:
        run(tmp_path)

    assert raised.value.code == "model_in_use"
    assert not calls.exists()


def test_a_model_that_makes_other_vectors_when_packaged_anew_does_not_take_the_place_of_the_locked_one(
    tmp_path: Path, calls: Path, packaged: PackagedModel
) -> None:
    lock = tmp_path / "model.lock"
    record(replace(packaged, digest="b" * 64, fingerprint="e" * 64), lock)
    before = lock.read_bytes()

    with pytest.raises(CommandError, match="publish-model --model clip-vit-b-32 --env dev") as raised:
        run(tmp_path)

    assert raised.value.code == "model_not_locked"
    assert (lock.read_bytes(), _published()) == (before, [])
    assert [line.split()[1] for line in calls.read_text().splitlines()] == ["dev/Data"]


def test_a_damaged_lock_is_an_error_before_anything_is_deployed(tmp_path: Path, calls: Path) -> None:
    (tmp_path / "model.lock").write_text("models = 3")

    with pytest.raises(CommandError) as raised:
        run(tmp_path)

    assert raised.value.code == "lock_unusable"
    assert not calls.exists()


@pytest.mark.parametrize("environment", ["local", "nowhere"])
def test_an_environment_that_is_not_in_aws_is_refused(tmp_path: Path, environment: str) -> None:
    with pytest.raises(CommandError, match="imagesearch local up") as raised:
        run(tmp_path, environment)

    assert raised.value.code == "environment_unknown"


def _published(environment: str = "dev") -> list[str]:
    listed = s3().list_objects_v2(Bucket=f"{environment}-artifacts")
    return [item["Key"] for item in listed.get("Contents", [])]


def _prepare(tmp_path: Path, environment: str = "dev") -> None:
    prepare(environment, region=None, lock=tmp_path / "model.lock", output=tmp_path, report=print)


@pytest.mark.parametrize("with_cdk", [False, True], ids=["prepared", "deployed"])
@pytest.mark.parametrize("locked", ["nothing", "another artifact"])
def test_where_only_what_is_locked_may_be_deployed_nothing_else_is_published(
    tmp_path: Path, calls: Path, packaged: PackagedModel, locked: str, with_cdk: bool
) -> None:
    lock = tmp_path / "model.lock"
    if locked != "nothing":
        record(replace(packaged, digest="b" * 64), lock)
    before = lock.read_bytes() if lock.exists() else None

    with pytest.raises(CommandError, match="publish-model --model clip-vit-b-32 --env dev") as raised:
        run(tmp_path, locked=True) if with_cdk else _prepare(tmp_path)

    assert raised.value.code == "model_not_locked"
    assert _published() == []
    assert (lock.read_bytes() if lock.exists() else None) == before


def test_preparing_publishes_what_the_lock_names_and_deploys_nothing(
    tmp_path: Path, calls: Path, packaged: PackagedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(packaged, tmp_path / "model.lock")
    _prepare(tmp_path)
    # It is packaged once only.
    monkeypatch.delattr(module, "package_model")
    _prepare(tmp_path)

    assert _published() == [f"models/{packaged.digest}/model.tar.gz"]
    assert not calls.exists()


def test_preparing_refuses_to_take_the_model_of_an_index_in_use(
    tmp_path: Path, packaged: PackagedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(packaged, tmp_path / "model.lock")
    monkeypatch.setattr(module, "indices_in_use", lambda *_: [IndexInUse("images-eeeeeeeeeeee-1", "e" * 64)])

    with pytest.raises(CommandError) as raised:
        _prepare(tmp_path)

    assert (raised.value.code, _published()) == ("model_in_use", [])


WAYS: dict[str, Callable[[Path, str], None]] = {
    "prepared": _prepare,
    "deployed by somebody": run,
    "deployed by a workflow": lambda folder, environment: run(folder, environment, locked=True),
}


@pytest.fixture
def fast(packaged: PackagedModel, tmp_path: Path) -> PackagedModel:
    """What somebody packaged with pictures and locked; packaging without them makes `packaged`."""
    artifact = tmp_path / "fast.tar.gz"
    artifact.write_bytes(b"fast artifact")
    made = replace(
        packaged,
        path=artifact,
        digest=file_digest(artifact),
        fingerprint="e" * 64,
        form=Form(precision="int8"),
    )
    record(made, tmp_path / "model.lock")
    return made


@pytest.mark.parametrize("way", WAYS)
def test_a_form_that_pictures_must_judge_is_replaced_by_no_other(
    tmp_path: Path, calls: Path, fast: PackagedModel, way: str
) -> None:
    before = (tmp_path / "model.lock").read_text()

    with pytest.raises(
        CommandError, match=r"staging-artifacts has no artifact .*, nor has that of dev"
    ) as raised:
        WAYS[way](tmp_path, "staging")

    assert raised.value.code == "artifact_missing"
    assert "publish-model --model clip-vit-b-32 --env staging" in str(raised.value)
    assert str(raised.value).endswith("--runtime onnxruntime --precision int8 --pictures FOLDER")
    assert _published("staging") == []
    assert (tmp_path / "model.lock").read_text() == before


@pytest.mark.parametrize("way", WAYS)
def test_what_was_tried_in_the_environment_before_is_taken_from_there(
    tmp_path: Path, calls: Path, fast: PackagedModel, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    publish(fast, bucket="staging-artifacts", s3_client=s3())
    monkeypatch.delattr(module, "package_model")
    before = (tmp_path / "model.lock").read_text()

    WAYS[way](tmp_path, "prod")

    taken = s3().get_object(Bucket="prod-artifacts", Key=f"models/{fast.digest}/model.tar.gz")
    assert taken["Body"].read() == b"fast artifact"
    assert (tmp_path / "model.lock").read_text() == before
    assert not list(tmp_path.glob(".taking-*"))


def test_what_somebody_put_in_the_place_of_an_artifact_goes_no_further(
    tmp_path: Path, fast: PackagedModel
) -> None:
    s3().put_object(Bucket="staging-artifacts", Key=f"models/{fast.digest}/model.tar.gz", Body=b"other")

    with pytest.raises(CommandError, match="is not what its name says") as raised:
        _prepare(tmp_path, "prod")

    assert (raised.value.code, _published("prod")) == ("artifact_exchanged", [])


def test_where_the_environment_before_is_not_deployed_a_model_is_packaged(
    tmp_path: Path, packaged: PackagedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def only_prod(environment: str, **_: object) -> str:
        if environment != "prod":
            raise CommandError("data_stack_missing", "There is no stack.")
        return "prod-artifacts"

    monkeypatch.setattr(module, "find_bucket", only_prod)
    record(packaged, tmp_path / "model.lock")

    _prepare(tmp_path, "prod")

    assert _published("prod") == [f"models/{packaged.digest}/model.tar.gz"]


def test_packaged_elsewhere_a_model_of_the_same_vectors_takes_the_place_of_the_locked_one(
    tmp_path: Path, calls: Path, packaged: PackagedModel
) -> None:
    record(replace(packaged, digest="b" * 64), tmp_path / "model.lock")
    said: list[str] = []

    run(tmp_path, report=said.append)

    assert said[-1] == f"model.lock names {packaged.digest[:12]} in place of bbbbbbbbbbbb: commit it"
    locked = ModelLock.load(tmp_path / "model.lock").get("clip-vit-b-32")
    assert locked is not None
    assert locked.digest == packaged.digest
