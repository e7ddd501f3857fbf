"""What is said of pictures, from the bucket to the search results, and the index kept equal to the bucket."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from imagesearch.models import document_id
from imagesearch_client import ImageSearchClient, ImageState
from scripts.bulk.runs import Run
from tests.e2e.command import Command
from tests.e2e.house import House
from tests.e2e.library import Library
from tests.pictures import corrupt, jpeg
from tests.waiting import PATIENCE_SECONDS, wait_for

pytestmark = pytest.mark.verified("Metadata and captions: S3 → index → search results", on="emulator")


def describe(library: Library, name: str, document: object) -> None:
    library.s3.put_object(
        Bucket=library.bucket, Key=library.key(f"{name}.json"), Body=json.dumps(document).encode()
    )


def wait_until_says(library: Library, name: str, **said: object) -> ImageState:
    """The state of a picture once the index says this of it."""

    def current() -> ImageState | None:
        state = library.client.image(library.key(name))
        found = state is not None and all(getattr(state, field) == value for field, value in said.items())
        return state if found else None

    return wait_for(current, f"{name} to say {said}")


def path_of(house: House, library: Library, name: str, endpoint: str = "_doc") -> str:
    return f"{house.opensearch}/images/{endpoint}/{document_id(library.key(name))}"


def vectors(house: House, library: Library, name: str) -> dict[str, Any]:
    """The vectors of a picture's document, as of the last write."""
    fields = "embedding,caption_embedding"
    answer = httpx.get(
        path_of(house, library, name), params={"_source_includes": fields}, timeout=PATIENCE_SECONDS
    )
    found: dict[str, Any] = answer.raise_for_status().json()["_source"]
    return found


def set_vector(house: House, library: Library, name: str) -> list[float]:
    """Put a vector into a picture's document that no model would make, and return it."""
    dimension = len(vectors(house, library, name)["embedding"])
    vector = [1.0] + [0.0] * (dimension - 1)
    update = path_of(house, library, name, "_update")
    httpx.post(
        update, json={"doc": {"embedding": vector}}, params={"refresh": "true"}, timeout=PATIENCE_SECONDS
    ).raise_for_status()
    return vector


def lines(file: Path, *rows: object) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_a_sidecar_and_s3s_own_metadata_are_part_of_every_answer(library: Library) -> None:
    describe(library, "a.jpg", {"caption": "a red bicycle", "tags": ["red"], "attributes": {"price": 3}})
    library.s3.put_object(
        Bucket=library.bucket,
        Key=library.key("a.jpg"),
        Body=jpeg(seed=41),
        Metadata={"title": "Bicycle", "caption": "overruled", "album": "sea", "camera": "nobody's business"},
    )
    state = wait_until_says(library, "a.jpg", caption="a red bicycle")
    (hit,) = library.client.search("anything", prefix=library.prefix).hits

    for answer in (state, hit):
        assert (answer.title, answer.caption, answer.tags) == ("Bicycle", "a red bicycle", ("red",))
        assert answer.attributes == {"album": "sea", "price": 3.0}


def test_changing_and_deleting_a_sidecar_changes_the_document_and_embeds_no_picture(
    library: Library, house: House
) -> None:
    describe(library, "a.jpg", {"title": "before"})
    library.put("a.jpg", jpeg(seed=42))
    wait_until_says(library, "a.jpg", title="before")
    vector = set_vector(house, library, "a.jpg")

    describe(library, "a.jpg", {"caption": "after"})
    wait_until_says(library, "a.jpg", title=None, caption="after")

    assert vectors(house, library, "a.jpg")["embedding"] == vector
    assert "caption_embedding" in vectors(house, library, "a.jpg")

    library.delete("a.jpg.json")
    wait_until_says(library, "a.jpg", caption=None)

    assert vectors(house, library, "a.jpg") == {"embedding": vector}


def test_a_picture_with_an_invalid_sidecar_is_findable_and_says_why_it_is_bare(library: Library) -> None:
    describe(library, "a.jpg", {"titel": "misspelt"})
    library.put("a.jpg", jpeg(seed=43))
    library.wait_until_indexed("a.jpg")
    state = wait_for(lambda: library.client.image(library.key("a.jpg")), "the picture")

    assert state.metadata_fault is not None
    assert "'titel'" in state.metadata_fault


