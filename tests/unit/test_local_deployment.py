"""When a deployment counts as current, and what the emulator and the CDK's command line may see."""

from pathlib import Path

import pytest

from scripts.artifact.package import PackagedModel
from scripts.errors import CommandError
from scripts.local.cdk import Cdk
from scripts.local.deployment import Deployment
from scripts.local.emulator.launcher import MINISTACK_VERSION
from scripts.local.emulator_process import Emulator
from scripts.local.settings import LocalSettings
from scripts.repository import ROOT

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


def packaged(digest: str, *, fingerprint: str = "f" * 64) -> PackagedModel:
    return PackagedModel(
        path=Path("model.tar.gz"),
        digest=digest,
        fingerprint=fingerprint,
        dimension=2,
        name="demo",
        python="3.11",
    )


def test_a_deployment_is_current_for_its_own_model_only(settings: LocalSettings) -> None:
    deployment = Deployment(settings, print)
    assert not deployment.is_current(packaged("a" * 64))
    deployment.remember(packaged("a" * 64))
    assert deployment.is_current(packaged("a" * 64))
    assert not deployment.is_current(packaged("b" * 64))


def test_another_models_vectors_are_refused_while_the_emulator_holds_an_index(
    settings: LocalSettings,
) -> None:
    deployment, other = Deployment(settings, print), packaged("b" * 64, fingerprint="e" * 64)
    deployment.require_same_vectors(other)
    deployment.remember(packaged("a" * 64))

    deployment.require_same_vectors(packaged("b" * 64))
    with pytest.raises(CommandError, match="imagesearch local down") as raised:
        deployment.require_same_vectors(other)

    assert raised.value.code == "model_differs"


def test_what_was_deployed_is_forgotten_with_the_emulator(settings: LocalSettings) -> None:
    deployment = Deployment(settings, print)
    deployment.remember(packaged("a" * 64))
    Emulator(settings).stop()
    assert not deployment.is_current(packaged("a" * 64))


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
