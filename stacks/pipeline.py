"""The stack of the pipeline that deploys what is pushed, to one environment after another."""

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam
from aws_cdk import pipelines
from constructs import Construct

from stacks.components.releasing.pipeline_findings import acknowledge_pipeline
from stacks.components.releasing.release_access import allow_release
from stacks.model_lock import ModelLock
from stacks.settings import ENVIRONMENTS, Settings
from stacks.settings.pipeline import PipelineSettings
from stacks.stage import ImageSearchStage

ASSEMBLY = "cdk.out"
_TEST_HOURS = 2
_RUNTIMES = {"python": "3.12", "nodejs": "22"}
_CACHED = ["/root/.cache/uv/**/*", "/root/.npm/**/*", "build/models/**/*"]
# The command line of the same minute as the library's: the next one may write another assembly.
_CLI = json.loads((Path(__file__).parents[1] / "package.json").read_text(encoding="utf-8"))
_ASSETS_CLI = "4.7.3"


class PipelineStack(cdk.Stack):
    """Source → synth with all tests → the pipeline itself → each environment: models, deployment, smoke test.

    Every environment but the first waits for somebody's approval. Before the models of an environment are
    deployed, their artifacts are brought into its bucket where they are not there yet: the assembly carries
    none.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: PipelineSettings,
        model_lock: ModelLock,
        **stack: Any,
    ) -> None:
        first = ENVIRONMENTS[settings.environments[0]]
        place = cdk.Environment(account=first.account, region=first.region)
        super().__init__(scope, construct_id, env=place, **stack)
        source = pipelines.CodePipelineSource.connection(
            settings.repository, settings.branch, connection_arn=settings.connection_arn
        )
        pipeline = pipelines.CodePipeline(
            self,
            "Pipeline",
            synth=_synth(source),
            pipeline_type=codepipeline.PipelineType.V2,
            cli_version=_CLI["devDependencies"]["aws-cdk"],
            cdk_assets_cli_version=_ASSETS_CLI,
            code_build_defaults=_build_defaults(),
            # A key of its own encrypts what the steps hand on.
            cross_account_keys=True,
            enable_key_rotation=True,
        )
        for name in settings.environments:
            _add_environment(self, pipeline, ENVIRONMENTS[name], source, model_lock, asks=name != first.name)
        pipeline.build_pipeline()
        acknowledge_pipeline(self, pipeline)


def _synth(source: pipelines.IFileSetProducer) -> pipelines.CodeBuildStep:
    return pipelines.CodeBuildStep(
        "Synth",
        input=source,
        commands=["make setup", "make check", "make test", "make synth STACKS='Pipeline/**'"],
        primary_output_directory=ASSEMBLY,
        # The tests deploy the whole application, OpenSearch and the model server included.
        build_environment=codebuild.BuildEnvironment(compute_type=codebuild.ComputeType.LARGE),
        timeout=cdk.Duration.hours(_TEST_HOURS),
    )


def _build_defaults() -> pipelines.CodeBuildOptions:
    specification = {"phases": {"install": {"runtime-versions": _RUNTIMES}}, "cache": {"paths": _CACHED}}
    return pipelines.CodeBuildOptions(
        build_environment=codebuild.BuildEnvironment(build_image=codebuild.LinuxBuildImage.STANDARD_7_0),
        partial_build_spec=codebuild.BuildSpec.from_object(specification),
        cache=codebuild.Cache.local(codebuild.LocalCacheMode.CUSTOM),
    )


def _add_environment(
    scope: Construct,
    pipeline: pipelines.CodePipeline,
    settings: Settings,
    source: pipelines.IFileSetProducer,
    model_lock: ModelLock,
    *,
    asks: bool,
) -> None:
    name = settings.name
    stage = ImageSearchStage(scope, name, settings=settings, model_lock=model_lock)
    role = iam.Role(scope, f"{name}-Release", assumed_by=iam.ServicePrincipal("codebuild.amazonaws.com"))
    allow_release(role, settings)
    pipeline.add_stage(
        stage,
        pre=[pipelines.ManualApprovalStep(f"Approve-{name}")] if asks else None,
        stack_steps=[
            pipelines.StackSteps(
                stack=stage.model,
                pre=[_command(f"Prepare-{name}", source, role, f"imagesearch deploy {name} --prepare")],
            )
        ],
        post=[_command(f"Smoke-{name}", source, role, f"imagesearch smoke {name}")],
    )


def _command(
    name: str, source: pipelines.IFileSetProducer, role: iam.Role, command: str
) -> pipelines.CodeBuildStep:
    """Return a step that runs a command of ours, from the sources, with the rights of `role`."""
    return pipelines.CodeBuildStep(
        name, input=source, role=role, commands=["make .venv/.ready", f".venv/bin/{command}"]
    )