def test_a_picture_is_found_by_its_caption(library: Library, imagesearch: Command) -> None:
    captions = {"a.jpg": "a steam locomotive in the snow", "b.jpg": "fresh bread on a wooden table"}
    for seed, (name, caption) in enumerate(captions.items(), start=44):
        describe(library, name, {"caption": caption})
        library.put(name, jpeg(seed=seed))
    library.put("bare.jpg", jpeg(seed=47))
    library.wait_until_indexed(*captions, "bare.jpg")

    for name, caption in captions.items():
        answer = imagesearch(
            "search", caption, "--part", "caption", "--prefix", library.prefix, "--json", check=True
        )
        best, *others = json.loads(answer.stdout)["hits"]

        assert (best["key"], best["score"] > 0.99) == (library.key(name), True)
        assert [hit["key"] for hit in others] == [
            library.key(next(other for other in captions if other != name))
        ]


def test_a_folder_is_ingested_with_what_is_said_of_its_pictures(
    library: Library, imagesearch: Command, tmp_path: Path
) -> None:
    for seed, name in enumerate(("beside.jpg", "row.jpg", "wrong.jpg"), start=51):
        (tmp_path / name).write_bytes(jpeg(seed=seed))
    (tmp_path / "beside.jpg.json").write_text('{"title": "by a sidecar"}')
    (tmp_path / "wrong.jpg.json").write_text('{"attributes": {"colour": "red"}}')
    (tmp_path / "metadata.csv").write_text("key,title,price\nrow.jpg,by a row,7\n")

    done = imagesearch("ingest", str(tmp_path), "--prefix", library.prefix, "--json", check=True)

    report = json.loads(done.stdout)
    assert (report["indexed"], report["described"], report["skipped"]) == (3, 3, [])
    assert list(report["undescribed"]) == [library.key("wrong.jpg")]
    said = {
        hit.key: (hit.title, hit.attributes) for hit in library.client.search("x", prefix=library.prefix).hits
    }
    assert said == {
        library.key("beside.jpg"): ("by a sidecar", {}),
        library.key("row.jpg"): ("by a row", {"price": 7.0}),
        library.key("wrong.jpg"): (None, {}),
    }


def test_a_file_of_metadata_is_written_into_sidecars_which_the_index_follows(
    library: Library, imagesearch: Command, tmp_path: Path
) -> None:
    library.put("a.jpg", jpeg(seed=54))
    rows = [
        {"key": "a.jpg", "title": "A", "attributes": {"favourite": True}},
        {"key": "later.jpg", "title": "L"},
    ]
    file = lines(tmp_path / "metadata.jsonl", *rows)

    first, again = (
        json.loads(
            imagesearch("metadata", str(file), "--prefix", library.prefix, "--json", check=True).stdout
        )
        for _ in range(2)
    )

    assert (first["written"], again["written"], again["unchanged"]) == (2, 0, 2)
    assert first["named"] == [library.key("later.jpg")]
    wait_until_says(library, "a.jpg", title="A", attributes={"favourite": True})


def test_a_file_with_an_unknown_field_is_refused_and_nothing_is_written(
    library: Library, imagesearch: Command, house: House, tmp_path: Path
) -> None:
    file = lines(tmp_path / "m.jsonl", {"key": "a.jpg", "title": "A"}, {"key": "b.jpg", "titel": "B"})

    done = imagesearch("metadata", str(file), "--prefix", library.prefix)

    assert done.returncode == 1
    assert done.stderr.startswith("metadata_invalid: ")
    assert "line 2: The metadata has the unknown field 'titel'" in done.stderr
    assert house.objects(library) == {}


