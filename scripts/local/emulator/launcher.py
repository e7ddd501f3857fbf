"""Run the AWS emulator with SageMaker's stand-in in its process.

Run by the interpreter of .tools/emulator. ministack has no interface for extensions: everything that reaches
into it stands in this file, which refuses to run with another version than the one that it was written for.
"""

import argparse
import atexit
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

MINISTACK_VERSION = "1.5.33"
QUIET_SECONDS, SETTLED_SECONDS, LONGEST_SECONDS = 0.005, 0.002, 0.25


def main() -> None:
    """Serve on GATEWAY_PORT and BIND_HOST until SIGTERM; models are unpacked below ``--workdir``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--model-server-port", type=int, required=True)
    options = parser.parse_args()
    if version("ministack") != MINISTACK_VERSION:
        sys.exit(f"ministack {MINISTACK_VERSION} is needed, {version('ministack')} is installed: make setup")
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
    register_sagemaker(workdir=options.workdir, first_port=options.model_server_port)
    tag_buckets()
    shorten_log_wait()
    from ministack.app import main as serve  # type: ignore[import-not-found]

    sys.argv = sys.argv[:1]  # ministack reads it too
    serve()


def register_sagemaker(*, workdir: Path, first_port: int) -> None:
    """Let the emulator know the SageMaker resources and answer requests to the service."""
    from ministack import app  # type: ignore[import-not-found]
    from ministack.core import router  # type: ignore[import-not-found]
    from ministack.core.responses import get_account_id, get_region  # type: ignore[import-not-found]
    from ministack.services import s3  # type: ignore[import-not-found]
    from ministack.services.cloudformation import provisioners, stacks  # type: ignore[import-not-found]

    from scripts.local.emulator.api import SageMakerApi
    from scripts.local.emulator.cloudformation import REPLACING_PROPERTIES, resource_handlers
    from scripts.local.emulator.sagemaker import SageMaker

    sagemaker = SageMaker(
        workdir=workdir,
        first_port=first_port,
        fetch_object=s3._get_object_data,
        container_environment={n: v for n, v in os.environ.items() if n.startswith("AWS_")},
    )
    atexit.register(sagemaker.stop)
    api = SageMakerApi(sagemaker, account_of=get_account_id, region_of=get_region)
    app.SERVICE_HANDLERS["sagemaker"] = api.handle
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


def tag_buckets() -> None:
    """Give buckets the tags of their template: CDK's auto-delete empties only buckets that carry its tag."""
    from ministack.services import s3
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    create, update = handlers["create"], handlers["update"]

    def tagged(result: tuple[str, Any], properties: dict[str, Any]) -> tuple[str, Any]:
        s3._bucket_tags[result[0]] = {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}
        return result

    handlers["create"] = lambda logical_id, properties, stack: tagged(
        create(logical_id, properties, stack), properties
    )
    handlers["update"] = lambda physical_id, old, new, stack: tagged(
        update(physical_id, old, new, stack), new
    )


def shorten_log_wait() -> None:
    """Wait 5 ms instead of 50 for a function's first log line: each call that logs nothing pays it whole."""
    from ministack.core import lambda_runtime

    drain = lambda_runtime.Worker._drain_stderr_bounded
    drain.__defaults__ = (QUIET_SECONDS, SETTLED_SECONDS, LONGEST_SECONDS)


if __name__ == "__main__":
    main()
