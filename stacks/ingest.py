"""The stack that keeps the index equal to the image bucket."""

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from stacks import names
from stacks.components.domain.domain_roles import SearchDomain, admit
from stacks.components.domain.search_index import search_index
from stacks.components.domain.vector_domain import allow_requests
from stacks.components.foundations.encryption_key import allow_messages
from stacks.components.functions.function_environment import ingest_environment, metrics_environment
from stacks.components.functions.python_function import PythonFunction
from stacks.components.indexing.ingest_queue import IngestQueue
from stacks.components.models.encoder_access import allow_encoding, allow_reading_pictures
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
        domain: SearchDomain,
        model: LockedModel,
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        search_index(self, "SearchIndex", settings=settings, domain=domain, model=model)
        ingest = PythonFunction(
            self,
            "Ingest",
            entrypoint="ingest",
            description="Looks at pictures that changed, and writes or deletes their documents",
            settings=settings.functions,
            memory_mb=settings.ingest.memory_mb,
            timeout_seconds=settings.ingest.timeout_seconds,
            environment={
                **ingest_environment(settings, domain.endpoint),
                **metrics_environment(settings),
            },
            name=names.function(settings, "ingest"),
            network=domain.network,
        )
        _allow_ingest(ingest, settings)
        admit(ingest, domain=domain, settings=settings, access="write")
        queue = IngestQueue(self, "Pictures", settings=settings, function=ingest.function)
        allow_messages(ingest.role, settings=settings, queue=queue.queue)
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
