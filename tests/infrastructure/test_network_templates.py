"""The environments' networks: where functions, domain and models lie, and what they reach from there."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import aws_cdk as cdk
import pytest

from stacks.components.models.model_container import model_name
from stacks.model_lock import LockedModel
from stacks.network import NetworkStack
from stacks.settings import DEV, ENVIRONMENTS, PROD
from stacks.settings.network import NetworkSettings
from tests.infrastructure.assembly import Synthesized, flat, listed, resources

PRIVATE = [env for env, settings in ENVIRONMENTS.items() if settings.network.is_private]
PUBLIC = [env for env in ENVIRONMENTS if env not in PRIVATE]
# What its own documentation says that Lambda needs for functions in a VPC.
INTERFACES = {
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}


def _functions(stacks: Any) -> Iterator[dict[str, Any]]:
    for template in stacks.values():
        for function in resources(template, "AWS::Lambda::Function"):
            if str(function["Properties"].get("Handler", "")).startswith("imagesearch."):
                yield function["Properties"]


def test_what_runs_for_people_is_private_and_what_is_tried_out_costs_no_network() -> None:
    assert (PUBLIC, PRIVATE) == (["local", "dev"], ["staging", "prod"])


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_every_function_that_calls_the_domain_lies_in_the_network_and_no_other(
    synthesized: Synthesized, env: str
) -> None:
    functions = list(_functions(synthesized.templates[env]))
    inside = {function["Handler"] for function in functions if "VpcConfig" in function}
    calling = {
        function["Handler"]
        for function in functions
        if "SEARCH_ENDPOINT" in function["Environment"]["Variables"]
    }
    assert len(calling) >= 7
    assert inside == (calling if env in PRIVATE else set())


@pytest.mark.parametrize("env", PRIVATE)
def test_the_network_has_a_subnet_a_zone_and_no_way_to_the_internet(
    synthesized: Synthesized, env: str
) -> None:
    network = synthesized.templates[env]["Network"]
    assert len(resources(network, "AWS::EC2::Subnet")) == ENVIRONMENTS[env].network.zones
    for kind in ("InternetGateway", "NatGateway", "EgressOnlyInternetGateway", "Route", "EIP"):
        assert resources(network, f"AWS::EC2::{kind}") == []


@pytest.mark.parametrize("env", PRIVATE)
def test_there_is_an_endpoint_for_each_service_that_is_called_and_for_no_other(
    synthesized: Synthesized, env: str
) -> None:
    endpoints = resources(synthesized.templates[env]["Network"], "AWS::EC2::VPCEndpoint")
    kinds = {
        flat(endpoint["Properties"]["ServiceName"]).split(".", 3)[-1]: endpoint["Properties"].get(
            "VpcEndpointType"
        )
        for endpoint in endpoints
    }
    assert kinds == {"s3": "Gateway", "sagemaker.runtime": "Interface"}


@pytest.mark.parametrize("env", PRIVATE)
def test_the_endpoints_lead_to_the_environments_own_buckets_and_models_only(
    synthesized: Synthesized, env: str
) -> None:
    reached = set()
    for endpoint in resources(synthesized.templates[env]["Network"], "AWS::EC2::VPCEndpoint"):
        for statement in endpoint["Properties"]["PolicyDocument"]["Statement"]:
            assert "aws:PrincipalAccount" in statement["Condition"]["StringEquals"]
            assert not any("*" in action for action in listed(statement["Action"]))
            reached |= {flat(resource).split(":")[-1] for resource in listed(statement["Resource"])}
    buckets = [f"imagesearch-{env}-{name}-reference-us-east-1" for name in ("images", "artifacts")]
    assert reached == {f"endpoint/imagesearch-{env}-*", *buckets, *(f"{name}/*" for name in buckets)}


@pytest.mark.parametrize("env", PRIVATE)
def test_nobody_is_let_in_but_functions_and_these_over_tls_only(synthesized: Synthesized, env: str) -> None:
    network = synthesized.templates[env]["Network"]
    groups = resources(network, "AWS::EC2::SecurityGroup")
    assert [group for group in groups if "SecurityGroupIngress" in group["Properties"]] == []
    rules = [rule["Properties"] for rule in resources(network, "AWS::EC2::SecurityGroupIngress")]
    assert len(rules) == 2
    for rule in rules:
        assert (rule["FromPort"], rule["ToPort"], rule["IpProtocol"]) == (443, 443, "tcp")
        assert "Functions" in rule["SourceSecurityGroupId"]["Fn::GetAtt"][0]
    outgoing = [rule for group in groups for rule in group["Properties"]["SecurityGroupEgress"]]
    assert {rule["ToPort"] for rule in outgoing if rule["CidrIp"] == "0.0.0.0/0"} == {443}


@pytest.mark.parametrize("env", PRIVATE)
def test_what_the_network_refuses_is_logged(synthesized: Synthesized, env: str) -> None:
    (flow_log,) = resources(synthesized.templates[env]["Network"], "AWS::EC2::FlowLog")
    assert (flow_log["Properties"]["ResourceType"], flow_log["Properties"]["TrafficType"]) == (
        "VPC",
        "REJECT",
    )


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_domain_lies_in_as_many_zones_of_the_network_as_it_has(
    synthesized: Synthesized, env: str
) -> None:
    (domain,) = resources(synthesized.templates[env]["Data"], "AWS::OpenSearchService::Domain")
    place = domain["Properties"].get("VPCOptions")
    if env in PUBLIC:
        assert place is None
        return
    assert len(place["SubnetIds"]) == ENVIRONMENTS[env].domain.availability_zones
    (group,) = place["SecurityGroupIds"]
    assert "NetworkDomain" in group["Fn::GetStackOutput"]["OutputName"]


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_only_lambda_itself_makes_interfaces_and_only_for_functions_inside(
    synthesized: Synthesized, env: str
) -> None:
    statements = [
        statement
        for stack, template in synthesized.templates[env].items()
        if stack != "Model"
        for policy in resources(template, "AWS::IAM::Policy")
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if any(action.startswith("ec2:") for action in listed(statement["Action"]))
    ]
    inside = [function for function in _functions(synthesized.templates[env]) if "VpcConfig" in function]
    assert len(statements) == len(inside)
    for statement in statements:
        assert set(statement["Action"]) == INTERFACES
        assert statement["Condition"] == {"Null": {"lambda:SourceFunctionArn": "true"}}


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_models_lie_in_the_network_where_the_settings_say_so(synthesized: Synthesized, env: str) -> None:
    (model,) = resources(synthesized.templates[env]["Model"], "AWS::SageMaker::Model")
    settings = ENVIRONMENTS[env].network
    place = model["Properties"].get("VpcConfig")
    assert (place is not None) == settings.models
    if place is not None:
        assert len(place["Subnets"]) == settings.zones


def test_another_network_gives_the_model_another_name() -> None:
    stack = cdk.Stack(cdk.App(), "Stack")
    model = LockedModel(digest="d" * 64, fingerprint="f" * 64, dimension=4, python="3.12")
    elsewhere = replace(PROD, network=replace(PROD.network, cidr="10.1.0.0/20"))
    outside = replace(PROD, network=replace(PROD.network, models=False))
    names = {model_name(stack, model=model, settings=each) for each in (PROD, elsewhere, outside)}
    assert len(names) == 3


def test_zones_that_an_account_cannot_use_are_avoided_by_naming_others() -> None:
    named = NetworkSettings(kind="vpc", zones=2, zone_names=("us-east-1b", "us-east-1f"))
    app = cdk.App()
    stack = NetworkStack(app, "Network", settings=replace(DEV, network=named))
    template = app.synth().get_stack_by_name(stack.stack_name).template
    zones = [subnet["Properties"]["AvailabilityZone"] for subnet in resources(template, "AWS::EC2::Subnet")]
    assert zones == ["us-east-1b", "us-east-1f"]
