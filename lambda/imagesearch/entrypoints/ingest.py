"""The ingest function: the image bucket's events, from EventBridge through SQS, into the index.

A message that fails is delivered again and lands in the dead-letter queue in the end; the others of its
batch are done.
"""

import json
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from imagesearch.entrypoints import wiring
from imagesearch.entrypoints.wiring import IngestParts
from imagesearch.errors import MessageInvalidError
from imagesearch.indexing import Outcome
from imagesearch.metadata import picture_key

Handler = Callable[[dict[str, Any], LambdaContext], Any]

_SPARE_SECONDS = 5.0
"""What a picture takes beside the model: looks at S3, reads and writes of the indices."""


class OutOfTimeError(Exception):
    """The function would be ended in the middle of the next picture."""


def build_handler(parts: Callable[[], IngestParts]) -> Handler:
    """Return the function's handler; `parts` is asked on every message."""

    def handler(event: dict[str, Any], context: LambdaContext) -> Any:
        """Bring every message's key in line; return the messages that must come again."""
        processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
        return process_partial_response(
            event=event,
            record_handler=_Batch(parts, context).take,
            processor=processor,
            context=context,
        )

    return handler


def key_of(body: str, *, bucket: str) -> str:
    """Return the object key of an event of this bucket. Raises MessageInvalidError."""
    try:
        detail = json.loads(body)["detail"]
        name, key = detail["bucket"]["name"], detail["object"]["key"]
    except (ValueError, KeyError, TypeError) as error:
        raise MessageInvalidError("The message is no S3 event of EventBridge.") from error
    if name != bucket or not isinstance(key, str) or not key:
        raise MessageInvalidError(f"The message is no event of the bucket {bucket}.")
    return key


class _Batch:
    """The messages of one invocation, taken while time is left."""

    def __init__(self, parts: Callable[[], IngestParts], context: LambdaContext) -> None:
        self._parts = parts
        self._context = context
        self._taken = 0

    def take(self, record: SQSRecord) -> Outcome:
        try:
            parts = self._parts()
            self._check_time(parts.seconds_per_picture)
            outcome = parts.indexer.bring_in_line(picture_key(key_of(record.body, bucket=parts.bucket)))
        except Exception as error:
            wiring.logger().exception("not indexed", message_id=record.message_id, error=str(error))
            raise
        wiring.logger().info("done", message_id=record.message_id, outcome=outcome)
        return outcome

    def _check_time(self, seconds_per_picture: float) -> None:
        """Leave messages for later rather than be ended among them; the first is always taken."""
        left = self._context.get_remaining_time_in_millis() / 1000
        if self._taken and left < seconds_per_picture + _SPARE_SECONDS:
            raise OutOfTimeError(f"Only {left:.0f} s are left for another picture.")
        self._taken += 1


handler = build_handler(wiring.ingest_parts)
