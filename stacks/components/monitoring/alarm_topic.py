"""The topic that alarms tell, and who hears of it."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from stacks.settings import Settings
from stacks.settings.monitoring import MonitoringSettings


class AlarmTopic(Construct):
    """The encrypted `topic`, and a subscription for each address of the settings, which AWS asks first."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, monitoring: MonitoringSettings
    ) -> None:
        super().__init__(scope, construct_id)
        self.topic = sns.Topic(
            self,
            "Topic",
            topic_name=f"{settings.endpoint_prefix}alarms",
            display_name=f"Image search, {settings.name}",
            # Where the environment has a key of its own, that one encrypts every topic.
            master_key=_key(self) if settings.encryption == "aws" else None,
            enforce_ssl=True,
        )
        cloudwatch = iam.ServicePrincipal("cloudwatch.amazonaws.com")
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[cloudwatch],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions=_of_this_account(),
            )
        )
        for address in monitoring.notify:
            self.topic.add_subscription(subscriptions.EmailSubscription(address))


def _key(scope: Construct) -> kms.Key:
    # Of the key that AWS manages for SNS, CloudWatch may not make use.
    key = kms.Key(
        scope,
        "Key",
        description="Encrypts alarms on their way",
        enable_key_rotation=True,
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
    key.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=["*"],
            conditions=_of_this_account(),
        )
    )
    return key


def _of_this_account() -> dict[str, dict[str, str]]:
    return {"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}}
