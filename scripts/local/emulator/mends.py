"""What the emulator does otherwise than AWS and our application would notice, put right in its process.

ministack has no interface for extensions: each function here says what it changes and why.
"""

import hashlib
import json
import tempfile
import threading
import time
import zipfile
from contextvars import ContextVar
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

from scripts.local.emulator.written_lines import WrittenLines

STATE_DATA_BYTES = 256 * 1024
"""Largest result of a state (Step Functions quotas)."""
EXECUTION: ContextVar[str | None] = ContextVar("EXECUTION", default=None)
"""The ARN of the execution that the present thread runs a task of."""
GIVEN_UP: ContextVar[threading.Event | None] = ContextVar("GIVEN_UP", default=None)
"""Set once the present task has run out of its TimeoutSeconds."""
LAST_LINES_SECONDS = 0.25
"""How long to wait for the last lines of a function's process that has ended."""
IDLE_POLL_SECONDS = 0.02
KEPT_EVALUATORS = 8
"""More than a browser asks at once of one host."""


def apply_all() -> None:
    """Every mend; before the emulator serves."""
    end_tasks_with_their_execution()
    refuse_missing_paths()
    limit_state_data()
    tag_buckets()
    hand_over_whole_logs()
    unpack_code_once()
    let_calls_end()
    keep_evaluators()
    judge_by_first_accepted_type()
    reach_buckets_by_tls()


def is_abandoned() -> bool:
    """Whether nobody waits for the present task: its execution was stopped, or its time is over."""
    given_up = GIVEN_UP.get()
    return (given_up is not None and given_up.is_set()) or is_aborted(EXECUTION.get())


def is_aborted(execution: str | None) -> bool:
    """Whether StopExecution ended that execution."""
    from ministack.services import stepfunctions  # type: ignore[import-not-found]

    return (stepfunctions._executions.get(execution) or {}).get("status") == "ABORTED"


