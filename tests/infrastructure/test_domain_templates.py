"""The domain: its size, what rules it, and whom it admits."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

import aws_cdk as cdk
import pytest

from imagesearch import access
from stacks.components.domain import domain_roles
from stacks.data import DataStack
from stacks.settings import DEV, ENVIRONMENTS, PROD, Settings
from tests.infrastructure.assembly import Synthesized, resources

GOVERNED = [env for env, settings in ENVIRONMENTS.items() if settings.domain.fine_grained_access]
# What each function is in the domain.
ADMITTED = {
    "imagesearch_query": "search",
    "imagesearch_ingest": "write",
    "imagesearch_bulk_plan": "write",
    "imagesearch_bulk_prepare": "write",
    "imagesearch_bulk_index": "write",
    "imagesearch_bulk_finish": "write",
    "imagesearch_migration": "administer",
    "imagesearch_backup": "backup",
}


def _domain(template: Mapping[str, Any]) -> dict[str, Any]:
    (domain,) = resources(template, "AWS::OpenSearchService::Domain")
    properties: dict[str, Any] = domain["Properties"]
    return properties


def _admissions(stacks: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        resource["Properties"]
        for template in stacks.values()
        for resource in resources(template, "Custom::DomainAccess")
    ]


def test_both_sides_name_the_same_kinds_of_access() -> None:
    assert get_args(domain_roles.Access) == get_args(access.Access)


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_set_up_rules_the_domain_where_that_asks_for_more_than_iam(
    synthesized: Synthesized, env: str
) -> None:
    domain = _domain(synthesized.templates[env]["Data"])
    if env not in GOVERNED:
        assert "AdvancedSecurityOptions" not in domain
        return
    options = domain["AdvancedSecurityOptions"]
    assert (options["Enabled"], options["InternalUserDatabaseEnabled"]) == (True, False)
    ruler = options["MasterUserOptions"]["MasterUserARN"]["Fn::GetAtt"]
    (setup,) = (
        function["Properties"]
        for function in resources(synthesized.templates[env]["Data"], "AWS::Lambda::Function")
        if function["Properties"].get("Handler") == "imagesearch.entrypoints.index_setup.handler"
    )
    assert setup["Role"]["Fn::GetAtt"] == ruler


def test_staging_and_prod_ask_for_more_than_iam() -> None:
    assert GOVERNED == ["staging", "prod"]


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_each_function_is_admitted_for_what_it_does_and_none_is_forgotten(
    synthesized: Synthesized, env: str
) -> None:
    stacks = synthesized.templates[env]
    admitted = {each["Name"]: each["Access"] for each in _admissions(stacks)}
    assert admitted == (ADMITTED if env in GOVERNED else {})
    calling = {
        str(function["Properties"]["Handler"]).split(".")[2]
        for template in stacks.values()
        for function in resources(template, "AWS::Lambda::Function")
        if "SEARCH_ENDPOINT" in function["Properties"].get("Environment", {}).get("Variables", {})
    }
    assert {name.removeprefix("imagesearch_") for name in ADMITTED} == calling - {"index_setup"}


@pytest.mark.parametrize("env", GOVERNED)
def test_who_is_admitted_is_the_functions_own_role(synthesized: Synthesized, env: str) -> None:
    for template in synthesized.templates[env].values():
        roles = {
            str(function["Properties"]["Handler"]).split(".")[2]: function["Properties"]["Role"]
            for function in resources(template, "AWS::Lambda::Function")
            if str(function["Properties"].get("Handler", "")).startswith("imagesearch.")
        }
        for resource in resources(template, "Custom::DomainAccess"):
            entrypoint = resource["Properties"]["Name"].removeprefix("imagesearch_")
            assert resource["Properties"]["Role"] == roles[entrypoint]


@pytest.mark.parametrize("env", GOVERNED)
def test_a_function_changes_only_after_the_domain_knows_its_role(synthesized: Synthesized, env: str) -> None:
    waiting = {
        str(function["Properties"]["Handler"]).split(".")[2]: {
            template["Resources"][name]["Properties"]["Name"]
            for name in function["DependsOn"]
            if template["Resources"][name]["Type"] == "Custom::DomainAccess"
        }
        for template in synthesized.templates[env].values()
        for function in resources(template, "AWS::Lambda::Function")
        if "SEARCH_ENDPOINT" in function["Properties"].get("Environment", {}).get("Variables", {})
    }
    del waiting["index_setup"]
    assert waiting == {name.removeprefix("imagesearch_"): {name} for name in ADMITTED}


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_what_is_made_inside_of_the_domain_is_made_by_the_function_beside_it(
    synthesized: Synthesized, env: str
) -> None:
    stacks = synthesized.templates[env]
    tokens = {str(each["ServiceToken"]) for each in _admissions(stacks)}
    (index,) = resources(stacks["Ingest"], "Custom::SearchIndex")
    tokens.add(str(index["Properties"]["ServiceToken"]))
    (token,) = tokens
    assert f"{env}-Data" in token


def _built(settings: Settings) -> dict[str, Any]:
    app = cdk.App(context={"aws:cdk:bundling-stacks": []})
    stack = DataStack(app, "Data", settings=settings)
    return _domain(app.synth().get_stack_by_name(stack.stack_name).template)


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_cluster_is_as_large_as_the_settings_say(synthesized: Synthesized, env: str) -> None:
    settings = ENVIRONMENTS[env].domain
    domain = _domain(synthesized.templates[env]["Data"])
    cluster, volume = domain["ClusterConfig"], domain["EBSOptions"]
    assert (cluster["InstanceType"], cluster["InstanceCount"]) == (
        settings.instance_type,
        settings.data_nodes,
    )
    assert cluster["ZoneAwarenessEnabled"] == (settings.availability_zones > 1)
    assert cluster["MultiAZWithStandbyEnabled"] == settings.standby
    managers = (cluster["DedicatedMasterEnabled"], cluster.get("DedicatedMasterCount"))
    assert managers == ((True, 3) if settings.manager_instance_type else (False, None))
    assert (volume["VolumeType"], volume["VolumeSize"]) == ("gp3", settings.volume_gib)
    assert (volume["Iops"], volume["Throughput"]) == (settings.volume_iops, settings.volume_throughput)
    assert domain["SoftwareUpdateOptions"] == {"AutoSoftwareUpdateEnabled": settings.automatic_updates}


def test_prod_survives_the_loss_of_a_zone() -> None:
    domain = PROD.domain
    assert (domain.availability_zones, domain.manager_instance_type is not None) == (3, True)
    assert PROD.index.replicas >= 1


def test_a_standby_domain_keeps_a_zone_in_reserve() -> None:
    standby = replace(
        DEV,
        domain=replace(PROD.domain, standby=True, fine_grained_access=False),
        index=replace(PROD.index, replicas=2),
    )
    cluster = _built(standby)["ClusterConfig"]
    assert cluster["MultiAZWithStandbyEnabled"] is True
    assert cluster["ZoneAwarenessConfig"] == {"AvailabilityZoneCount": 3}


def test_changes_wait_for_the_hour_that_the_settings_name() -> None:
    assert "OffPeakWindowOptions" not in _built(DEV)
    quiet = _built(replace(DEV, domain=replace(DEV.domain, off_peak_hour=3, automatic_updates=False)))
    window = quiet["OffPeakWindowOptions"]["OffPeakWindow"]["WindowStartTime"]
    assert (quiet["OffPeakWindowOptions"]["Enabled"], window) == (True, {"Hours": 3, "Minutes": 0})
    assert quiet["SoftwareUpdateOptions"] == {"AutoSoftwareUpdateEnabled": False}
