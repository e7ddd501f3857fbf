"""Costs: figures worked out by hand from the table of prices, and what the command says."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scripts.cli import app
from scripts.costs import page, rates
from scripts.costs.cheapest import cheapest
from scripts.costs.estimate import Estimate, estimate, without_use
from scripts.costs.load import Load, instances, needs, serverless_concurrency
from scripts.errors import CommandError
from scripts.generated import block
from stacks import prices
from stacks.settings import DEV, ENVIRONMENTS, PROD, STAGING, Settings
from stacks.settings.model import ProvisionedConcurrency, RealTimeEndpoint, ServerlessEndpoint
from stacks.settings.monitoring import MonitoringSettings
from tests.benchmarked import figures

IN_AWS = [each for each in ENVIRONMENTS.values() if not each.domain.emulated]
MILLION = Load(pictures=1_000_000, queries_per_day=100_000)


def the(found: Estimate, name: str) -> float:
    (part,) = [part for part in found.parts if part.name.startswith(name)]
    return part.month


def invoke(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["costs", *arguments])
    return done.exit_code, done.output


# The figures.


def test_a_domain_costs_its_nodes_managers_and_volumes_by_the_hour() -> None:
    domain = replace(
        PROD.domain, instance_type="r6g.large.search", data_nodes=3, volume_gib=100, volume_iops=3000
    )
    found = estimate(replace(PROD, domain=domain), Load())
    assert the(found, "Domain: data nodes") == pytest.approx(3 * 0.167 * 730)
    assert the(found, "Domain: manager nodes") == pytest.approx(3 * 0.128 * 730)
    assert the(found, "Domain: volumes") == pytest.approx(300 * 0.122)


def test_volumes_that_do_more_than_is_included_cost_more() -> None:
    domain = replace(PROD.domain, volume_iops=4000, volume_throughput=250)
    more = estimate(replace(PROD, domain=domain), Load()).month - estimate(PROD, Load()).month
    assert more == pytest.approx(PROD.domain.data_nodes * (1000 * 0.008 + 125 * 0.064))


def test_an_endpoint_of_instances_costs_the_same_asked_or_not() -> None:
    settings = replace(PROD, endpoint=RealTimeEndpoint(instance_type="ml.c6i.xlarge", instance_count=2))
    found = estimate(settings, Load())
    assert the(found, "Endpoint") == pytest.approx(2 * 0.204 * 730)
    assert the(estimate(settings, MILLION), "Endpoint") == pytest.approx(2 * 0.204 * 730)


def test_a_serverless_endpoint_costs_what_it_is_asked() -> None:
    endpoint = ServerlessEndpoint(memory_mb=4096, max_concurrency=5)
    settings = replace(DEV, endpoint=endpoint)
    assert not [part for part in without_use(settings).parts if part.name.startswith("Endpoint")]
    # 3,041,667 texts a month, 50 ms each of 4 GB; 10 KB each way.
    month = 100_000 * 365 / 12
    expected = month * 0.05 * 4 * 0.00002 + month * 10_000 / 1e9 * 0.016
    assert the(estimate(settings, MILLION), "Endpoint") == pytest.approx(expected)


def test_concurrency_that_is_kept_warm_is_paid_for_by_the_hour() -> None:
    kept = ProvisionedConcurrency(minimum=2)
    settings = replace(DEV, endpoint=ServerlessEndpoint(memory_mb=4096, max_concurrency=5, provisioned=kept))
    assert the(without_use(settings), "Endpoint") == pytest.approx(2 * 4 * 730 * 3600 * 0.000005)


def test_each_search_passes_the_gateway_and_shows_thumbnails_that_pass_it_too() -> None:
    found = estimate(PROD, replace(MILLION, thumbnails=0))
    month = 100_000 * 365 / 12
    assert the(found, "API Gateway") == pytest.approx(month * 3.5e-6)
    shown = estimate(PROD, replace(MILLION, thumbnails=10))
    assert the(shown, "Thumbnails") > 10 * the(found, "API Gateway")


def test_an_environment_that_nobody_uses_costs_its_idle_parts_only() -> None:
    for settings in IN_AWS:
        found = without_use(settings)
        assert found.month == pytest.approx(found.idle), settings.name
        assert found.once is None


def test_machines_that_sign_in_are_paid_by_client_and_by_token() -> None:
    def with_canary(minutes: int | None) -> Settings:
        return replace(PROD, monitoring=MonitoringSettings(canary_minutes=minutes))

    assert the(estimate(with_canary(None), Load()), "Machines") == pytest.approx(6)
    # A function that is called every five minutes keeps its token for the hour that it lasts.
    assert the(estimate(with_canary(5), Load()), "Machines") == pytest.approx(6 + 730 * 0.00225)
    assert the(estimate(with_canary(30), Load()), "Machines") == pytest.approx(6 + 1460 * 0.00225)
    by_key = replace(PROD, api=replace(PROD.api, authorisation="key"))
    assert not [part for part in estimate(by_key, Load()).parts if part.name.startswith("Machines")]


def test_embedding_a_library_is_told_apart() -> None:
    found = estimate(PROD, MILLION)
    assert found.once is not None
    # 1,000,000 pictures, 120 a second and instance, at 0.816 an hour.
    assert found.once.transform == pytest.approx(1_000_000 / 120 / 3600 * 0.816)
    assert found.month == pytest.approx(sum(part.month for part in found.parts))


def test_a_caption_is_a_second_vector() -> None:
    plain, _, _ = needs(PROD, Load(pictures=1000))
    captioned, _, _ = needs(PROD, Load(pictures=1000, captions=1000))
    assert captioned.needed == pytest.approx(2 * plain.needed)


def test_whether_the_index_fits_is_told() -> None:
    # A million of 512 dimensions, two copies: 1.1 × (4 × 512 + 128) × 2 M = 4.5 GiB of 3 × 4.
    memory, disk, model = needs(PROD, MILLION)
    assert memory.needed == pytest.approx(2 * 1.1 * (4 * 512 + 128) * 1e6 / 2**30)
    assert memory.given == 12
    assert memory.is_met
    assert disk.is_met
    assert model.is_met
    too_much = estimate(PROD, Load(pictures=10_000_000))
    assert not too_much.holds
    assert "index.quantisation" in too_much.needs[0].remedy


def test_quantisation_makes_the_index_fit() -> None:
    smaller = replace(PROD, index=replace(PROD.index, quantisation="on_disk"))
    memory, _, _ = needs(smaller, Load(pictures=10_000_000))
    assert memory.is_met


def test_a_busy_hour_asks_four_times_the_mean() -> None:
    load = Load(queries_per_day=8_640_000)  # a hundred a second
    assert load.busy_queries_per_second == pytest.approx(400)
    # 400 × 50 ms are twenty at once, of which 60 % may be busy.
    assert serverless_concurrency(load) == 34
    # A core pair answers 40 texts a second, 24 of them planned with; an xlarge has one.
    assert instances("ml.c6i.xlarge", load) == 17
    assert instances("ml.c6i.4xlarge", load) == 5


# The cheapest settings.


def test_the_cheapest_settings_hold_the_load_and_cost_no_more() -> None:
    for settings in IN_AWS:
        for load in (Load(pictures=1000), MILLION, Load(pictures=20_000_000, queries_per_day=1e6)):
            for quantisation, choice in cheapest(settings, load).items():
                found = estimate(choice.settings, load)
                assert found.holds, (settings.name, quantisation, found.needs)
                assert choice.month == pytest.approx(found.month)
                if estimate(settings, load).holds and quantisation == "none":
                    assert choice.month <= estimate(settings, load).month


def test_a_smaller_form_of_vectors_is_named_only_where_it_saves() -> None:
    assert list(cheapest(PROD, Load(pictures=1000))) == ["none"]
    choices = cheapest(PROD, Load(pictures=50_000_000))
    assert list(choices) == ["none", "fp16", "on_disk"]
    months = [choice.month for choice in choices.values()]
    assert months == sorted(months, reverse=True)


def test_burstable_nodes_are_for_what_nobody_depends_on() -> None:
    assert cheapest(DEV, Load(pictures=1000))["none"].settings.domain.instance_type == "t3.small.search"
    for settings in (STAGING, PROD):
        kind = cheapest(settings, Load(pictures=1000))["none"].settings.domain.instance_type
        assert not kind.startswith("t"), settings.name


def test_models_in_a_network_are_not_served_without_instances() -> None:
    assert PROD.network.models
    assert isinstance(cheapest(PROD, Load(pictures=1000))["none"].settings.endpoint, RealTimeEndpoint)


def test_the_lines_of_a_choice_are_the_settings_own_words() -> None:
    domain, index, endpoint = cheapest(PROD, MILLION)["none"].lines
    assert domain.startswith('domain: instance_type="r6g.large.search", data_nodes=3, volume_gib=')
    assert index.startswith('index: quantisation="none", shards=')
    assert endpoint.startswith("endpoint: RealTimeEndpoint(instance_type=")


# The tables.


@pytest.mark.parametrize("settings", IN_AWS, ids=lambda each: each.name)
def test_every_price_that_the_settings_need_is_known(settings: Settings) -> None:
    assert estimate(settings, MILLION).month > 0
    assert settings.bulk.instance_price_per_hour == prices.INSTANCE_HOUR[settings.bulk.instance_type]


@pytest.mark.parametrize(
    "settings",
    [
        replace(PROD, domain=replace(PROD.domain, instance_type="x9.large.search")),
        replace(PROD, domain=replace(PROD.domain, manager_instance_type="x9.large.search")),
        replace(PROD, endpoint=RealTimeEndpoint(instance_type="ml.x9.large", instance_count=1)),
    ],
)
def test_a_price_that_nobody_looked_up_is_asked_for(settings: Settings) -> None:
    with pytest.raises(CommandError) as raised:
        estimate(settings, Load())
    assert raised.value.code == "price_unknown"
    assert "stacks/prices.py" in raised.value.message


def test_the_rates_are_those_that_were_measured() -> None:
    for name, (constant, measured) in figures().items():
        assert measured / 2 < constant < 2 * measured, f"{name}: scripts/costs/rates.py is out of date"


# The command and the document.


def test_the_command_tells_parts_needs_and_the_cheapest_settings() -> None:
    status, output = invoke("--env", "prod", "--pictures", "1e6", "--queries-per-day", "1e5")
    assert status == 0
    assert "1,000,000 pictures, 100,000 searches a day" in output
    for words in (
        "Domain: data nodes",
        "together",
        "memory of the index",
        "Cheapest with vectors as they are",
    ):
        assert words in output
    assert "not from a bill" in " ".join(output.split())


def test_the_estimate_is_json_for_programs() -> None:
    status, output = invoke("--env", "prod", "--pictures", "1e6", "--queries-per-day", "1e5", "--json")
    said = json.loads(output)
    assert (status, said["holds"], said["load"]["pictures"]) == (0, True, 1_000_000)
    assert said["month"] == pytest.approx(sum(part["idle"] + part["used"] for part in said["parts"]), abs=0.2)
    assert said["prices"]["as_of"] == prices.AS_OF
    assert said["cheapest"]["none"]["settings"]


def test_an_environment_that_is_too_small_ends_with_status_2() -> None:
    status, output = invoke("--env", "dev", "--pictures", "1e7")
    assert (status, "✗ memory of the index" in output) == (2, True)


@pytest.mark.parametrize("option", ["--pictures", "--queries-per-day", "--thumbnails"])
def test_a_load_below_nothing_is_refused(option: str) -> None:
    done = CliRunner().invoke(app, ["costs", "--env", "dev", option, "-1"])
    assert isinstance(done.exception, CommandError)
    assert (done.exception.code, option in done.exception.message) == ("load_invalid", True)


def test_another_regions_prices_are_said_to_be_others() -> None:
    _, output = invoke("--env", "dev", "--region", "eu-central-1")
    assert "eu-central-1 has prices of its own" in output


def test_the_readmes_table_is_current() -> None:
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    assert block(page.BLOCK, page.render()) in readme, "run: make docs"


def test_an_estimate_says_when_prices_and_rates_were_looked_at() -> None:
    _, output = invoke("--env", "dev")
    said = " ".join(output.split())
    assert prices.AS_OF in said
    assert rates.AS_OF in said
