"""What the settings of networks, keys and domains refuse."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from stacks.settings import DEV, LOCAL, PROD, STAGING, Settings, SettingsError
from stacks.settings.network import NetworkSettings
from stacks.settings.search import DomainSettings


def _domain(**changes: object) -> DomainSettings:
    return replace(PROD.domain, **changes)  # type: ignore[arg-type]


def _private(settings: Settings = DEV, **changes: object) -> Settings:
    return replace(settings, **{"network": NetworkSettings(kind="vpc"), **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NetworkSettings(kind="private"), "public, vpc"),  # type: ignore[arg-type]
        (lambda: NetworkSettings(cidr="10.0.0.1/20"), "such as 10.0.0.0/20"),
        (lambda: NetworkSettings(cidr="8.8.8.0/24"), "private networks"),
        (lambda: NetworkSettings(cidr="10.0.0.0/8"), "from 16 to 24, not 8"),
        (lambda: NetworkSettings(cidr="10.0.0.0/26"), "from 16 to 24, not 26"),
        (lambda: NetworkSettings(zones=1), "from 2 to 3"),
        (lambda: NetworkSettings(zones=2, zone_names=("a",)), "2 distinct names, or none"),
        (lambda: NetworkSettings(zones=2, zone_names=("a", "a")), "2 distinct names, or none"),
        (lambda: NetworkSettings(models=True), "network.models needs network.kind 'vpc'"),
        (lambda: _private(LOCAL), "the emulator has no VPC"),
        (lambda: _private(api=replace(DEV.api, fetch_urls=True)), "api.fetch_urls needs the internet"),
        (
            lambda: _private(network=NetworkSettings(kind="vpc", models=True)),
            "no serverless endpoint in a VPC",
        ),
        (
            lambda: replace(PROD, network=NetworkSettings(kind="vpc", zones=2)),
            "not be more than network.zones",
        ),
        (lambda: replace(DEV, encryption="none"), "aws, customer"),  # type: ignore[arg-type]
        (lambda: _domain(standby=True, manager_instance_type=None), "manager_instance_type"),
        (lambda: replace(STAGING.domain, standby=True), "three availability_zones"),
        (lambda: _domain(standby=True, manager_instance_type="t3.medium.search"), "no burstable"),
        (lambda: replace(PROD, domain=_domain(standby=True)), "index.replicas 2"),
        (lambda: _domain(volume_iops=2999), "from 3000 to 16000"),
        (lambda: _domain(volume_gib=10, volume_iops=5001), "from 3000 to 5000"),
        (lambda: _domain(volume_throughput=751), "from 125 to 750"),
        (lambda: _domain(volume_iops=4000, volume_throughput=1001), "from 125 to 1000"),
        (lambda: _domain(off_peak_hour=24), "from 0 to 23"),
        (lambda: replace(LOCAL.domain, fine_grained_access=True), "has no fine_grained_access"),
    ],
)
def test_what_no_deployment_can_have_is_refused_by_name(make: Callable[[], object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make()


def test_a_real_time_model_may_lie_in_the_network_and_a_serverless_one_beside_it() -> None:
    assert _private(PROD, network=NetworkSettings(kind="vpc", models=True)).network.models
    assert not _private(DEV).network.models
