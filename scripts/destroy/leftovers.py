"""What is left of an environment: everything that carries its names or its tags and may be billed.

A resource is found by the list of its own service, since the tagging API tells of what is gone for hours;
what only that API tells of is shown with its ARN.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from scripts.aws_errors import aws_errors
from scripts.destroy.aws import APPLICATION, Place, attempted, is_unknown
from scripts.destroy.buckets import buckets, empty
from scripts.errors import CommandError
from scripts.stack_outputs import STACKS
from stacks import names

KEY_DAYS = 7
"""The shortest time that KMS keeps a key that is to be deleted, which costs nothing meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """Something that is there still; ``command`` removes it, as ``remove`` does.

    What is not ``certain`` is told of by its tags only, which may be of something that is gone.
    """

    kind: str
    name: str
    command: str
    remove: Callable[[], object] | None = None
    certain: bool = True


@dataclass(frozen=True, kw_only=True)
class Unseen:
    """A kind of resources that could not be listed, and why."""

    kind: str
    why: str


def find_leftovers(place: Place) -> tuple[list[Leftover], list[Unseen]]:
    """Return what is left, and what could not be looked at; one list that fails never hides another."""
    found: list[Leftover] = []
    unseen: list[Unseen] = []
    for kind, look in _FINDERS.items():
        try:
            found += look(place)
        except CommandError as error:
            if not is_unknown(error):
                unseen.append(Unseen(kind=kind, why=error.message))
    known = " ".join(each.name for each in found)
    try:
        found += [each for each in _tagged(place) if each.name.rsplit("/", 1)[-1] not in known]
    except CommandError as error:
        if not is_unknown(error):
            unseen.append(Unseen(kind="tagged resources", why=error.message))
    return found, unseen


def remove_all(leftovers: list[Leftover]) -> dict[str, str]:
    """Remove what can be removed, and return why some was not, by its name."""
    refused = {}
    for each in leftovers:
        why = attempted(each.remove) if each.remove is not None else None
        if why is not None:
            refused[each.name] = why
    return refused


def _region(place: Place) -> str:
    return f"--region {place.region}"


def stacks(place: Place) -> Iterator[Leftover]:
    """Yield the environment's stacks that are there."""
    there = place.listed("cloudformation", "describe_stacks", "Stacks")
    wanted = {f"{place.name}-{stack}" for stack in STACKS}
    for stack in there:
        name, status = stack["StackName"], stack["StackStatus"]
        tags = {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}
        own = name in wanted or (name.startswith(f"{place.name}-") and tags.get("application") == APPLICATION)
        if own and status != "DELETE_COMPLETE":
            yield Leftover(
                kind="stack",
                name=f"{name} ({status})",
                command=f"aws cloudformation delete-stack {_region(place)} --stack-name {name}",
            )


def _endpoints(place: Place) -> Iterator[Leftover]:
    yield from _sagemaker(place, "endpoint", "list_endpoints", "Endpoints", "EndpointName")


def _endpoint_configs(place: Place) -> Iterator[Leftover]:
    yield from _sagemaker(
        place, "endpoint-config", "list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"
    )


def _models(place: Place) -> Iterator[Leftover]:
    yield from _sagemaker(place, "model", "list_models", "Models", "ModelName")


def _sagemaker(place: Place, kind: str, operation: str, key: str, field: str) -> Iterator[Leftover]:
    client = place.client("sagemaker")
    delete = getattr(client, f"delete_{kind.replace('-', '_')}")
    for each in place.listed("sagemaker", operation, key, NameContains=place.prefix.rstrip("-")):
        name = each[field]
        if name.startswith(place.prefix) and each.get("EndpointStatus") != "Deleting":
            yield Leftover(
                kind=kind,
                name=name,
                command=f"aws sagemaker delete-{kind} {_region(place)} --{kind}-name {name}",
                remove=lambda name=name: delete(**{field: name}),  # type: ignore[misc]
            )


def _domains(place: Place) -> Iterator[Leftover]:
    """Yield the domain, unless it is on its way out."""
    client, name = place.client("opensearch"), place.settings.domain_name
    if name in _domain_names(place) and not domain_is_going(place):
        yield Leftover(
            kind="domain",
            name=name,
            command=f"aws opensearch delete-domain {_region(place)} --domain-name {name}",
            remove=lambda: client.delete_domain(DomainName=name),
        )


def domain_is_going(place: Place) -> bool:
    """Whether the domain is being deleted, which takes a while."""
    name = place.settings.domain_name
    if name not in _domain_names(place):
        return False
    client = place.client("opensearch")
    with aws_errors():
        try:
            status = client.describe_domain(DomainName=name)["DomainStatus"]
        except client.exceptions.ResourceNotFoundException:
            return True  # it was listed, and has gone since
    return bool(status.get("Deleted"))


def _domain_names(place: Place) -> set[str]:
    return {each["DomainName"] for each in place.listed("opensearch", "list_domain_names", "DomainNames")}


def _buckets(place: Place) -> Iterator[Leftover]:
    s3 = place.client("s3")

    def remove(name: str) -> None:
        empty(place, name)
        s3.delete_bucket(Bucket=name)

    for name in buckets(place):
        yield Leftover(
            kind="bucket",
            name=name,
            command=f"aws s3 rb --force s3://{name}   (with versions: imagesearch destroy {place.name})",
            remove=lambda name=name: remove(name),  # type: ignore[misc]
        )


