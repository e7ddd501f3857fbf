"""The ingest function: the image bucket's events, from EventBridge through SQS, into the index.

A message that fails is delivered again and lands in the dead-letter queue in the end; the others of its
batch are done.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from imagesearch.entrypoints import observing, wiring
from imagesearch.entrypoints.wiring import IngestParts
from imagesearch.errors import MessageInvalidError
from imagesearch.figures import Figure, Figures
from imagesearch.indexing import Outcome
from imagesearch.metadata import picture_key
from imagesearch.ports import Metrics

Handler = Callable[[dict[str, Any], LambdaContext], Any]

_SPARE_SECONDS = 5.0
"""What a picture takes beside the model: looks at S3, reads and writes of the indices."""

_COUNTED = {Outcome.INDEXED: Figure.INDEXED, Outcome.REJECTED: Figure.REJECTED}


class OutOfTimeError(Exception):
    """The function would be ended in the middle of the next picture."""


@dataclass(frozen=True, kw_only=True)
class PictureEvent:
    """What EventBridge tells of an object, found again by its id, and in S3's order by its sequencer."""

    id: str
    time: datetime
    bucket: str
    key: str
    sequencer: str


def build_handler(
    parts: Callable[[], IngestParts],
    metrics: Callable[[], Metrics] = observing.metrics,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Handler:
    """Return the function's handler; `parts` is asked on every message."""

    def handler(event: dict[str, Any], context: LambdaContext) -> Any:
        """Bring every message's key in line; return the messages that must come again."""
        processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
        return process_partial_response(
            event=event,
            record_handler=_Batch(parts, context, metrics=metrics, clock=clock).take,
            processor=processor,
            context=context,
        )

    return handler


def event_of(body: str) -> PictureEvent | None:
    """Return the event of S3 that a message brings, or None where it brings none."""
    try:
        event = json.loads(body)
        detail = event["detail"]
        changed = detail["object"]
        read = PictureEvent(
            id=event["id"],
            time=datetime.fromisoformat(event["time"]).astimezone(UTC),
            bucket=detail["bucket"]["name"],
            key=changed["key"],
            sequencer=changed.get("sequencer", ""),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return read if read.key and all(isinstance(each, str) for each in (read.id, read.key)) else None


class _Batch:
    """The messages of one invocation, taken while time is left."""

    def __init__(
        self,
        parts: Callable[[], IngestParts],
        context: LambdaContext,
        *,
        metrics: Callable[[], Metrics],
        clock: Callable[[], datetime],
    ) -> None:
        self._parts = parts
        self._context = context
        self._metrics = metrics
        self._clock = clock
        self._taken = 0

    def take(self, record: SQSRecord) -> Outcome:
        event = event_of(record.body)
        identifier = record.message_id if event is None else event.id
        with observing.working_on(identifier, message_id=record.message_id, **_names(event)):
            try:
                return self._bring_in_line(event)
            except Exception as error:
                wiring.logger().exception("not indexed", error=str(error))
                if not isinstance(error, OutOfTimeError):
                    self._metrics().record({Figure.FAILURES: 1})
                raise

    def _bring_in_line(self, event: PictureEvent | None) -> Outcome:
        parts = self._parts()
        if event is None:
            raise MessageInvalidError("The message is no S3 event of EventBridge.")
        if event.bucket != parts.bucket:
            raise MessageInvalidError(f"The message is no event of the bucket {parts.bucket}.")
        self._check_time(parts.seconds_per_picture)
        outcome = parts.indexer.bring_in_line(picture_key(event.key))
        wiring.logger().info("done", outcome=outcome)
        # What another event's turn has done already was not this one's to wait for.
        if outcome is not Outcome.UNCHANGED:
            self._metrics().record(_figures(outcome, lag=self._clock() - event.time))
        return outcome

    def _check_time(self, seconds_per_picture: float) -> None:
        """Leave messages for later rather than be ended among them; the first is always taken."""
        left = self._context.get_remaining_time_in_millis() / 1000
        if self._taken and left < seconds_per_picture + _SPARE_SECONDS:
            raise OutOfTimeError(f"Only {left:.0f} s are left for another picture.")
        self._taken += 1


def _names(event: PictureEvent | None) -> dict[str, str]:
    """Return what finds an event in the log."""
    return {} if event is None else {"event_id": event.id, "key": event.key, "sequencer": event.sequencer}


def _figures(outcome: Outcome, *, lag: timedelta) -> Figures:
    counted = _COUNTED.get(outcome)
    return {Figure.LAG_SECONDS: max(0.0, lag.total_seconds()), **({counted: 1} if counted else {})}


handler = build_handler(wiring.ingest_parts)
