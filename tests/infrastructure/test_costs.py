"""What estimates count with, against what the stacks have: what nobody reckons with costs all the same."""

import pytest

from scripts.costs import estimate
from stacks.settings import ENVIRONMENTS
from tests.infrastructure.assembly import Synthesized, resources

IN_AWS = [name for name, settings in ENVIRONMENTS.items() if not settings.domain.emulated]


def count(synthesized: Synthesized, env: str, kind: str) -> int:
    return sum(len(resources(template, kind)) for template in synthesized.templates[env].values())


@pytest.mark.parametrize("env", IN_AWS)
def test_keys_and_interface_endpoints_are_as_many_as_are_reckoned_with(
    synthesized: Synthesized, env: str
) -> None:
    settings = ENVIRONMENTS[env]
    keys = estimate.KEYS if settings.encryption == "customer" else 0
    assert count(synthesized, env, "AWS::KMS::Key") == keys
    interfaces = [
        endpoint
        for template in synthesized.templates[env].values()
        for endpoint in resources(template, "AWS::EC2::VPCEndpoint")
        if endpoint["Properties"].get("VpcEndpointType") == "Interface"
    ]
    assert len(interfaces) == (estimate.INTERFACE_ENDPOINTS if settings.network.is_private else 0)
    assert count(synthesized, env, "AWS::EC2::NatGateway") == 0


@pytest.mark.parametrize("env", IN_AWS)
def test_rules_of_the_firewall_are_as_many_as_are_reckoned_with(synthesized: Synthesized, env: str) -> None:
    rules = [
        len(acl["Properties"]["Rules"])
        for template in synthesized.templates[env].values()
        for acl in resources(template, "AWS::WAFv2::WebACL")
    ]
    assert rules == ([estimate.FIREWALL_RULES] if ENVIRONMENTS[env].api.firewall else [])


@pytest.mark.parametrize("env", IN_AWS)
def test_clients_of_machines_are_as_many_as_are_reckoned_with(synthesized: Synthesized, env: str) -> None:
    machines = [
        client
        for template in synthesized.templates[env].values()
        for client in resources(template, "AWS::Cognito::UserPoolClient")
        if "client_credentials" in client["Properties"]["AllowedOAuthFlows"]
    ]
    asks = ENVIRONMENTS[env].api.authorisation == "cognito"
    assert len(machines) == (estimate.MACHINE_CLIENTS if asks else 0)


@pytest.mark.parametrize("env", IN_AWS)
def test_alarms_and_dashboards_are_as_many_as_are_reckoned_with(synthesized: Synthesized, env: str) -> None:
    monitoring = ENVIRONMENTS[env].monitoring
    most = estimate.ALARMS if monitoring and monitoring.alarms else 0
    # Some alarms come with settings: of instances, of managers, of a canary.
    assert max(0, most - 3) <= count(synthesized, env, "AWS::CloudWatch::Alarm") <= most
    assert count(synthesized, env, "AWS::CloudWatch::Dashboard") == (estimate.DASHBOARDS if monitoring else 0)
