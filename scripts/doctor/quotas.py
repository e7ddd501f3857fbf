"""Quotas and instance types, against what the settings ask for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from scripts.doctor.context import Context
from scripts.doctor.findings import Check, Finding, failed, passed, warned
from stacks.settings.model import RealTimeEndpoint, ServerlessEndpoint

SERVERLESS = "Maximum total concurrency that can be allocated across all serverless endpoints"
CONCURRENT_EXECUTIONS = "L-B99A9384"
DOMAINS, DOMAIN_NODES = "L-076D529E", "L-6408ABDE"
NETWORKS = "L-F678F1CE"
MANAGERS = 3
BESIDES = 10
"""Concurrent functions for what is asked by nobody: set-up, thumbnails of one page, steps of a migration."""
QUERY_SECONDS = 0.5
"""How long a search may take while the functions' concurrency is reckoned: a slow one."""


@dataclass(frozen=True, kw_only=True)
class Quota:
    """A quota as it is applied to the account."""

    code: str
    value: float


def quota_checks(context: Context) -> list[Check]:
    """The checks of quotas and instance types."""
    return [
        Check(name="domain", look=lambda: _domain(context), prefix="es"),
        Check(name="endpoint", look=lambda: _sagemaker(context), prefix="servicequotas"),
        Check(name="functions", look=lambda: _functions(context), prefix="lambda"),
        Check(name="domain quotas", look=lambda: _domains(context), prefix="servicequotas"),
        *(
            [Check(name="networks", look=lambda: _networks(context), prefix="servicequotas")]
            if context.settings.network.is_private
            else []
        ),
    ]


def _domain(context: Context) -> Iterator[Finding]:
    """Ask which instance types the region has for this version."""
    domain = context.settings.domain
    try:
        there = dict(_instance_types(context, domain.engine_version))
    except context.client("opensearch").exceptions.ValidationException:
        yield failed(
            "domain",
            f"{context.region} has no {domain.engine_version}",
            f"aws opensearch list-versions --region {context.region}; then "
            f"{context.edit('domain.engine_version')}",
        )
        return
    wanted = {"domain.instance_type": (domain.instance_type, "data")}
    if domain.manager_instance_type is not None:
        wanted["domain.manager_instance_type"] = (domain.manager_instance_type, "master")
    for setting, (kind, role) in wanted.items():
        roles = there.get(kind)
        if roles is None or (roles and role not in roles):
            yield failed(
                "domain",
                f"{context.region} has no {kind} for {domain.engine_version} ({role} nodes)",
                f"aws opensearch list-instance-type-details --region {context.region} --engine-version "
                f"{domain.engine_version}; then {context.edit(setting)}",
            )
        else:
            yield passed("domain", f"{kind} for {domain.engine_version}")


def _instance_types(context: Context, engine_version: str) -> Iterator[tuple[str, set[str]]]:
    """Yield the instance types of a version, each with its roles, where the service tells them."""
    client, token = context.client("opensearch"), dict[str, str]()
    while True:
        page = client.list_instance_type_details(EngineVersion=engine_version, **token)
        for each in page["InstanceTypeDetails"]:
            yield each["InstanceType"], {role.lower() for role in each.get("InstanceRole", ())}
        if "NextToken" not in page:
            return
        token = {"NextToken": page["NextToken"]}


def _sagemaker(context: Context) -> Iterator[Finding]:
    settings = context.settings
    quotas = _all_quotas(context, "sagemaker")
    models = len(settings.models)
    match settings.endpoint:
        case ServerlessEndpoint(max_concurrency=most):
            yield _enough(
                context,
                "endpoint",
                quotas,
                SERVERLESS,
                needed=most * models,
                lacking=context.edit("endpoint=RealTimeEndpoint(…)"),
                service="sagemaker",
            )
        case RealTimeEndpoint(instance_type=kind, instance_count=count, scaling=scaling):
            most = (scaling.maximum if scaling else count) * models
            yield _enough(
                context,
                "endpoint",
                quotas,
                f"{kind} for endpoint usage",
                needed=most,
                lacking=context.edit("endpoint.instance_type"),
                service="sagemaker",
            )
    bulk = settings.bulk
    yield _enough(
        context,
        "batch transform",
        quotas,
        f"{bulk.instance_type} for transform job usage",
        needed=bulk.instance_count,
        lacking=context.edit("bulk.instance_type"),
        service="sagemaker",
    )


