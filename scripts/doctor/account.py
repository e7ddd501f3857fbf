"""Who asks, where the environment would lie, and what must be there before it."""

from collections.abc import Iterator, Sequence

import boto3
from botocore.exceptions import ClientError

from scripts.doctor.context import Context
from scripts.doctor.findings import Check, Finding, failed, passed, warned
from scripts.outputs import stack_outputs
from stacks import names
from stacks.settings.checks import SettingsError

BOOTSTRAP = "/cdk-bootstrap/hnb659fds/version"
BOOTSTRAP_VERSION = 6
"""What the stacks' own assemblies ask for (`requiresBootstrapStackVersion`)."""

ACCOUNT = "ACCOUNT"
"""What stands in a bucket's name for the account, which only AWS tells."""

SEARCH_ROLE = "AWSServiceRoleForAmazonOpenSearchService"
RESOURCE_POLICIES = 10
"""CloudWatch Logs: resource policies of an account in a region, which is no quota that can be raised."""


def account_checks(context: Context) -> list[Check]:
    """The checks of account and region."""
    # Not in a thread of a check: the CDK's names come from a process of its own, which takes one caller.
    buckets = _bucket_names(context)
    checks = [
        Check(name="credentials", look=lambda: _credentials(context), prefix="sts"),
        Check(name="region", look=lambda: _region(context)),
        Check(name="bootstrap", look=lambda: _bootstrap(context), prefix="ssm"),
        Check(name="names", look=lambda: _names(context, buckets), prefix="s3"),
        Check(name="log policies", look=lambda: _log_policies(context), prefix="logs"),
    ]
    if context.settings.network.is_private:
        checks.append(Check(name="zones", look=lambda: _zones(context), prefix="ec2"))
        checks.append(Check(name="service-linked role", look=lambda: _search_role(context), prefix="iam"))
    return checks


def services(context: Context) -> dict[str, str]:
    """The services that these settings need, each with the setting that does without it."""
    settings = context.settings
    needed = {
        "apigateway": "",
        "events": "",
        "lambda": "",
        "opensearch": "",
        "s3": "",
        "sagemaker": "",
        "sagemaker-runtime": "",
        "sqs": "",
        "stepfunctions": "",
    }
    if settings.api.authorisation == "cognito":
        needed["cognito-idp"] = 'api.authorisation="iam"'
    if settings.api.firewall:
        needed["wafv2"] = "api.firewall=False"
    if settings.container.image == "slim":
        needed["codebuild"] = 'container.image="huggingface"'
    if settings.encryption == "customer":
        needed["kms"] = 'encryption="aws"'
    return needed


def _credentials(context: Context) -> Iterator[Finding]:
    identity = context.client("sts").get_caller_identity()
    wanted = context.settings.account
    if wanted is not None and identity["Account"] != wanted:
        yield failed(
            "credentials",
            f"they are of the account {identity['Account']}, but {context.name} is to lie in {wanted}",
            "export AWS_PROFILE=the profile of that account",
        )
        return
    yield passed("credentials", f"{identity['Arn']}, account {identity['Account']}")


def _region(context: Context) -> Iterator[Finding]:
    """Compare what botocore knows of the region with what the settings need: no request is made."""
    session = boto3.Session()
    try:
        partition = session.get_partition_for_region(context.region)
    except Exception as error:  # noqa: BLE001 - botocore raises errors of several trees here
        yield failed(
            "region", f"{context.region} is no region that is known here: {error}", "name another: --region"
        )
        return
    lacking = 0
    for service, without in services(context).items():
        if context.region in session.get_available_regions(service, partition_name=partition):
            continue
        lacking += 1
        mend = context.edit(without) if without else "name another region: --region"
        yield failed("region", f"{context.region} has no {service}", mend)
    try:
        _require_image(context)
    except SettingsError as error:
        lacking += 1
        yield failed("region", f"{error}", context.edit('container.image="slim"'))
    if context.settings.web is not None and partition != "aws":
        lacking += 1
        yield failed(
            "region", f"the partition {partition} has no CloudFront of this kind", context.edit("web=None")
        )
    if not lacking:
        yield passed("region", f"{context.region} ({partition}) has every service that the settings need")


def _require_image(context: Context) -> None:
    from stacks.container_images import image_uri

    if context.settings.container.image == "huggingface":
        image_uri(context.region)


