"""The models' own image: its repository, and a resource that exists once the image does."""

import aws_cdk as cdk
from aws_cdk import aws_ecr as ecr
from constructs import Construct

from stacks import names
from stacks.components.foundations.permissions import allow
from stacks.components.functions.python_function import PythonFunction
from stacks.components.functions.resource_provider import resource_provider
from stacks.components.models.image_project import BUILD_MINUTES, QUEUE_MINUTES, ImageProject
from stacks.serving_image import image_tag, repository_arn
from stacks.settings import Settings

_KEPT_IMAGES = 10
# The build's own time-outs end first, so that its failure is told and not that of waiting for it.
_TOTAL_MINUTES = BUILD_MINUTES + QUEUE_MINUTES + 5


class ServingImage(Construct):
    """Whatever depends on this is made after the image, which is built where the repository lacks it."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
        repository = self._repository(settings)
        project = ImageProject(self, "Build", settings=settings)
        function = self._function(project, settings)
        provider = resource_provider(self, function=function, settings=settings, wait_minutes=_TOTAL_MINUTES)
        resource = cdk.CustomResource(
            self,
            "Resource",
            resource_type="Custom::ServingImage",
            service_token=provider.service_token,
            properties={
                "Project": project.project.ref,
                "Repository": repository.repository_name,
                "Tag": image_tag(settings),
                "Source": project.source,
                "BaseImage": settings.container.base_image,
            },
        )
        resource.node.add_dependency(project, function)

    def _repository(self, settings: Settings) -> ecr.Repository:
        return ecr.Repository(
            self,
            "Repository",
            repository_name=names.image_repository(settings),
            image_scan_on_push=True,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            # An image that is needed again after it has gone, say by a rollback, is built again.
            lifecycle_rules=[ecr.LifecycleRule(max_image_count=_KEPT_IMAGES)],
            removal_policy=cdk.RemovalPolicy.DESTROY,
            empty_on_delete=True,
        )

    def _function(self, project: ImageProject, settings: Settings) -> PythonFunction:
        function = PythonFunction(
            self,
            "Order",
            entrypoint="image_build",
            description="Has the models' image built where it is missing, and says when it is there",
            settings=settings.functions,
            memory_mb=256,
            timeout_seconds=60,
            environment={},
        )
        allow(
            function.role,
            actions=["codebuild:StartBuild", "codebuild:BatchGetBuilds"],
            resources=[project.project.attr_arn],
        )
        allow(function.role, actions=["ecr:DescribeImages"], resources=[repository_arn(settings)])
        return function