def test_texts_become_captions_of_their_pictures_or_are_embedded_for_themselves(
    library: Library, house: House, imagesearch: Command, tmp_path: Path
) -> None:
    for seed, name in enumerate(("a.jpg", "b.jpg"), start=55):
        library.put(name, jpeg(seed=seed))
    library.wait_until_indexed("a.jpg", "b.jpg")
    vector = set_vector(house, library, "a.jpg")
    file = lines(
        tmp_path / "texts.jsonl",
        {"picture": library.key("a.jpg"), "text": "two boats in a harbour"},
        {"picture": library.key("b.jpg"), "text": "a cup of tea"},
        {"id": "q1", "text": "an empty street"},
    )

    with house.without_events():
        run = ended(imagesearch("bulk", "--texts", str(file), "--json", check=True).stdout)

    assert (run.status, run.source, run.listed, run.stale, run.missing) == ("complete", "file", 3, 2, 1)
    assert (run.indexed, run.kept, run.rejected) == (2, 1, 0)
    outputs = house.written(f"runs/{run.run}/embeddings/")
    answers = [
        json.loads(line)
        for name in outputs
        for line in house.read(f"runs/{run.run}/embeddings/{name}").splitlines()
    ]
    assert sorted(answer["id"] for answer in answers) == sorted(
        [library.key("a.jpg"), library.key("b.jpg"), "q1"]
    )
    assert vectors(house, library, "a.jpg")["embedding"] == vector, "only the caption was embedded"
    best, _ = library.client.search("a cup of tea", prefix=library.prefix, part="caption").hits
    assert (best.key, best.caption) == (library.key("b.jpg"), "a cup of tea")


def test_a_file_of_keys_names_the_pictures_of_a_run_and_every_bad_one_is_rejected(
    library: Library, house: House, imagesearch: Command, tmp_path: Path
) -> None:
    with house.without_events():
        library.put("good.jpg", jpeg(seed=57))
        library.put("damaged.jpg", corrupt())
        library.put("unnamed.jpg", jpeg(seed=58))
    file = tmp_path / "keys.txt"
    file.write_text("".join(library.key(name) + "\n" for name in ("good.jpg", "damaged.jpg", "nowhere.jpg")))

    done = imagesearch("bulk", "--keys", str(file), "--json")

    run = ended(done.stdout)
    assert (done.returncode, run.status) == (2, "complete"), done.stderr
    assert (run.planned, run.indexed, run.rejected) == (3, 1, 2)
    rejects = [
        json.loads(line)
        for name in house.written(f"rejects/{run.run}/")
        for line in house.read(f"rejects/{run.run}/{name}").splitlines()
    ]
    assert {reject["key"]: reject["code"] for reject in rejects} == {
        library.key("damaged.jpg"): "picture_corrupt",
        library.key("nowhere.jpg"): "source_not_found",
    }
    assert [hit.key for hit in library.client.search("x", prefix=library.prefix).hits] == [
        library.key("good.jpg")
    ]


def test_reconcile_finds_what_is_lost_stale_orphaned_or_described_otherwise_and_mends_it(
    library: Library, house: House, client: ImageSearchClient, imagesearch: Command
) -> None:
    names = ("lost.jpg", "orphan.jpg", "stale.jpg", "retitled.jpg", "same.jpg")
    for seed, name in enumerate(names, start=60):
        library.put(name, jpeg(seed=seed))
    library.wait_until_indexed(*names)
    with house.without_events():
        house.forget(library, "lost.jpg")
        library.delete("orphan.jpg")
        etag = library.put("stale.jpg", jpeg(seed=70))
        describe(library, "retitled.jpg", {"title": "new"})

        checks = [imagesearch("reconcile", library.prefix, "--check", "--json") for _ in range(2)]
        mended = imagesearch("reconcile", library.prefix)
        after = imagesearch("reconcile", library.prefix, "--check")

    for check in checks:
        found = ended(check.stdout)
        assert (check.returncode, found.status, found.skipped) == (2, "complete", 1), check.stderr
        assert (found.missing, found.stale, found.orphaned, found.described) == (1, 1, 1, 1)
    assert mended.returncode == 0, mended.stderr
    assert "4 mended: 1 missing, 1 stale, 1 described otherwise, 1 orphaned" in mended.stdout
    assert (after.returncode, after.stdout) == (0, "The index is what the bucket says: 4 pictures.\n")
    states = {name: client.image(library.key(name)) for name in names}
    assert states["orphan.jpg"] is None
    assert states["stale.jpg"] is not None
    assert states["retitled.jpg"] is not None
    assert (states["stale.jpg"].etag, states["retitled.jpg"].title) == (etag, "new")
    hits = client.search("x", prefix=library.prefix).hits
    assert {hit.key for hit in hits} == {library.key(name) for name in names if name != "orphan.jpg"}


def ended(printed: str) -> Run:
    return Run.model_validate_json(printed)