def _bootstrap(context: Context) -> Iterator[Finding]:
    ssm = context.client("ssm")
    place = f"aws://{context.settings.account or 'ACCOUNT'}/{context.region}"
    mend = f"npx cdk bootstrap {place}"
    try:
        version = int(ssm.get_parameter(Name=BOOTSTRAP)["Parameter"]["Value"])
    except ssm.exceptions.ParameterNotFound:
        yield failed("bootstrap", f"{context.region} is not bootstrapped for the CDK", mend)
        return
    if version < BOOTSTRAP_VERSION:
        yield failed("bootstrap", f"version {version}, but {BOOTSTRAP_VERSION} is needed", mend)
        return
    yield passed("bootstrap", f"version {version}")


def _names(context: Context, buckets: Sequence[str]) -> Iterator[Finding]:
    """Look for what an environment that was destroyed has kept: a new one would not be let near it."""
    deployed = stack_outputs(f"{context.name}-Data", cloudformation=context.client("cloudformation"))
    if deployed is not None:
        yield passed("names", f"{context.name}-Data is deployed")
        return
    account = context.client("sts").get_caller_identity()["Account"]
    named = [name.replace(ACCOUNT, account) for name in buckets]
    kept = [f"the bucket {name}" for name in named if _exists(context, name)]
    domain = context.settings.domain_name
    domains = context.client("opensearch").list_domain_names()["DomainNames"]
    kept += [f"the domain {domain}" for each in domains if each["DomainName"] == domain]
    data = " --data" if context.settings.retain_data else ""
    for each in kept:
        yield failed(
            "names",
            f"{each} is there already, with what is in it, but no stack holds it",
            f"take a copy of what you need, then: imagesearch destroy {context.name}{data}",
        )
    if not kept:
        yield passed("names", "the names of buckets and domain are free")


def _bucket_names(context: Context) -> list[str]:
    # Late: importing the CDK starts a Node process, which other commands need not wait for.
    import aws_cdk as cdk

    made = (names.image_bucket, names.artifact_bucket, names.log_bucket)
    return [make(context.settings).replace(cdk.Aws.ACCOUNT_ID, ACCOUNT) for make in made]


def _exists(context: Context, bucket: str) -> bool:
    try:
        context.client("s3").head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchBucket"):
            return False
        if error.response["Error"]["Code"] == "403":
            return True
        raise
    return True


def _log_policies(context: Context) -> Iterator[Finding]:
    found = context.client("logs").describe_resource_policies(limit=RESOURCE_POLICIES)["resourcePolicies"]
    own = f"{context.settings.domain_name}-domain"
    if own in {policy["policyName"] for policy in found} or len(found) < RESOURCE_POLICIES:
        yield passed(
            "log policies", f"{len(found)} of {RESOURCE_POLICIES} resource policies of CloudWatch Logs"
        )
        return
    first = found[0]["policyName"]
    yield failed(
        "log policies",
        f"{context.region} has {len(found)} resource policies of CloudWatch Logs, and room for no more: the "
        "domain's logs need one",
        f"aws logs delete-resource-policy --region {context.region} --policy-name {first}   (or another one "
        "that nobody needs)",
    )


def _zones(context: Context) -> Iterator[Finding]:
    wanted = context.settings.network
    answer = context.client("ec2").describe_availability_zones(
        Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}]
    )
    there = [zone["ZoneName"] for zone in answer["AvailabilityZones"] if zone["State"] == "available"]
    missing = [name for name in wanted.zone_names if name not in there]
    if missing:
        yield failed(
            "zones", f"{context.region} has no {', '.join(missing)}", context.edit("network.zone_names")
        )
    elif len(there) < wanted.zones:
        yield failed(
            "zones",
            f"{context.region} has {len(there)} zones, but {wanted.zones} are wanted",
            context.edit(f"network.zones={len(there)}, and domain.availability_zones"),
        )
    else:
        yield passed("zones", f"{len(there)} zones, {wanted.zones} are wanted")


def _search_role(context: Context) -> Iterator[Finding]:
    iam = context.client("iam")
    try:
        iam.get_role(RoleName=SEARCH_ROLE)
    except iam.exceptions.NoSuchEntityException:
        yield failed(
            "service-linked role",
            "OpenSearch Service has no role by which it could put a domain into a VPC",
            "aws iam create-service-linked-role --aws-service-name opensearchservice.amazonaws.com",
        )
        return
    yield passed("service-linked role", SEARCH_ROLE)


def model_warning(context: Context) -> Finding | None:
    """What there is to say of an image whose base may change, or None."""
    container = context.settings.container
    if container.image != "slim" or "@sha256:" in container.base_image:
        return None
    return warned(
        "image",
        f"{container.base_image} is whatever its tag means on the day of the build",
        context.edit("container.base_image with its digest"),
    )
