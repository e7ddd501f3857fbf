"""What leads from part to part without a role of either: events, queues, routes, origins."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scripts.diagrams.assembly import Assembly, Resource
from scripts.diagrams.grants import Link
from scripts.diagrams.parts import Parts

TRANSFORM = ":states:::sagemaker:createTransformJob"


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What a rule starts at its times."""

    stack: str
    when: str
    target: Resource


def wires(assembly: Assembly, parts: Parts) -> Iterator[Link]:
    """What the templates connect."""
    for resource in assembly.resources():
        for source, target, label in _CONNECTING.get(resource.type, _nothing)(resource, assembly, parts):
            yield Link(stack=resource.stack, source=source, target=target, label=label)


def schedules(assembly: Assembly, parts: Parts) -> Iterator[Schedule]:
    """What begins by itself, and how often."""
    for rule in assembly.resources("AWS::Events::Rule"):
        if "ScheduleExpression" in rule.properties:
            for target in _targets(rule, parts):
                yield Schedule(stack=rule.stack, when=rule.properties["ScheduleExpression"], target=target)


_Found = Iterator[tuple[Resource, Resource, str]]


def _nothing(_resource: Resource, _assembly: Assembly, _parts: Parts) -> _Found:
    yield from ()


def _event_source(mapping: Resource, _assembly: Assembly, parts: Parts) -> _Found:
    for queue in parts.in_text(mapping.properties["EventSourceArn"]):
        for function in parts.in_text(mapping.properties["FunctionName"]):
            yield queue, function, "messages"


def _redrive(queue: Resource, _assembly: Assembly, parts: Parts) -> _Found:
    policy = queue.properties.get("RedrivePolicy", {})
    for dead_letters in parts.in_text(policy.get("deadLetterTargetArn", "")):
        yield queue, dead_letters, f"after {policy['maxReceiveCount']} tries"


def _rule(rule: Resource, _assembly: Assembly, parts: Parts) -> _Found:
    pattern = rule.properties.get("EventPattern", {})
    detail = pattern.get("detail", {})
    label = f"on {' or '.join(detail.get('status') or pattern.get('detail-type', ()))}"
    for name in detail.get("bucket", {}).get("name", ()):
        for bucket in parts.named(name):
            if _tells(bucket):
                yield from ((bucket, target, label) for target in _targets(rule, parts))
    for machine in detail.get("stateMachineArn", ()):
        for source in parts.in_text(machine):
            yield from ((source, target, label) for target in _targets(rule, parts))


def _tells(bucket: Resource) -> bool:
    notifications = bucket.properties.get("NotificationConfiguration", {})
    return bool(notifications.get("EventBridgeConfiguration", {}).get("EventBridgeEnabled"))


def _targets(rule: Resource, parts: Parts) -> list[Resource]:
    return [part for target in rule.properties["Targets"] for part in parts.in_text(target["Arn"])]


def _route(method: Resource, assembly: Assembly, parts: Parts) -> _Found:
    first = _path(method.properties["ResourceId"], assembly).split("/")[1]
    for api in parts.in_text(method.properties["RestApiId"]):
        for function in parts.in_text(str(method.properties["Integration"].get("Uri", ""))):
            yield api, function, f"/{first}"


def _path(resource_id: str, assembly: Assembly) -> str:
    for resource in assembly.resources("AWS::ApiGateway::Resource"):
        if resource.mark == resource_id:
            above = _path(resource.properties["ParentId"], assembly)
            return f"{above}/{resource.properties['PathPart']}"
    return ""


def _authorizer(authorizer: Resource, _assembly: Assembly, parts: Parts) -> _Found:
    for api in parts.in_text(authorizer.properties["RestApiId"]):
        for provider in authorizer.properties.get("ProviderARNs", ()):
            for pool in parts.in_text(provider):
                yield api, pool, "checks tokens"


def _firewall(association: Resource, _assembly: Assembly, parts: Parts) -> _Found:
    for firewall in parts.in_text(association.properties["WebACLArn"]):
        for api in parts.in_text(association.properties["ResourceArn"]):
            yield firewall, api, "guards"


def _origins(distribution: Resource, _assembly: Assembly, parts: Parts) -> _Found:
    configuration = distribution.properties["DistributionConfig"]
    behaviours = [configuration["DefaultCacheBehavior"], *configuration.get("CacheBehaviors", ())]
    origins = {origin["Id"]: str(origin["DomainName"]) for origin in configuration["Origins"]}
    for behaviour in behaviours:
        for origin in parts.in_text(origins[behaviour["TargetOriginId"]]):
            yield distribution, origin, behaviour.get("PathPattern", "/")


def _endpoint(endpoint: Resource, assembly: Assembly, parts: Parts) -> _Found:
    for configuration in assembly.resources("AWS::SageMaker::EndpointConfig"):
        if configuration.mark in endpoint.properties["EndpointConfigName"]:
            for variant in configuration.properties["ProductionVariants"]:
                for model in parts.in_text(variant["ModelName"]):
                    yield endpoint, model, "serves"


def _machine(machine: Resource, _assembly: Assembly, parts: Parts) -> _Found:
    if TRANSFORM in machine.properties["DefinitionString"]:
        for model in parts.of_type("AWS::SageMaker::Model"):
            yield machine, model, "batch transform"


def _caller(function: Resource, _assembly: Assembly, parts: Parts) -> _Found:
    variables: Mapping[str, Any] = function.properties.get("Environment", {}).get("Variables", {})
    if parts.in_text(function.mark):
        for api in parts.of_type("AWS::ApiGateway::RestApi"):
            if any(api.mark in str(value) for value in variables.values()):
                yield function, api, "calls"


_CONNECTING: Mapping[str, Callable[[Resource, Assembly, Parts], _Found]] = {
    "AWS::Lambda::EventSourceMapping": _event_source,
    "AWS::SQS::Queue": _redrive,
    "AWS::Events::Rule": _rule,
    "AWS::ApiGateway::Method": _route,
    "AWS::ApiGateway::Authorizer": _authorizer,
    "AWS::WAFv2::WebACLAssociation": _firewall,
    "AWS::CloudFront::Distribution": _origins,
    "AWS::SageMaker::Endpoint": _endpoint,
    "AWS::StepFunctions::StateMachine": _machine,
    "AWS::Lambda::Function": _caller,
}
