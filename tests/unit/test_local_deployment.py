"""When a deployment counts as current, and what the emulator and the CDK's command line may see."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts.artifact.package import PackagedModel
from scripts.errors import CommandError
from scripts.local.cdk import Cdk
from scripts.local.deployment import Deployment
from scripts.local.emulator.launcher import MINISTACK_VERSION
from scripts.local.emulator_process import PART, Emulator
from scripts.local.environment import authorisation_running, models_running
from scripts.local.model_package import model_lock_path, write_model_lock
from scripts.local.processes import ProcessTable
from scripts.local.settings import LocalSettings
from scripts.migration.status import IndexInUse
from scripts.repository import ROOT
from stacks.model_lock import ModelLock

SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIADEVELOPER",
    "AWS_SECRET_ACCESS_KEY": "developers-secret",
    "AWS_SESSION_TOKEN": "developers-token",
    "AWS_PROFILE": "production",
}


@pytest.fixture
def settings(tmp_path: Path) -> LocalSettings:
    return LocalSettings(directory=tmp_path)


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def packaged(digest: str, *, name: str = "demo", fingerprint: str = "f" * 64) -> PackagedModel:
    return PackagedModel(
        path=Path("model.tar.gz"),
        digest=digest,
        fingerprint=fingerprint,
        dimension=2,
        name=name,
        python="3.11",
    )


def test_a_deployment_is_current_for_its_own_models_only(settings: LocalSettings) -> None:
    deployment, first, second = Deployment(settings, print), packaged("a" * 64), packaged("b" * 64)
    assert not deployment.is_current([first])
    deployment.remember([first])
    assert deployment.is_current([first])
    assert not deployment.is_current([second])
    assert not deployment.is_current([first, second])


def test_a_deployment_is_current_for_what_its_api_asks_of_callers_only(settings: LocalSettings) -> None:
    model = packaged("a" * 64)
    Deployment(settings, print, authorisation="cognito").remember([model])
    assert Deployment(settings, print, authorisation="cognito").is_current([model])
    assert not Deployment(settings, print, authorisation="key").is_current([model])


def test_the_order_of_the_models_counts_as_a_new_index_is_made_for_the_first(settings: LocalSettings) -> None:
    deployment, first, second = Deployment(settings, print), packaged("a" * 64), packaged("b" * 64)
    deployment.remember([first, second])
    assert not deployment.is_current([second, first])


def test_models_that_no_index_needs_may_go(settings: LocalSettings) -> None:
    index = IndexInUse("images-ffffffffffff-1", "f" * 64)
    deployment, other = Deployment(settings, print), packaged("b" * 64, name="other", fingerprint="e" * 64)
    deployment.require_served([], [other])
    deployment.require_served([index], [other, packaged("a" * 64)])
    deployment.require_served([index], [packaged("c" * 64)])


def test_a_model_whose_index_is_in_use_stays_and_is_called_by_its_name(settings: LocalSettings) -> None:
    write_model_lock([packaged("a" * 64, name="old")], settings)
    deployment, other = Deployment(settings, print), packaged("b" * 64, name="other", fingerprint="e" * 64)

    with pytest.raises(
        CommandError, match=r"old of fingerprint f{12}\..*--model.*migrate --finish.*local down"
    ):
        deployment.require_served([IndexInUse("images-ffffffffffff-1", "f" * 64)], [other])


def test_the_environments_lock_names_its_models_and_no_earlier_ones(settings: LocalSettings) -> None:
    write_model_lock([packaged("a" * 64, name="old")], settings)
    write_model_lock([packaged("a" * 64), packaged("b" * 64, name="demo-256")], settings)
    assert set(ModelLock.load(model_lock_path(settings)).models) == {"demo", "demo-256"}


def test_without_a_running_environment_the_default_model_is_meant(settings: LocalSettings) -> None:
    (settings.directory / "environment.json").write_text('{"models": ["demo", "demo-256"]}')
    assert models_running(settings) == ("demo",)


def test_a_running_environment_keeps_what_its_api_asks_of_callers(settings: LocalSettings) -> None:
    (settings.directory / "environment.json").write_text('{"authorisation": "cognito"}')
    assert authorisation_running(settings) == "key"
    with a_process_in_place_of_the_emulator(settings):
        assert authorisation_running(settings) == "cognito"


def test_a_running_environment_keeps_its_models(settings: LocalSettings) -> None:
    (settings.directory / "environment.json").write_text('{"models": ["demo", "demo-256"]}')
    with a_process_in_place_of_the_emulator(settings):
        assert models_running(settings) == ("demo", "demo-256")


@contextmanager
def a_process_in_place_of_the_emulator(settings: LocalSettings) -> Iterator[None]:
    processes = ProcessTable(settings.directory)
    processes.start(
        PART,
        [sys.executable, "-c", "import signal; signal.pause()"],
        environment={},
        port=0,
        directory=settings.directory,
    )
    try:
        yield
    finally:
        processes.stop(PART)


def test_what_was_deployed_is_forgotten_with_the_emulator(settings: LocalSettings) -> None:
    deployment = Deployment(settings, print)
    deployment.remember([packaged("a" * 64)])
    Emulator(settings).stop()
    assert not deployment.is_current([packaged("a" * 64)])


@pytest.mark.usefixtures("secrets")
def test_functions_inherit_nothing_of_the_developers(
    settings: LocalSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_PRIVATE_TOKEN", "hidden")
    seen = Emulator(settings)._environment(settings.directory, "127.0.0.1:9200")
    assert not set(SECRETS.values()) & set(seen.values())
    assert "MY_PRIVATE_TOKEN" not in seen
    assert seen["BIND_HOST"] == "127.0.0.1"


@pytest.mark.usefixtures("secrets")
def test_the_cdk_cannot_reach_the_developers_account(settings: LocalSettings) -> None:
    seen = Cdk(settings)._environment()
    assert not set(SECRETS.values()) & set(seen.values())
    assert seen["AWS_ENDPOINT_URL"] == settings.emulator_url
    assert not Path(seen["AWS_CONFIG_FILE"]).exists()
    assert not Path(seen["AWS_SHARED_CREDENTIALS_FILE"]).exists()


def test_the_launcher_asserts_the_pinned_version_of_the_emulator() -> None:
    requirements = (ROOT / "scripts" / "local" / "emulator" / "requirements.in").read_text()
    assert f"ministack=={MINISTACK_VERSION}" in requirements.splitlines()
