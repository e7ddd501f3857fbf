"""The stack that looks at all the others; it refers to none of them, so each can be replaced."""

from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from stacks.components.monitoring.alarm_topic import AlarmTopic
from stacks.components.monitoring.alarms import Alarms, watches
from stacks.components.monitoring.dashboard import Dashboard
from stacks.components.monitoring.log_queries import LogQueries
from stacks.components.monitoring.measurements import Measurements
from stacks.model_lock import LockedModel
from stacks.settings import Settings
from stacks.settings.monitoring import MonitoringSettings


class MonitoringStack(cdk.Stack):
    """Dashboard, log queries and, where the settings make them, the alarms of an environment with `models`.

    Outputs: `DashboardName`, and with alarms `AlarmTopicArn`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        monitoring: MonitoringSettings,
        models: Mapping[str, LockedModel],
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        measured = Measurements(self, settings=settings, models=models)
        alarms = self._alarms(settings, monitoring, measured) if monitoring.alarms else []
        dashboard = Dashboard(self, "Overview", settings=settings, measured=measured, alarms=alarms)
        LogQueries(self, "Queries", settings=settings)
        cdk.CfnOutput(self, "DashboardName", value=dashboard.name)

    def _alarms(
        self, settings: Settings, monitoring: MonitoringSettings, measured: Measurements
    ) -> list[cloudwatch.IAlarm]:
        told = AlarmTopic(self, "Told", settings=settings, monitoring=monitoring)
        cdk.CfnOutput(self, "AlarmTopicArn", value=told.topic.topic_arn)
        watched = watches(settings, monitoring, measured)
        return Alarms(self, "Alarms", settings=settings, watches=watched, topic=told.topic).all
