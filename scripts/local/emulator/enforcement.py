"""The emulator's own judgement, asked where the emulator does not ask it itself.

With ``AUTH=true`` the emulator checks signatures and policies of the requests that it knows. It knows none of
SageMaker's, lets a state machine do what its role may not, and has no OpenSearch. What is added here asks the
same evaluator, so that every grant of the templates counts.
"""

import hashlib
import os
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from scripts.local.emulator.authority import access_denied, not_authorised
from scripts.local.emulator.domain_gate import DomainGate, Question, Refusal

SESSION = "SageMaker"
"""What the sessions of the models' roles are called, as SageMaker does."""


def is_enforced() -> bool:
    """Whether this emulator was started to enforce IAM."""
    return os.environ.get("AUTH") == "true"


class EmulatorAuthority:
    """Judges by the policies that the emulator has."""

    def __init__(self) -> None:
        self._sessions: dict[str, dict[str, str]] = {}
        self._making = threading.Lock()

    def require_caller(self, headers: Mapping[str, str], action: str, resource: str) -> None:
        """Raise unless whoever signed the request may; the emulator has checked the signature by then."""
        from ministack.core.router import extract_access_key_id  # type: ignore[import-not-found]

        self._require(str(extract_access_key_id(headers)), action, resource)

    def require_role(self, role: str, action: str, resource: str) -> None:
        """Raise unless the role may."""
        self._require(self.credentials(role)["AWS_ACCESS_KEY_ID"], action, resource)

    def credentials(self, role: str) -> Mapping[str, str]:
        """The keys of a session of the role, made once."""
        with self._making:
            if role not in self._sessions:
                self._sessions[role] = _begin_session(role)
            return self._sessions[role]

    def _require(self, access_key: str, action: str, resource: str) -> None:
        refusal = _refusal(access_key, action, resource)
        if refusal is not None:
            raise access_denied(refusal)


def _begin_session(role: str) -> dict[str, str]:
    """Register a session of the role with the emulator; its environment variables."""
    from ministack.services import sts  # type: ignore[import-not-found]

    name = role.rsplit("/", 1)[-1]
    account = role.split(":")[4]
    made = {
        "AWS_ACCESS_KEY_ID": f"ASIA{hashlib.sha256(role.encode()).hexdigest()[:16].upper()}",
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20),
        "AWS_SESSION_TOKEN": secrets.token_hex(32),
    }
    sts.register_session(
        made["AWS_ACCESS_KEY_ID"],
        {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{name}/{SESSION}",
            "UserId": f"{name}:{SESSION}",
            "SecretAccessKey": made["AWS_SECRET_ACCESS_KEY"],
            "SessionToken": made["AWS_SESSION_TOKEN"],
        },
    )
    return made


def _refusal(access_key: str, action: str, resource: str) -> str | None:
    """Why the holder of the key may not do it, or None."""
    from ministack.core.iam_evaluator import AuthError, enforce  # type: ignore[import-not-found]
    from ministack.core.responses import get_region  # type: ignore[import-not-found]

    denied = enforce(access_key, action, action.partition(":")[0], get_region(), resource_arn=resource)
    if denied is None:
        return None
    if isinstance(denied, AuthError):
        return str(denied.message)
    return not_authorised(denied.principal_arn, action, resource)


def guard_domain(address: str) -> DomainGate:
    """Put a gate before OpenSearch that judges each request as a managed domain does; it answers at once."""
    gate = DomainGate(address, judge=_judge_request)
    gate.start()
    return gate


def _judge_request(question: Question) -> Refusal | None:
    """Why a domain refuses the request: a signature that is missing or wrong, or a right that is."""
    from ministack.core import iam_evaluator, sigv4  # type: ignore[import-not-found]
    from ministack.core.responses import get_account_id, get_region

    signature = sigv4.parse_header_signature(question.headers)
    if isinstance(signature, tuple):
        return Refusal(signature[1])
    account = get_account_id()
    token = question.headers.get("x-amz-security-token", "")
    credential = iam_evaluator.resolve_credential(signature.access_key_id, account, token)
    if isinstance(credential, iam_evaluator.CredentialResolutionError):
        return Refusal(credential.message)
    parts = urlsplit(question.target)
    query = parse_qs(parts.query, keep_blank_values=True)
    failure = sigv4.header_signature_failure(
        signature,
        credential.secret_access_key,
        question.method,
        parts.path,
        query,
        question.headers,
        question.body,
    )
    if failure:
        return Refusal(failure[1])
    resource = f"arn:aws:es:{get_region()}:{account}:domain/{_domain_name()}{unquote(parts.path)}"
    denied = _refusal(signature.access_key_id, f"es:ESHttp{question.method.title()}", resource)
    return None if denied is None else Refusal(denied)


def _domain_name() -> str:
    """The account's only domain."""
    from ministack.services import opensearch

    ((_, _, name), _), *_ = opensearch._domains.all_items()
    return str(name)


def judge_state_machines(authority: EmulatorAuthority, execution_of_thread: Callable[[], str | None]) -> None:
    """Let a state machine call only the functions, and start only the jobs, that its role may.

    The emulator does every task as itself. What a map reads from S3 is read as before.
    """
    from ministack.services import stepfunctions

    invoke = stepfunctions._invoke_resource

    def invoke_if_granted(resource: str, data: Any) -> Any:
        asked = _asked_of(resource, data)
        execution = stepfunctions._executions.get(execution_of_thread())
        if asked is not None and execution is not None:
            role = stepfunctions._state_machines[execution["stateMachineArn"]]["roleArn"]
            try:
                authority.require_role(role, *asked)
            except Exception as error:
                raise stepfunctions._ExecutionError("States.Permissions", str(error)) from error
        return invoke(resource, data)

    stepfunctions._invoke_resource = invoke_if_granted


def _asked_of(resource: str, data: Any) -> tuple[str, str] | None:
    """The action and the resource of a task, or None of one that is not judged."""
    from ministack.core.responses import get_account_id, get_region

    if resource.endswith(":states:::lambda:invoke"):
        return "lambda:InvokeFunction", str(data["FunctionName"])
    if ":lambda:" in resource and ":function:" in resource:
        return "lambda:InvokeFunction", resource
    if ":sagemaker:createTransformJob" in resource:
        name = f"transform-job/{data['TransformJobName']}"
        return "sagemaker:CreateTransformJob", f"arn:aws:sagemaker:{get_region()}:{get_account_id()}:{name}"
    return None


def keep_to_own_port() -> None:
    """Listen on no second port: with TLS the emulator takes 443 too where it can."""
    from ministack import app  # type: ignore[import-not-found]

    app._port_is_bindable = lambda _host, _port: False
