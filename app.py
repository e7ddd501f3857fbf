"""The CDK app: one ImageSearchStage per environment, and what deploys them where the settings say so.

Reads the model lock and the CDK context and nothing else: no AWS call, no git, no environment variable.
Context (`-c name=value`): `model_lock` (file), `region`, `account`; `environment`, one that is built on
request only, in place of the others; of the environment on this machine also
`function_python` (what its functions run on), `local_models` (what it serves, such as `demo,demo-256`),
`local_authorisation` (what its API asks of callers: key, iam or cognito), `emulator_url` and `page_url`.
"""

from collections.abc import Mapping
from pathlib import Path

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from stacks.model_lock import ModelLock
from stacks.pipeline import PipelineStack
from stacks.settings import ENVIRONMENTS, ON_REQUEST, Settings, SettingsError
from stacks.settings.pipeline import PIPELINE, WORKFLOW, PipelineSettings, WorkflowSettings
from stacks.stage import ImageSearchStage
from stacks.workflow import WorkflowStack

OVERRIDES = (
    "region",
    "account",
    "function_python",
    "local_models",
    "local_authorisation",
    "emulator_url",
    "page_url",
)


def build(
    app: cdk.App,
    *,
    pipeline: PipelineSettings | None = PIPELINE,
    workflow: WorkflowSettings | None = WORKFLOW,
) -> dict[str, ImageSearchStage]:
    """Add every environment's stage, or the requested one's, to `app`, and return the stages by name.

    cdk-nag checks them. `pipeline` and `workflow` add the stacks of those who deploy them.
    """
    lock = ModelLock.load(Path(__file__).parent / (_context(app, "model_lock") or "model.lock"))
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    if pipeline is not None:
        PipelineStack(app, "Pipeline", settings=pipeline, model_lock=lock)
    if workflow is not None:
        WorkflowStack(app, "Workflow", settings=workflow)
    overrides = {name: _context(app, name) for name in OVERRIDES}
    return {
        name: ImageSearchStage(app, name, settings=settings.with_overrides(**overrides), model_lock=lock)
        for name, settings in _environments(_context(app, "environment")).items()
    }


def _environments(requested: str | None) -> Mapping[str, Settings]:
    if requested is None:
        return ENVIRONMENTS
    if requested not in ON_REQUEST:
        raise SettingsError(
            f"-c environment={requested}: only {', '.join(ON_REQUEST)} is built on request; leave it out for "
            f"{', '.join(ENVIRONMENTS)}"
        )
    return {requested: ON_REQUEST[requested]}


def _context(app: cdk.App, name: str) -> str | None:
    value = app.node.try_get_context(name)
    return None if value is None else str(value)


if __name__ == "__main__":
    application = cdk.App()
    build(application)
    application.synth()
