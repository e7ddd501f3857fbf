"""Pinned artifacts: the committed list, and fetching that is checked and resumed."""

import hashlib
from pathlib import Path

import pytest

from scripts.errors import CommandError
from scripts.local.artifacts import MIRROR_VARIABLE, PinnedArtifact, fetch_all, read_artifact_list
from scripts.local.opensearch_home import ARTIFACT_LIST


def pinned(name: str, content: bytes) -> PinnedArtifact:
    return PinnedArtifact(
        folder="lib",
        group="org.example",
        artifact=name,
        version="1",
        extension="jar",
        sha256=hashlib.sha256(content).hexdigest(),
    )


def writing(content: bytes, fetched: list[str]) -> "FetchDouble":
    return FetchDouble(content, fetched)


class FetchDouble:
    """Writes the same content for every artifact, and notes for which."""

    def __init__(self, content: bytes, fetched: list[str]) -> None:
        self.content = content
        self.fetched = fetched

    def __call__(self, artifact: PinnedArtifact, target: Path) -> None:
        self.fetched.append(artifact.artifact)
        target.write_bytes(self.content)


def test_the_committed_list_pins_every_artifact_once_with_a_sha256() -> None:
    artifacts = read_artifact_list(ARTIFACT_LIST)
    assert {artifact.folder.split("/")[0] for artifact in artifacts} == {"lib", "modules", "plugins"}
    assert all(len(bytes.fromhex(artifact.sha256)) == 32 for artifact in artifacts)
    names = [(artifact.folder, artifact.file_name) for artifact in artifacts]
    assert len(set(names)) == len(names) > 70


def test_a_coordinate_without_extension_is_a_jar(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text(f"# a comment\n\nlib g:a:1 {'0' * 64}\nplugins/x g:b:2:zip {'1' * 64}\n")
    assert [artifact.file_name for artifact in read_artifact_list(path)] == ["a-1.jar", "b-2.zip"]


def test_a_line_without_a_digest_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("lib g:a:1\n")
    with pytest.raises(ValueError, match="lib g:a:1"):
        read_artifact_list(path)


def test_a_file_with_another_digest_is_refused_and_not_kept(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as raised:
        fetch_all([pinned("a", b"good")], tmp_path, fetch=writing(b"evil", []))
    assert raised.value.code == "artifact_tampered"
    assert "a-1.jar" in raised.value.message
    assert list(tmp_path.iterdir()) == []


def test_fetching_goes_on_where_it_stopped(tmp_path: Path) -> None:
    (tmp_path / "a-1.jar").write_bytes(b"good")
    (tmp_path / "b-1.jar").write_bytes(b"half")
    fetched: list[str] = []
    told: list[tuple[int, int]] = []
    fetch_all(
        [pinned(name, b"good") for name in "abc"],
        tmp_path,
        fetch=writing(b"good", fetched),
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert sorted(fetched) == ["b", "c"]
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"good"}


def test_an_interrupted_download_leaves_no_file_under_the_final_name(tmp_path: Path) -> None:
    def breaks_off(_artifact: PinnedArtifact, target: Path) -> None:
        target.write_bytes(b"go")
        raise ConnectionError("reset")

    with pytest.raises(ConnectionError):
        fetch_all([pinned("a", b"good")], tmp_path, fetch=breaks_off)
    assert list(tmp_path.iterdir()) == []


def test_an_unreachable_repository_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MIRROR_VARIABLE, "http://127.0.0.1:9/")
    with pytest.raises(CommandError) as raised:
        fetch_all([pinned("a", b"good")], tmp_path)
    assert raised.value.code == "artifact_unreachable"
    assert "OPENSEARCH_HOME" in raised.value.message
