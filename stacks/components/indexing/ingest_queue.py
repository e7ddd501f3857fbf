"""The way of an event about a picture: rule, queue, function; what fails for good waits apart."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks import limits, names
from stacks.settings import Settings


class IngestQueue(Construct):
    """Brings creations and deletions in the image bucket to `function`, in batches, with retries.

    Pictures that were uploaded for a search are nobody's to index.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, function: lambda_.IFunction
    ) -> None:
        super().__init__(scope, construct_id)
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            queue_name=names.dead_letters(settings),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(limits.QUEUE_RETENTION_DAYS.value),
        )
        self.queue = sqs.Queue(
            self,
            "Queue",
            queue_name=names.ingest_queue(settings),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(settings.ingest.retention_days),
            visibility_timeout=cdk.Duration.seconds(settings.ingest.visibility_seconds),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters, max_receive_count=settings.ingest.max_receives
            ),
        )
        self._add_rule(settings)
        function.add_event_source(
            sources.SqsEventSource(
                self.queue,
                batch_size=settings.ingest.batch_size,
                max_concurrency=settings.ingest.max_concurrency,
                report_batch_item_failures=True,
            )
        )

    def _add_rule(self, settings: Settings) -> None:
        target = targets.SqsQueue(
            self.queue,
            dead_letter_queue=self.dead_letters,
            max_event_age=cdk.Duration.hours(limits.EVENT_RETRY_HOURS.value),
        )
        events.Rule(
            self,
            "Rule",
            description="Pictures that were put into or removed from the image bucket",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created", "Object Deleted"],
                detail={
                    "bucket": {"name": [names.image_bucket(settings)]},
                    "object": {"key": events.Match.anything_but_prefix(f"{names.QUERIES}/")},
                },
            ),
            targets=[target],
        )
