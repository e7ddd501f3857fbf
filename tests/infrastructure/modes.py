"""`dev` with each way of asking who calls, behind a firewall; the checks are those of every environment."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from stacks.model_lock import ModelLock
from stacks.settings import DEV
from stacks.settings.api import Authorisation
from stacks.stage import ImageSearchStage
from tests.infrastructure.assembly import Synthesized, context, read_templates

MODES: tuple[Authorisation, ...] = get_args(Authorisation)


def synthesize_modes(folder: Path) -> Synthesized:
    """Return the templates by mode and stack."""
    app = cdk.App(context=context(folder), outdir=str(folder / "out"))
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    lock = ModelLock.load(folder / "model.lock")
    for mode in MODES:
        # The page takes no signatures.
        web = DEV.web if mode != "iam" else None
        settings = replace(DEV, api=replace(DEV.api, authorisation=mode, firewall=True), web=web)
        ImageSearchStage(app, mode, settings=settings, model_lock=lock)
    app.synth()
    return read_templates(folder / "out", MODES)
