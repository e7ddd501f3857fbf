"""The whole app with what brings changes to it: the pipeline in AWS, and the roles of the workflow."""

from pathlib import Path

import aws_cdk as cdk

from app import build
from stacks.settings.pipeline import PipelineSettings, WorkflowSettings
from tests.infrastructure.assembly import context

REPOSITORY = "people/pictures"
CONNECTION = "arn:aws:codeconnections:us-east-1:123456789012:connection/5e5e5e5e-0000-4000-8000-000000000000"
CONFIGURED = PipelineSettings(repository=REPOSITORY, connection_arn=CONNECTION)
BOUND = WorkflowSettings(repository=REPOSITORY)
STACKS = ("Pipeline", "Workflow")


def synthesize_delivery(folder: Path) -> Path:
    """Return the assembly below `folder`, checked by cdk-nag as every synth is."""
    app = cdk.App(context=context(folder), outdir=str(folder / "out"))
    build(app, pipeline=CONFIGURED, workflow=BOUND)
    app.synth()
    return folder / "out"


def template_files(assembly: Path) -> list[Path]:
    """Return the files of the two stacks' templates."""
    return [assembly / f"{name}.template.json" for name in STACKS]