def end_tasks_with_their_execution() -> None:
    """Let StopExecution and TimeoutSeconds reach what they end.

    The emulator only notes them: the items of a running Map would all be worked off after a stop, a task that
    fails after it would turn ABORTED into FAILED, and a transform job would run on.
    """
    from ministack.services import stepfunctions

    execute, fail = stepfunctions._execute_task, stepfunctions._fail_execution
    invoke_with_timeout = stepfunctions._invoke_resource_with_timeout

    def execute_unless_aborted(state: Any, data: Any, execution: Any, context: Any) -> Any:
        arn = context.get("Execution", {}).get("Id")  # of a Map's item too, whose own has no stop
        if is_aborted(arn):
            raise stepfunctions._ExecutionError("States.TaskFailed", "The execution was stopped.")
        EXECUTION.set(arn)
        return execute(state, data, execution, context)

    def fail_unless_aborted(execution: Any, error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":
            fail(execution, error, cause)

    def invoke_until_timeout(resource: str, data: Any, timeout: float) -> Any:
        given_up = threading.Event()
        GIVEN_UP.set(given_up)
        try:
            return invoke_with_timeout(resource, data, timeout)
        finally:
            given_up.set()
            GIVEN_UP.set(None)

    stepfunctions._execute_task = execute_unless_aborted
    stepfunctions._fail_execution = fail_unless_aborted
    stepfunctions._invoke_resource_with_timeout = invoke_until_timeout


def refuse_missing_paths() -> None:
    """Fail a state whose Parameters name a path that its input lacks; the emulator passes null instead."""
    from ministack.services import stepfunctions

    resolve = stepfunctions._resolve_params_obj

    def is_there(path: str, data: Any) -> bool:
        for kind, step in stepfunctions._parse_jsonpath_tokens(path) or []:
            if kind == "wildcard":
                return True
            try:
                data = data[step]
            except (KeyError, IndexError, TypeError):
                return False
        return True

    def resolve_all(template: Any, data: Any, context: Any = None) -> Any:
        for name, path in template.items() if isinstance(template, dict) else ():
            if not name.endswith(".$") or not isinstance(path, str) or not path.startswith("$"):
                continue
            source = (path[1:], context or {}) if path.startswith("$$.") else (path, data)
            if not is_there(*source):
                raise stepfunctions._ExecutionError(
                    "States.Runtime",
                    f"The JSONPath '{path}' specified for the field '{name}' could not be found in the input",
                )
        return resolve(template, data, context)

    stepfunctions._resolve_params_obj = resolve_all


def limit_state_data() -> None:
    """Refuse a task's result over Step Functions' quota, which the emulator does not know."""
    from ministack.services import stepfunctions

    invoke = stepfunctions._invoke_resource

    def invoke_within_limit(resource: str, data: Any) -> Any:
        result = invoke(resource, data)
        if len(json.dumps(result).encode()) > STATE_DATA_BYTES:
            raise stepfunctions._ExecutionError(
                "States.DataLimitExceeded",
                f"The task '{resource}' returned a result with a size exceeding the maximum number of bytes.",
            )
        return result

    stepfunctions._invoke_resource = invoke_within_limit


def tag_buckets() -> None:
    """Give buckets the tags of their template: CDK's auto-delete empties only buckets that carry its tag."""
    from ministack.services import s3
    from ministack.services.cloudformation import provisioners  # type: ignore[import-not-found]

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


def hand_over_whole_logs() -> None:
    """Give a call every line that it logged, and let it not wait for them.

    The emulator waits up to 50 ms for a thread that reads them, which a call that logs nothing pays whole,
    and gives lines that the thread reads later to the next call.
    """
    from ministack.core import lambda_runtime  # type: ignore[import-not-found]

    drain, looking = lambda_runtime.Worker._drain_stderr_bounded, threading.Lock()
    written: WeakKeyDictionary[Any, WrittenLines] = WeakKeyDictionary()

    def lines_of(process: Any, lines: Any) -> WrittenLines:
        with looking:
            if process not in written:
                written[process] = WrittenLines(process.stderr, lines)
            return written[process]

    def follow(worker: Any) -> None:
        if worker._proc is not None:
            lines_of(worker._proc, worker._stderr_queue).follow()

    def drained(worker: Any, *waits: float, **named_waits: float) -> str:
        if isinstance(worker, lambda_runtime.ProvidedWorker):
            return str(drain(worker, *waits, **named_waits))
        if worker._proc is None:
            worker._stderr_thread.join(LAST_LINES_SECONDS)
        else:
            lines_of(worker._proc, worker._stderr_queue).take()
        return str(worker._drain_stderr())

    lambda_runtime.Worker._read_stderr = follow
    lambda_runtime.Worker._drain_stderr_bounded = drained


def unpack_code_once() -> None:
    """Unpack a function's code once for all of its instances, which only read it.

    The emulator does so for each of them: seconds of a cold start, and a copy of thousands of files.
    """
    from ministack.core import lambda_runtime

    folder, unpacking = Path(tempfile.mkdtemp(prefix="code-")), threading.Lock()

    class Code(zipfile.ZipFile):
        def extractall(self, path: Any = None, *more: Any) -> None:
            archive = Path(str(self.filename)).read_bytes()
            kept = folder / hashlib.sha256(archive).hexdigest()
            with unpacking:
                if not kept.exists():
                    super().extractall(kept.with_suffix(".partial"), *more)
                    kept.with_suffix(".partial").rename(kept)
            Path(path).rmdir()
            Path(path).symlink_to(kept)

    lambda_runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": Code})


def let_calls_end() -> None:
    """Let a call that runs end in the function as it was when that is changed, as Lambda does.

    The emulator ends every process of the function at once, and the call with it.
    """
    from ministack.core import lambda_runtime

    kill = lambda_runtime.kill_workers

    def kill_idle(workers: Any) -> None:
        busy = [worker for worker in workers if worker is not None and worker.in_use]
        kill([worker for worker in workers if worker not in busy])
        for worker in busy:
            threading.Thread(target=kill_once_idle, args=(worker,), daemon=True).start()

    def kill_once_idle(worker: Any) -> None:
        # A worker that failed is never handed back: it has the time of one call.
        deadline = time.monotonic() + float(worker.config.get("Timeout", 30))
        while worker.in_use and time.monotonic() < deadline:
            time.sleep(IDLE_POLL_SECONDS)
        kill([worker])

    lambda_runtime.kill_workers = kill_idle


def keep_evaluators() -> None:
    """Keep the processes that run CloudFront's functions: beyond two, requests start and end others."""
    from ministack.core import cloudfront_js

    cloudfront_js._pool.max_idle = KEPT_EVALUATORS


def judge_by_first_accepted_type() -> None:
    """Give who accepts several types binary answers if the first one is binary, as API Gateway does.

    The emulator compares the whole list with each type, so that every browser's picture arrives as base64.
    """
    from ministack.services import apigateway_v1

    matches = apigateway_v1._media_type_matches

    def first_matches(media_types: str | None, binary_types: list[str] | None) -> bool:
        return bool(matches((media_types or "").split(",")[0], binary_types))

    apigateway_v1._media_type_matches = first_matches


def reach_buckets_by_tls() -> None:
    """Let distributions ask their buckets by TLS, as CloudFront does for viewers who came by it.

    The emulator judges by its own client's connection, so that a bucket which refuses plain http has no page.
    """
    from ministack.core import iam_evaluator
    from ministack.services import s3

    allows, origin = s3._cloudfront_origin_allows, iam_evaluator._request_origin

    def allows_by_tls(*request: str) -> bool:
        kept = origin.set((origin.get()[0], True))
        try:
            return bool(allows(*request))
        finally:
            origin.reset(kept)

    s3._cloudfront_origin_allows = allows_by_tls
