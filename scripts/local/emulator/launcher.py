"""Run the AWS emulator with SageMaker's stand-in in its process.

Run by the interpreter of .tools/emulator. ministack has no interface for extensions: everything that reaches
into it stands in this file, in ``mends.py`` and in ``enforcement.py``, and none of them runs with another
version than the one it was written for.
"""

import argparse
import os
import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

MINISTACK_VERSION = "1.5.33"
OPENSEARCH = "MINISTACK_OPENSEARCH_ENDPOINT"
"""The variable by which the emulator knows the address of every domain."""


def main() -> None:
    """Serve on GATEWAY_PORT and BIND_HOST until SIGTERM; models are unpacked below ``--workdir``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--model-server-port", type=int, required=True)
    options = parser.parse_args()
    if version("ministack") != MINISTACK_VERSION:
        sys.exit(f"ministack {MINISTACK_VERSION} is needed, {version('ministack')} is installed: make setup")
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
    from scripts.local.emulator import enforcement, mends
    from scripts.local.emulator.authority import Authority, Everyone

    authority: Authority = Everyone()
    if enforcement.is_enforced():
        authority = enforcement.EmulatorAuthority()
        # Before the emulator's own modules read where OpenSearch is.
        gate = enforcement.guard_domain(os.environ[OPENSEARCH])
        os.environ[OPENSEARCH] = gate.address
        enforcement.keep_to_own_port()
    sagemaker = register_sagemaker(
        workdir=options.workdir, first_port=options.model_server_port, authority=authority
    )
    mends.apply_all()
    if isinstance(authority, enforcement.EmulatorAuthority):
        enforcement.judge_state_machines(authority, mends.EXECUTION.get)
    from ministack.app import main as serve  # type: ignore[import-not-found]

    sys.argv = sys.argv[:1]  # ministack reads it too
    try:
        serve()
    finally:
        sagemaker.stop()  # not at exit: Python joins the threads before, which may wait for a model server


def register_sagemaker(*, workdir: Path, first_port: int, authority: Any) -> Any:
    """The stand-in, whose resources the emulator then knows and whose requests it answers."""
    from ministack import app  # type: ignore[import-not-found]
    from ministack.core import router  # type: ignore[import-not-found]
    from ministack.core.responses import get_account_id, get_region  # type: ignore[import-not-found]
    from ministack.services import s3  # type: ignore[import-not-found]
    from ministack.services.cloudformation import provisioners, stacks  # type: ignore[import-not-found]

    from scripts.local.emulator.api import SageMakerApi
    from scripts.local.emulator.cloudformation import REPLACING_PROPERTIES, resource_handlers
    from scripts.local.emulator.sagemaker import SageMaker
    from scripts.local.emulator.transform import TransformJobs

    sagemaker = SageMaker(
        workdir=workdir,
        first_port=first_port,
        fetch_object=s3._get_object_data,
        container_environment={n: v for n, v in os.environ.items() if n.startswith("AWS_")},
        authority=authority,
    )
    api = SageMakerApi(sagemaker, account_of=get_account_id, region_of=get_region, authority=authority)
    app.SERVICE_HANDLERS["sagemaker"] = api.handle
    jobs = TransformJobs(
        models=sagemaker.models,
        containers=sagemaker.containers,
        objects=EmulatorObjects(),
        workdir=workdir.with_name("jobs"),
        authority=authority,
    )
    register_transform_jobs(api, jobs)
    # For services it does not know, the emulator reads every service description first: seconds, once.
    router.SERVICE_PATTERNS["sagemaker"] = {"target_prefixes": ["SageMaker."]}
    handlers = resource_handlers(sagemaker, arn=api.arn, generated_name=provisioners._physical_name)
    provisioners._RESOURCE_HANDLERS.update(handlers)
    provisioners._REPLACING_PROPERTIES.update(REPLACING_PROPERTIES)

    # A model server takes seconds to start: on the event loop nothing else would be answered meanwhile.
    runs_on_worker_thread = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda kind: (
        kind == "AWS::SageMaker::Endpoint" or runs_on_worker_thread(kind)
    )
    return sagemaker


def register_transform_jobs(api: Any, jobs: Any) -> None:
    """Answer SageMaker's operations on transform jobs, and Step Functions' integration of them."""
    from ministack.services import stepfunctions

    from scripts.local.emulator.mends import is_abandoned
    from scripts.local.emulator.transform_api import TransformApi, TransformTask

    transform_api = TransformApi(jobs, arn=api.arn)
    api.add_operations(transform_api.operations())
    stepfunctions._SERVICE_DISPATCH[TransformTask.RESOURCE] = TransformTask(
        transform_api, failure=stepfunctions._ExecutionError, is_abandoned=is_abandoned
    )


class EmulatorObjects:
    """The emulator's S3, used from threads of our own."""

    def fetch(self, bucket: str, key: str) -> bytes | None:
        """The object's bytes, or None."""
        from ministack.services import s3

        content: bytes | None = s3._get_object_data(bucket, key)
        return content

    def keys(self, bucket: str, prefix: str) -> list[str]:
        """The keys with that prefix, in order."""
        from ministack.services import s3

        objects = (s3._buckets.get(bucket) or {}).get("objects", {})
        return sorted(key for key in list(objects) if key.startswith(prefix))  # a copy: others write

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Write an object as a client does, so that who listens to the bucket hears of it."""
        from ministack import app
        from ministack.services import s3

        from scripts.local.emulator.errors import SageMakerError

        # As a service does, whose right was asked for before: not as somebody without credentials.
        put = partial(s3.handle_request, internal=True)
        status, _, answer = app.call_service_handler_sync(put, "PUT", f"/{bucket}/{key}", {}, body, {})
        if status >= 300:
            text = bytes(answer or b"").decode(errors="replace")
            raise SageMakerError(400, "ValidationException", f"s3://{bucket}/{key} cannot be written: {text}")


if __name__ == "__main__":
    main()