def _log_groups(place: Place) -> Iterator[Leftover]:
    client = place.client("logs")
    beginnings = [
        f"/aws/lambda/{place.name}-",
        f"/aws/lambda/{place.prefix}",
        f"/aws/sagemaker/Endpoints/{place.prefix}",
        f"/aws/codebuild/{place.prefix}",
        f"/aws/vendedlogs/states/{place.prefix}",
        f"aws-waf-logs-{place.prefix}",
        *(f"{place.name}-{stack}" for stack in STACKS),
    ]
    found = {
        each["logGroupName"]
        for prefix in beginnings
        for each in place.listed("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=prefix)
    }
    for name in sorted(found):
        yield Leftover(
            kind="log group",
            name=name,
            command=f"aws logs delete-log-group {_region(place)} --log-group-name {name}",
            remove=lambda name=name: client.delete_log_group(logGroupName=name),  # type: ignore[misc]
        )


def _log_policies(place: Place) -> Iterator[Leftover]:
    client, name = place.client("logs"), f"{place.settings.domain_name}-domain"
    for each in place.listed("logs", "describe_resource_policies", "resourcePolicies"):
        if each["policyName"] == name:
            yield Leftover(
                kind="log policy",
                name=name,
                command=f"aws logs delete-resource-policy {_region(place)} --policy-name {name}",
                remove=lambda: client.delete_resource_policy(policyName=name),
            )


def _keys(place: Place) -> Iterator[Leftover]:
    """Yield keys that are not on their way to deletion yet."""
    kms, alias = place.client("kms"), names.key_alias(place.settings)
    for each in place.listed("kms", "list_aliases", "Aliases"):
        key = each.get("TargetKeyId")
        if each["AliasName"] != alias or key is None:
            continue
        with aws_errors():
            state = kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]
        if state == "PendingDeletion":
            continue
        yield Leftover(
            kind="key",
            name=f"{alias} ({key})",
            command=f"aws kms schedule-key-deletion {_region(place)} --key-id {key} "
            f"--pending-window-in-days {KEY_DAYS}",
            remove=lambda key=key: kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=KEY_DAYS),  # type: ignore[misc]
        )


def _repositories(place: Place) -> Iterator[Leftover]:
    client, name = place.client("ecr"), names.image_repository(place.settings)
    for each in place.listed("ecr", "describe_repositories", "repositories"):
        if each["repositoryName"] == name:
            yield Leftover(
                kind="image repository",
                name=name,
                command=f"aws ecr delete-repository {_region(place)} --force --repository-name {name}",
                remove=lambda: client.delete_repository(repositoryName=name, force=True),
            )


def _user_pools(place: Place) -> Iterator[Leftover]:
    client = place.client("cognito-idp")
    for each in place.listed("cognito-idp", "list_user_pools", "UserPools", MaxResults=60):
        if not each["Name"].startswith(place.prefix.rstrip("-")):
            continue
        pool = each["Id"]
        yield Leftover(
            kind="user pool",
            name=f"{each['Name']} ({pool})",
            command=f"aws cognito-idp update-user-pool {_region(place)} --user-pool-id {pool} "
            f"--deletion-protection INACTIVE; aws cognito-idp delete-user-pool {_region(place)} "
            f"--user-pool-id {pool}",
            remove=lambda pool=pool: _remove_pool(client, pool),  # type: ignore[misc]
        )


def _remove_pool(cognito: Any, pool: str) -> None:
    described = cognito.describe_user_pool(UserPoolId=pool)["UserPool"]
    if described.get("DeletionProtection") == "ACTIVE":
        cognito.update_user_pool(UserPoolId=pool, DeletionProtection="INACTIVE")
    if (domain := described.get("Domain")) is not None:
        cognito.delete_user_pool_domain(UserPoolId=pool, Domain=domain)
    cognito.delete_user_pool(UserPoolId=pool)


def _interfaces(place: Place) -> Iterator[Leftover]:
    """Yield network interfaces in the environment's VPC: they keep it from being deleted."""
    ec2 = place.client("ec2")
    tagged = [
        {"Name": "tag:application", "Values": [APPLICATION]},
        {"Name": "tag:environment", "Values": [place.name]},
    ]
    for vpc in place.listed("ec2", "describe_vpcs", "Vpcs", Filters=tagged):
        inside = [{"Name": "vpc-id", "Values": [vpc["VpcId"]]}]
        for each in place.listed("ec2", "describe_network_interfaces", "NetworkInterfaces", Filters=inside):
            name = each["NetworkInterfaceId"]
            free = each.get("Status") == "available"
            yield Leftover(
                kind="network interface",
                name=f"{name} ({each.get('Description') or each.get('Status')})",
                command=f"aws ec2 delete-network-interface {_region(place)} --network-interface-id {name}",
                remove=(lambda name=name: ec2.delete_network_interface(NetworkInterfaceId=name))  # type: ignore[misc]
                if free
                else None,
            )


def _tagged(place: Place) -> Iterator[Leftover]:
    """Yield what the tagging API tells of; keys that wait for their deletion are told of until then."""
    filters = [
        {"Key": "application", "Values": [APPLICATION]},
        {"Key": "environment", "Values": [place.name]},
    ]
    found = place.listed(
        "resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList", TagFilters=filters
    )
    for each in found:
        arn = each["ResourceARN"]
        if ":kms:" not in arn and ":cloudformation:" not in arn:
            yield Leftover(
                kind="tagged resource",
                name=arn,
                command="look in the console: the tagging API may tell of what is gone for some hours",
                certain=False,
            )


_FINDERS: dict[str, Callable[[Place], Iterator[Leftover]]] = {
    "stacks": stacks,
    "endpoints": _endpoints,
    "endpoint configurations": _endpoint_configs,
    "models": _models,
    "domains": _domains,
    "buckets": _buckets,
    "log groups": _log_groups,
    "log policies": _log_policies,
    "keys": _keys,
    "image repositories": _repositories,
    "user pools": _user_pools,
    "network interfaces": _interfaces,
}
