"""SageMaker's HTTP interface: InvokeEndpoint, and the reads of the control plane that tools ask for."""

import asyncio
import json
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote

from scripts.local.emulator.authority import Authority, Everyone
from scripts.local.emulator.errors import SageMakerError, not_found
from scripts.local.emulator.sagemaker import Endpoint, SageMaker

Operation = Callable[[dict[str, Any]], dict[str, Any]]
Response = tuple[int, dict[str, str], bytes]
INVOCATION = re.compile(r"/endpoints/([^/]+)/invocations")
CONCURRENT_INVOCATIONS = 32
RESOURCES = {
    "TransformJobName": "transform-job",
    "EndpointName": "endpoint",
    "EndpointConfigName": "endpoint-config",
    "ModelName": "model",
}
"""What kind of resource a member of a request names; the first that a request has is what it is about."""


class SageMakerApi:
    """Answers one HTTP request to ``sagemaker``; ``account_of`` and ``region_of`` say whose it is.

    ``authority`` says whether whoever sent it may.
    """

    def __init__(
        self,
        sagemaker: SageMaker,
        *,
        account_of: Callable[[], str],
        region_of: Callable[[], str],
        authority: Authority | None = None,
    ) -> None:
        self._sagemaker = sagemaker
        self._authority = authority or Everyone()
        self._account_of = account_of
        self._region_of = region_of
        # Not the emulator's own threads: a function that holds one of those waits for us.
        self._threads = ThreadPoolExecutor(CONCURRENT_INVOCATIONS, thread_name_prefix="sagemaker")
        self._operations: dict[str, Operation] = {
            "DescribeModel": self._describe_model,
            "DescribeEndpointConfig": self._describe_config,
            "DescribeEndpoint": self._describe_endpoint,
            "ListEndpoints": self._list_endpoints,
            "ListEndpointConfigs": self._list_configs,
            "ListModels": self._list_models,
        }

    def add_operations(self, operations: Mapping[str, Operation]) -> None:
        """Let further operations of the control plane be answered, each by its name."""
        self._operations.update(operations)

    async def handle(
        self, _method: str, path: str, headers: Mapping[str, str], body: bytes, _query: object
    ) -> Response:
        """The emulator's handler of the service: (status, headers, body)."""
        invocation = INVOCATION.fullmatch(path)
        try:
            if invocation:
                return await self._invoke(unquote(invocation.group(1)), headers, body)
            return self._control(headers, body)
        except SageMakerError as error:
            return _error_response(error)

    async def _invoke(self, name: str, headers: Mapping[str, str], body: bytes) -> Response:
        self._authority.require_caller(headers, "sagemaker:InvokeEndpoint", self.arn("endpoint", name))
        account = self._account_of()

        def ask() -> Response:
            answer, variant = self._sagemaker.invoke(
                name,
                body,
                content_type=headers.get("content-type", "application/octet-stream"),
                accept=headers.get("accept"),
                attributes=headers.get("x-amzn-sagemaker-custom-attributes"),
                account=account,
            )
            # In lower case, because the emulator rewrites "Content-Type" to what AWS says of its own JSON.
            names = {"content-type": answer.content_type, "x-amzn-invoked-production-variant": variant}
            return answer.status, names, answer.body

        return await asyncio.get_running_loop().run_in_executor(self._threads, ask)

    def _control(self, headers: Mapping[str, str], body: bytes) -> Response:
        target = headers.get("x-amz-target", "")
        name, request = target.removeprefix("SageMaker."), json.loads(body or b"{}")
        operation = self._operations.get(name)
        if operation is None:
            raise SageMakerError(400, "UnknownOperationException", f"The stand-in does not know {target}.")
        self._authority.require_caller(headers, f"sagemaker:{name}", self._resource_of(request))
        answer = json.dumps(operation(request)).encode()
        return 200, {"Content-Type": "application/x-amz-json-1.1"}, answer

    def _describe_model(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["ModelName"]
        if name not in self._sagemaker.models:
            raise not_found("model", name)
        return {**self._sagemaker.models[name], "ModelName": name, "ModelArn": self.arn("model", name)}

    def _describe_config(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["EndpointConfigName"]
        if name not in self._sagemaker.configs:
            raise not_found("endpoint configuration", name)
        arn = self.arn("endpoint-config", name)
        return {**self._sagemaker.configs[name], "EndpointConfigName": name, "EndpointConfigArn": arn}

    def _describe_endpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        endpoint = self._sagemaker.endpoints.get(request["EndpointName"])
        if endpoint is None:
            raise not_found("endpoint", request["EndpointName"])
        reason = {"FailureReason": endpoint.failure} if endpoint.failure else {}
        return {**self._summary(endpoint), "EndpointConfigName": endpoint.config_name, **reason}

    def _list_endpoints(self, request: dict[str, Any]) -> dict[str, Any]:
        endpoints = self._sagemaker.endpoints
        names = _containing(request, endpoints)
        return {"Endpoints": [self._summary(endpoints[name]) for name in names]}

    def _list_configs(self, request: dict[str, Any]) -> dict[str, Any]:
        names = _containing(request, self._sagemaker.configs)
        return {"EndpointConfigs": [{"EndpointConfigName": name} for name in names]}

    def _list_models(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"Models": [{"ModelName": name} for name in _containing(request, self._sagemaker.models)]}

    def _resource_of(self, request: Mapping[str, Any]) -> str:
        """The ARN of what a request names; ``*`` for lists, which have no resource."""
        named = ((kind, request[member]) for member, kind in RESOURCES.items() if member in request)
        return next((self.arn(kind, name) for kind, name in named), "*")

    def _summary(self, endpoint: Endpoint) -> dict[str, Any]:
        return {
            "EndpointName": endpoint.name,
            "EndpointArn": self.arn("endpoint", endpoint.name),
            "EndpointStatus": endpoint.status,
        }

    def arn(self, kind: str, name: str) -> str:
        """The ARN of the caller's resource of that kind and name."""
        return f"arn:aws:sagemaker:{self._region_of()}:{self._account_of()}:{kind}/{name}"


def _error_response(error: SageMakerError) -> Response:
    # The header is where the runtime's clients look for the code, __type where the control plane's do.
    body = {"__type": error.code, "message": error.message, "Message": error.message, **error.members}
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": error.code}
    return error.status, headers, json.dumps(body).encode()


def _containing(request: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """The names that a list is asked for."""
    return [name for name in names if request.get("NameContains", "") in name]
