"""What stands around the bulk run's state machine: a schedule, and the end of what was stopped."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.components.foundations.permissions import service_of_this_account
from stacks.settings import Settings


class BulkRules(Construct):
    """Starts `machine` every so many days of the settings, and calls `finish` for what was ended by force.

    No state of a stopped execution runs any more, so its index would stay as it is while it is loaded.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        machine: sfn.StateMachine,
        finish: lambda_.IFunction,
    ) -> None:
        super().__init__(scope, construct_id)
        self._release_ended(machine, finish)
        if settings.bulk.reconcile_days is not None:
            self._reconcile(machine, days=settings.bulk.reconcile_days)

    def _release_ended(self, machine: sfn.StateMachine, finish: lambda_.IFunction) -> None:
        # The input stands in the detail as text, which an input transformer cannot take apart.
        detail = events.RuleTargetInput.from_event_path("$.detail")
        events.Rule(
            self,
            "Ended",
            description="Bulk runs that were stopped or ran out of time, to be released and reported",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "stateMachineArn": [machine.state_machine_arn],
                    "status": ["ABORTED", "TIMED_OUT"],
                },
            ),
            targets=[targets.LambdaFunction(finish, event=detail)],
        )

    def _reconcile(self, machine: sfn.StateMachine, *, days: int) -> None:
        role = iam.Role(self, "ReconcileRole", assumed_by=service_of_this_account("events"))
        # The event's id is new every time, and a run's name may be one.
        begun_with = events.RuleTargetInput.from_object({"run": events.EventField.event_id, "prefix": ""})
        events.Rule(
            self,
            "Reconcile",
            description="A bulk run over everything, which leaves the index equal to the image bucket",
            schedule=events.Schedule.rate(cdk.Duration.days(days)),
            targets=[targets.SfnStateMachine(machine, input=begun_with, role=role)],
        )
