"""The stack that keeps the index equal to the image bucket."""

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from stacks.components.encoder_access import allow_encoding, allow_reading_pictures
from stacks.components.function_environment import ingest_environment, search_environment
from stacks.components.ingest_queue import IngestQueue
from stacks.components.python_function import PythonFunction
from stacks.components.search_index import SearchIndex
from stacks.components.vector_domain import allow_requests
from stacks.model_lock import LockedModel
from stacks.names import INDEX_ALIAS, WRITTEN_ALIAS
from stacks.settings import Settings


class IngestStack(cdk.Stack):
    """The index for `model`, and event-driven ingest into it. Output `DeadLetterQueueUrl`: what failed."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        search_endpoint: str,
        model: LockedModel,
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        SearchIndex(
            self,
            "Index",
            settings=settings,
            model=model,
            environment=search_environment(settings, search_endpoint),
        )
        ingest = PythonFunction(
            self,
            "Ingest",
            entrypoint="ingest",
            description="Looks at pictures that changed, and writes or deletes their documents",
            settings=settings.functions,
            memory_mb=settings.ingest.memory_mb,
            timeout_seconds=settings.ingest.timeout_seconds,
            environment=ingest_environment(settings, search_endpoint),
        )
        _allow_ingest(ingest, settings)
        queue = IngestQueue(self, "Pictures", settings=settings, function=ingest.function)
        cdk.CfnOutput(self, "DeadLetterQueueUrl", value=queue.dead_letters.queue_url)


def _allow_ingest(ingest: PythonFunction, settings: Settings) -> None:
    allow_encoding(ingest.role, settings)
    allow_reading_pictures(ingest.role, settings)
    documents = f"{INDEX_ALIAS}-*/_doc/*"
    reading = [f"{INDEX_ALIAS}/_mapping", f"{WRITTEN_ALIAS}/_mapping", documents]
    reason = "Documents of any picture, in whichever indices are kept."
    allow_requests(ingest.role, settings=settings, methods=["Get"], paths=reading, reason=reason)
    allow_requests(
        ingest.role, settings=settings, methods=["Delete", "Put"], paths=[documents], reason=reason
    )
