"""The functions' environments and the classes that parse them, which share no code."""

from dataclasses import fields, replace
from typing import Any

import pytest

from imagesearch.settings import (
    BackupSettings,
    BulkFinishSettings,
    BulkIndexSettings,
    BulkPlanSettings,
    BulkPrepareSettings,
    CanarySettings,
    IndexSetupSettings,
    IngestSettings,
    MigrationSettings,
    QuerySettings,
    SearchDomainSettings,
    Settings,
    ThumbnailSettings,
)
from stacks.components.functions.function_environment import query_environment
from stacks.settings import ENVIRONMENTS
from stacks.settings import Settings as Environment
from stacks.settings.network import NetworkSettings
from tests.infrastructure.assembly import Synthesized, flat, resources

READERS: dict[str, tuple[str, type[Settings]]] = {
    "query": ("Api", QuerySettings),
    "thumbnail": ("Api", ThumbnailSettings),
    "canary": ("Api", CanarySettings),
    "ingest": ("Ingest", IngestSettings),
    "index_setup": ("Data", IndexSetupSettings),
    "bulk_plan": ("Bulk", BulkPlanSettings),
    "bulk_prepare": ("Bulk", BulkPrepareSettings),
    "bulk_index": ("Bulk", BulkIndexSettings),
    "bulk_finish": ("Bulk", BulkFinishSettings),
    "migration": ("Migration", MigrationSettings),
    # It reads nothing: the request of the custom resource says it all.
    "web_files": ("Web", Settings),
    "backup": ("Backup", BackupSettings),
}
# Read by Powertools.
_POWERTOOLS = {"POWERTOOLS_SERVICE_NAME", "LOG_LEVEL"}
_METRICS, _REPORTING = "POWERTOOLS_METRICS_NAMESPACE", ("query", "ingest", "bulk_finish", "canary")


def _environment(template: dict[str, Any], entrypoint: str) -> dict[str, str]:
    handler = f"imagesearch.entrypoints.{entrypoint}.handler"
    (function,) = [
        function["Properties"]
        for function in resources(template, "AWS::Lambda::Function")
        if function["Properties"].get("Handler") == handler
    ]
    return {name: flat(value) for name, value in function["Environment"]["Variables"].items()}


@pytest.mark.parametrize("env", ENVIRONMENTS)
@pytest.mark.parametrize("entrypoint", READERS)
def test_a_functions_environment_parses_with_the_class_that_reads_it(
    synthesized: Synthesized, env: str, entrypoint: str
) -> None:
    stack, reader = READERS[entrypoint]
    parsed = reader.from_environment(_environment(synthesized.templates[env][stack], entrypoint))
    if isinstance(parsed, SearchDomainSettings):
        assert parsed.vector_engine == ENVIRONMENTS[env].index.engine


@pytest.mark.parametrize("env", ENVIRONMENTS)
@pytest.mark.parametrize("entrypoint", READERS)
def test_a_function_is_given_nothing_that_it_does_not_read(
    synthesized: Synthesized, env: str, entrypoint: str
) -> None:
    stack, reader = READERS[entrypoint]
    given = set(_environment(synthesized.templates[env][stack], entrypoint))
    reports = entrypoint in _REPORTING and ENVIRONMENTS[env].monitoring is not None
    metrics = {_METRICS} if reports else set()
    assert given == {field.name.upper() for field in fields(reader)} | _POWERTOOLS | metrics


def test_every_function_of_the_application_is_checked_here(synthesized: Synthesized) -> None:
    handlers = {
        function["Properties"]["Handler"]
        for _, _, template in synthesized.all()
        for function in resources(template, "AWS::Lambda::Function")
        if function["Properties"].get("Handler", "").startswith("imagesearch.")
    }
    assert handlers == {f"imagesearch.entrypoints.{entrypoint}.handler" for entrypoint in READERS}


def test_the_query_functions_time_outs_end_before_the_gateways(synthesized: Synthesized) -> None:
    for env in ENVIRONMENTS:
        variables = _environment(synthesized.templates[env]["Api"], "query")
        assert int(variables["INVOKE_TIMEOUT_SECONDS"]) < 29


def test_addresses_of_the_web_are_fetched_only_where_the_settings_say_so() -> None:
    def fetching(settings: Environment) -> str:
        return query_environment(settings, "https://search.example")["FETCH_URLS"]

    public = NetworkSettings()
    assert {fetching(settings) for settings in ENVIRONMENTS.values()} == {"never"}
    allowed = {
        # A private network has no way to the web, so that these settings would be refused.
        env: fetching(replace(settings, network=public, api=replace(settings.api, fetch_urls=True)))
        for env, settings in ENVIRONMENTS.items()
    }
    assert allowed == {"local": "http", "dev": "https", "staging": "https", "prod": "https"}


def test_payload_limits_follow_the_kind_of_endpoint(synthesized: Synthesized) -> None:
    payloads = {
        env: _environment(synthesized.templates[env]["Api"], "query")["MAX_ENDPOINT_PAYLOAD_BYTES"]
        for env in ("dev", "prod")
    }
    assert payloads == {"dev": "4000000", "prod": "6291456"}