def _enough(
    context: Context,
    check: str,
    quotas: Mapping[str, Quota],
    name: str,
    *,
    needed: float,
    lacking: str,
    service: str,
) -> Finding:
    """Compare a quota, by its name, with what is needed; a region without the thing has no such quota."""
    quota = quotas.get(name)
    if quota is None:
        return failed(check, f"{context.region} knows no quota «{name}»: it does not offer this", lacking)
    if quota.value < needed:
        return failed(
            check,
            f"«{name}» is {quota.value:g}, but {needed:g} are needed",
            _raise(context, service, quota, needed),
        )
    return passed(check, f"«{name}» is {quota.value:g}, {needed:g} are needed")


def _raise(context: Context, service: str, quota: Quota, needed: float) -> str:
    return (
        f"aws service-quotas request-service-quota-increase --region {context.region} "
        f"--service-code {service} --quota-code {quota.code} --desired-value {ceil(needed)}"
    )


def _functions(context: Context) -> Iterator[Finding]:
    settings = context.settings
    limit = context.client("lambda").get_account_settings()["AccountLimit"]
    free = limit["UnreservedConcurrentExecutions"]
    queries = ceil(settings.api.rate_per_second * QUERY_SECONDS)
    needed = settings.ingest.max_concurrency + settings.bulk.index_concurrency + queries + BESIDES
    told = f"{free} functions may run at once, {needed} are reckoned with"
    if free >= needed:
        yield passed("functions", told)
        return
    quota = Quota(code=CONCURRENT_EXECUTIONS, value=free)
    yield warned("functions", told, _raise(context, "lambda", quota, max(1000, needed)))


def _domains(context: Context) -> Iterator[Finding]:
    domain = context.settings.domain
    quotas = context.client("service-quotas")
    there = {each["DomainName"] for each in context.client("opensearch").list_domain_names()["DomainNames"]}
    wanted = len(there | {context.settings.domain_name})
    nodes = domain.data_nodes + (MANAGERS if domain.manager_instance_type else 0)
    for code, what, needed in (
        (DOMAINS, "domains of the region", wanted),
        (DOMAIN_NODES, "nodes of a domain", nodes),
    ):
        quota = Quota(code=code, value=_value(quotas, "es", code))
        told = f"{what}: {needed} of {quota.value:g}"
        if quota.value < needed:
            yield failed("domain quotas", told, _raise(context, "es", quota, needed))
        else:
            yield passed("domain quotas", told)


def _networks(context: Context) -> Iterator[Finding]:
    there = context.client("ec2").describe_vpcs()["Vpcs"]
    tags = [{tag["Key"]: tag["Value"] for tag in vpc.get("Tags", [])} for vpc in there]
    has_own = any(each.get("environment") == context.name for each in tags)
    needed = len(there) + (0 if has_own else 1)
    quota = Quota(code=NETWORKS, value=_value(context.client("service-quotas"), "vpc", NETWORKS))
    told = f"{needed} of {quota.value:g} VPCs of the region"
    if quota.value < needed:
        yield failed("networks", told, _raise(context, "vpc", quota, needed))
    else:
        yield passed("networks", told)


def _value(quotas: Any, service: str, code: str) -> float:
    return float(quotas.get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]["Value"])


def _all_quotas(context: Context, service: str) -> Mapping[str, Quota]:
    pages = (
        context.client("service-quotas").get_paginator("list_service_quotas").paginate(ServiceCode=service)
    )
    return {
        each["QuotaName"]: Quota(code=each["QuotaCode"], value=each["Value"])
        for page in pages
        for each in page["Quotas"]
    }
