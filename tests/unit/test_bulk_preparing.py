"""Preparing a bulk run's transform job."""

import json
import re

import pytest

from imagesearch.errors import (
    ArtifactMissingError,
    EventInvalidError,
    ModelNotDeployedError,
    RunOutdatedError,
    RunUnknownError,
)
from tests.builders import FINGERPRINT, PNG
from tests.bulk import RUN, BulkHouse, bulk_house


@pytest.fixture
def bulk() -> BulkHouse:
    bulk = bulk_house(contents={f"{number:04}.png": PNG for number in range(600)})
    bulk.plan()
    return bulk


def _manifest(bulk: BulkHouse) -> object:
    return json.loads(bulk.artifacts.read(f"runs/{RUN}/manifest.json") or b"")


def test_the_manifest_names_every_shard_as_sagemaker_wants_it(bulk: BulkHouse) -> None:
    preparation = bulk.preparer().prepare(RUN)
    assert _manifest(bulk) == [
        {"prefix": f"s3://artifacts/runs/{RUN}/shards/"},
        "00000-000.jsonl",
        "00000-001.jsonl",
        "00000-002.jsonl",
    ]
    assert preparation.shards == 3
    assert preparation.manifest == f"s3://artifacts/runs/{RUN}/manifest.json"
    assert preparation.output == f"s3://artifacts/runs/{RUN}/embeddings/"
    assert preparation.model == "imagesearch-dev-5e5e5e5e5e5e-0123456789ab"


def test_each_attempt_has_a_job_name_of_its_own_that_sagemaker_takes(bulk: BulkHouse) -> None:
    names = {bulk.preparer().prepare(RUN).job for _ in range(3)}
    assert len(names) == 3
    for name in names:
        assert name.startswith(f"{RUN}-")
        assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", name)


def test_the_index_is_loading_from_then_on(bulk: BulkHouse) -> None:
    bulk.preparer().prepare(RUN)
    assert bulk.house.index.loading == {"images-5e5e5e5e5e5e-1"}


def test_a_shard_with_embeddings_or_a_result_is_not_embedded_again(bulk: BulkHouse) -> None:
    bulk.preparer().prepare(RUN)
    bulk.transform()
    for key in (f"runs/{RUN}/embeddings/00000-{number:03}.jsonl.out" for number in range(3)):
        assert bulk.artifacts.exists(key)
    resumed = bulk.preparer().prepare(RUN)
    assert (resumed.shards, resumed.unfinished) == (0, 3)
    fresh = bulk_house(contents={f"{number:04}.png": PNG for number in range(600)})
    fresh.plan()
    fresh.artifacts.write(f"runs/{RUN}/embeddings/00000-001.jsonl.out", b"")
    fresh.artifacts.write(f"runs/{RUN}/indexed/00000-002.json", b"{}")
    partly = fresh.preparer().prepare(RUN)
    assert (partly.shards, partly.unfinished) == (1, 2)
    assert _manifest(fresh) == [{"prefix": f"s3://artifacts/runs/{RUN}/shards/"}, "00000-000.jsonl"]


def test_a_run_of_nothing_has_nothing_to_embed() -> None:
    bulk = bulk_house()
    bulk.plan()
    preparation = bulk.preparer().prepare(RUN)
    assert (preparation.shards, preparation.unfinished) == (0, 0)
    assert bulk.house.index.loading == set()


def test_a_foreign_file_among_the_embeddings_is_named(bulk: BulkHouse) -> None:
    bulk.artifacts.write(f"runs/{RUN}/embeddings/notes.txt", b"")
    with pytest.raises(EventInvalidError, match=r"notes\.txt"):
        bulk.preparer().prepare(RUN)


def test_a_redeployed_model_is_taken_under_its_new_name(bulk: BulkHouse) -> None:
    assert bulk.preparer({FINGERPRINT[:12]: "newer"}).prepare(RUN).model == "newer"


def test_a_model_that_is_not_deployed_any_more_is_refused(bulk: BulkHouse) -> None:
    with pytest.raises(ModelNotDeployedError):
        bulk.preparer({"0f": "m"}).prepare(RUN)
    assert bulk.house.index.loading == set()


def test_a_moved_alias_is_refused(bulk: BulkHouse) -> None:
    bulk.move_alias()
    with pytest.raises(RunOutdatedError):
        bulk.preparer().prepare(RUN)


def test_an_unknown_run_is_refused() -> None:
    with pytest.raises(RunUnknownError):
        bulk_house().preparer().prepare(RUN)


def test_a_run_that_is_not_planned_to_the_end_is_refused(bulk: BulkHouse) -> None:
    half = bulk_house()
    half.files.begin(bulk.files.run())
    with pytest.raises(ArtifactMissingError, match=r"planned\.json"):
        half.preparer().prepare(RUN)
