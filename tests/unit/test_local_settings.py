"""Settings of the local environment, and what it asks of the machine."""

import os
import tempfile
from pathlib import Path

import pytest

from scripts.errors import CommandError
from scripts.local.opensearch import OpenSearch
from scripts.local.settings import LocalSettings
from scripts.local.unprivileged import (
    NOBODY,
    is_reachable,
    readable_copy,
)
from scripts.local.waiting import wait_until
from scripts.local.web_process import WebPage


def test_variables_move_the_directory_and_the_ports() -> None:
    settings = LocalSettings.from_environment(
        {"IMAGESEARCH_LOCAL_DIR": "/x/y", "IMAGESEARCH_EMULATOR_PORT": "5000", "IMAGESEARCH_WEB_PORT": "5001"}
    )
    assert settings.directory == Path("/x/y")
    assert settings.emulator_url == "http://127.0.0.1:5000"
    assert WebPage(settings).url == "http://127.0.0.1:5001/"
    assert settings.opensearch_port == 9200


def test_an_environment_that_enforces_iam_answers_by_tls_and_has_an_authority_of_its_own() -> None:
    settings = LocalSettings.from_environment({"IMAGESEARCH_LOCAL_DIR": "/x", "IMAGESEARCH_ENFORCE": "true"})
    assert settings.emulator_url == "https://127.0.0.1:4566"
    assert settings.ca_file == Path("/x/tls/ca.pem")
    assert LocalSettings.from_environment({}).ca_file is None


def test_a_switch_that_is_neither_on_nor_off_is_refused_by_name() -> None:
    with pytest.raises(CommandError, match="IMAGESEARCH_ENFORCE"):
        LocalSettings.from_environment({"IMAGESEARCH_ENFORCE": "yes"})


@pytest.mark.parametrize("value", ["", "abc", "0", "70000", "-1"])
def test_a_port_that_is_none_is_refused_by_name(value: str) -> None:
    with pytest.raises(CommandError, match="IMAGESEARCH_OPENSEARCH_PORT"):
        LocalSettings.from_environment({"IMAGESEARCH_OPENSEARCH_PORT": value})


def test_a_port_that_the_model_server_refuses_is_refused_before_it_starts() -> None:
    with pytest.raises(CommandError, match="IMAGESEARCH_MODEL_SERVER_PORT"):
        LocalSettings.from_environment({"IMAGESEARCH_MODEL_SERVER_PORT": "32767"})


def test_an_opensearch_of_the_users_own_is_used_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", "http://search.example:9201/")
    search = OpenSearch(LocalSettings(directory=tmp_path))
    assert search.address == "search.example:9201"
    assert search.stop() is False


@pytest.mark.parametrize(
    "url", ["https://search.example", "http://me:secret@search.example", "http://x/path"]
)
def test_an_opensearch_url_that_the_emulator_cannot_hand_on_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("OPENSEARCH_URL", url)
    with pytest.raises(CommandError, match="OPENSEARCH_URL"):
        _ = OpenSearch(LocalSettings(directory=tmp_path)).address


def test_a_folder_below_a_private_home_is_not_reachable_for_others(tmp_path: Path) -> None:
    inner = tmp_path / "home" / "checkout"
    inner.mkdir(parents=True)
    inner.parent.chmod(0o700)
    assert not is_reachable(inner)


def test_what_others_cannot_read_is_copied_and_the_rest_is_used_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "private" / "distribution"
    home.mkdir(parents=True)
    (home / "file").write_text("content")
    home.parent.chmod(0o700)
    public = tmp_path / "public"
    public.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(public))
    copy = readable_copy(home, NOBODY)
    assert copy.is_relative_to(public)
    assert (copy / "file").read_text() == "content"
    assert readable_copy(home, None) == home
    assert readable_copy(Path("/usr/bin"), NOBODY) == Path("/usr/bin")


def test_a_readable_copy_is_made_anew_only_where_its_source_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "distribution"
    home.mkdir()
    (home / "file").write_text("content")
    tmp_path.chmod(0o700)
    public = tmp_path / "public"
    public.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(public))
    with (readable_copy(home, NOBODY) / "file").open() as in_use:
        again = (readable_copy(home, NOBODY) / "file").stat()
        assert again.st_ino == os.fstat(in_use.fileno()).st_ino

    (home / "file").write_text("another edition")
    assert (readable_copy(home, NOBODY) / "file").read_text() == "another edition"
    (home / "more").write_text("")
    assert (readable_copy(home, NOBODY) / "more").exists()
    (home / "more").unlink()
    assert not (readable_copy(home, NOBODY) / "more").exists()
    (home / "file").unlink()
    (home / "file").mkdir()
    assert (readable_copy(home, NOBODY) / "file").is_dir()
    assert sorted(path.name for path in public.glob("*/*")) == ["distribution", "lock"], (
        "nothing is left over"
    )


def test_a_public_folder_that_somebody_else_made_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "distribution"
    home.mkdir()
    tmp_path.chmod(0o700)
    public = tmp_path / "public"
    public.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(public))
    readable_copy(home, NOBODY)
    (planted,) = public.iterdir()
    planted.rename(public / "elsewhere")
    planted.symlink_to(public / "elsewhere")
    with pytest.raises(CommandError, match="belongs to somebody else"):
        readable_copy(home, NOBODY)


def test_a_system_folder_is_reachable_for_others() -> None:
    assert is_reachable(Path("/usr/bin"))


def test_waiting_ends_at_the_deadline() -> None:
    assert wait_until(lambda: False, seconds=0.05, poll_seconds=0.01) is False
    assert wait_until(lambda: True, seconds=0) is True
