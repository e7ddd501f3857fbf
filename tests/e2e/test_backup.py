"""The index lost, and brought back: from a snapshot, and from what bulk runs have embedded."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from imagesearch_client import ImageSearchClient
from scripts.local.settings import LocalSettings
from scripts.target import Target
from tests.e2e.command import Command
from tests.e2e.library import Library
from tests.pictures import jpeg
from tests.waiting import PATIENCE_SECONDS

PICTURES = {f"{seed:02}.jpg": seed for seed in range(6)}
TEXTS = ("a red square", "something blue", "a dark night")


@pytest.fixture
def opensearch(imagesearch: Command, deployment: Target) -> httpx.Client:
    directory = LocalSettings.from_environment(imagesearch.variables).directory
    written = json.loads(Path(directory / "environment.json").read_text())
    return httpx.Client(base_url=written["opensearch_url"], trust_env=False, timeout=PATIENCE_SECONDS)


@pytest.fixture
def pictures(library: Library) -> Library:
    for name, seed in PICTURES.items():
        library.put(name, jpeg(seed=seed))
    library.wait_until_indexed(*PICTURES)
    return library


def found(client: ImageSearchClient, library: Library) -> dict[str, list[tuple[str, float]]]:
    """What searches find in the library, with their scores."""
    return {
        text: [(hit.key, round(hit.score, 5)) for hit in client.search(text, prefix=library.prefix).hits]
        for text in TEXTS
    }


def searched(opensearch: httpx.Client) -> str:
    (index,) = opensearch.get("/_alias/images").raise_for_status().json()
    return str(index)


def lose(opensearch: httpx.Client) -> str:
    """Let the index be gone, as if nobody had ever made it."""
    index = searched(opensearch)
    opensearch.delete(f"/{index}").raise_for_status()
    assert opensearch.get("/_alias/images").status_code == 404
    return index


def in_line(imagesearch: Command) -> None:
    checked = imagesearch("reconcile", "--check", "--json")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def status(imagesearch: Command) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(imagesearch("backup", "list", "--json", check=True).stdout)
    return answer


@pytest.mark.verified("Backup: an index lost, restored from a snapshot, found the same", on="emulator")
def test_a_lost_index_is_restored_from_a_snapshot(
    imagesearch: Command, client: ImageSearchClient, pictures: Library, opensearch: httpx.Client
) -> None:
    before = found(client, pictures)
    snapshot = json.loads(imagesearch("backup", "create", "--json", check=True).stdout)
    assert snapshot["state"] == "complete"
    pictures.put("later.jpg", jpeg(seed=99))
    pictures.wait_until_indexed("later.jpg")
    lost = lose(opensearch)

    restored = imagesearch("backup", "restore", snapshot["name"], check=True)

    index = searched(opensearch)
    assert index != lost
    assert f"Restored: {index}" in restored.stdout
    # What was put after the snapshot was taken is there as well.
    assert client.image(pictures.key("later.jpg")) is not None
    pictures.delete("later.jpg")
    pictures.wait_until_unknown("later.jpg")
    assert found(client, pictures) == before
    in_line(imagesearch)
    assert snapshot["name"] in {each["name"] for each in status(imagesearch)["snapshots"]}
    imagesearch("backup", "delete", snapshot["name"], check=True)
    assert snapshot["name"] not in {each["name"] for each in status(imagesearch)["snapshots"]}


@pytest.mark.verified("Backup: an index lost, rebuilt from stored embeddings", on="emulator")
def test_a_lost_index_is_rebuilt_from_what_runs_have_embedded(
    imagesearch: Command, client: ImageSearchClient, pictures: Library, opensearch: httpx.Client
) -> None:
    before = found(client, pictures)
    other = jpeg(seed=50)
    # A run embeds what live ingest had embedded: whatever is not in line is embedded anew, and then stored.
    lose(opensearch)
    assert status(imagesearch)["active"] is None
    refused = imagesearch("backup", "rebuild", "--from", "nobody")
    assert (refused.returncode, "run_unknown" in refused.stderr) == (1, True)
    imagesearch("backup", "rebuild", check=True)
    assert found(client, pictures) == before

    stored = json.loads(imagesearch("runs", "list", "--json", check=True).stdout)[0]["run"]
    pictures.put("00.jpg", other)
    pictures.wait_until_indexed("00.jpg")
    changed = found(client, pictures)
    lose(opensearch)
    rebuilt = imagesearch("backup", "rebuild", "--from", stored, check=True)

    assert f"{stored}: " in rebuilt.stdout
    assert found(client, pictures) == changed
    in_line(imagesearch)
    runs = json.loads(imagesearch("runs", "list", "-n", "5", "--json", check=True).stdout)
    (copy,) = [run for run in runs if run["run"].startswith("rebuild-") and run["run"].endswith(stored)]
    # Nothing was embedded by a transform job, and the picture that has changed since is another one now.
    assert (copy["status"], copy["instance_seconds"]) == ("complete", 0)
    assert copy["indexed"] >= len(PICTURES)


@pytest.mark.verified("Backup: a snapshot restored beside an index that is searched", on="emulator")
def test_beside_an_index_that_is_searched_a_snapshot_takes_over_by_a_migration(
    imagesearch: Command, client: ImageSearchClient, pictures: Library, opensearch: httpx.Client
) -> None:
    before = found(client, pictures)
    old = searched(opensearch)
    snapshot = json.loads(imagesearch("backup", "create", "--json", check=True).stdout)["name"]
    restored = imagesearch("backup", "restore", snapshot, check=True)
    assert "is written beside" in restored.stdout
    new = searched(opensearch)
    assert new != old
    assert found(client, pictures) == before
    assert {index["name"] for index in status(imagesearch)["written"]} == {old, new}
    imagesearch("migrate", "--finish", check=True)
    assert {index["name"] for index in status(imagesearch)["indices"]} == {new}
    in_line(imagesearch)
