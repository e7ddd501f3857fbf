"""The synthesized app, once a session: starting the CDK takes seconds."""

from dataclasses import replace
from pathlib import Path

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks

from stacks.model_lock import ModelLock
from stacks.settings import DEV, VERIFY
from stacks.settings.model import ContainerSettings
from stacks.stage import ImageSearchStage
from tests.infrastructure.assembly import Synthesized, context, read_templates, synthesize
from tests.infrastructure.delivery import synthesize_delivery


@pytest.fixture(scope="session")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    return synthesize(tmp_path_factory.mktemp("synth"))


@pytest.fixture(scope="session")
def requested(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """The environment that is built on request only."""
    return synthesize(tmp_path_factory.mktemp("requested"), requested=VERIFY.name)


@pytest.fixture(scope="session")
def slim(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """`dev` with the models' own image, with the checks that every environment passes."""
    folder = tmp_path_factory.mktemp("slim")
    app = cdk.App(context=context(folder), outdir=str(folder / "out"))
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    settings = replace(DEV, container=ContainerSettings(image="slim"))
    ImageSearchStage(app, "dev", settings=settings, model_lock=ModelLock.load(folder / "model.lock"))
    app.synth()
    return read_templates(folder / "out")


@pytest.fixture(scope="session")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The assembly of an app with the stacks of the pipeline and of the workflow."""
    return synthesize_delivery(tmp_path_factory.mktemp("delivery"))
