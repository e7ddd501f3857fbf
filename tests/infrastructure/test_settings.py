"""What the settings refuse, and what the command line may override."""

import dataclasses
from collections.abc import Callable

import pytest

from stacks.settings import DEV, ENVIRONMENTS, LOCAL, PROD, STAGING, Settings, SettingsError
from stacks.settings.api import ApiSettings
from stacks.settings.bulk import BulkSettings
from stacks.settings.functions import FunctionSettings, IngestSettings, ThumbnailSettings
from stacks.settings.model import RealTimeEndpoint, ServerlessEndpoint
from stacks.settings.search import IndexSettings
from stacks.settings.users import UserSettings


def _with(settings: Settings, **changes: object) -> Settings:
    return dataclasses.replace(settings, **changes)  # type: ignore[arg-type]


def _bulk(**changes: object) -> BulkSettings:
    return dataclasses.replace(DEV.bulk, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ServerlessEndpoint(memory_mb=1500, max_concurrency=1), "multiple of 1024"),
        (lambda: ServerlessEndpoint(memory_mb=7168, max_concurrency=1), "from 1024 to 6144"),
        (lambda: ServerlessEndpoint(memory_mb=1024, max_concurrency=201), "from 1 to 200"),
        (lambda: RealTimeEndpoint(instance_type="c6i.xlarge", instance_count=1), "lacks 'ml.'"),
        (lambda: RealTimeEndpoint(instance_type="ml.c6i.xlarge", instance_count=0), "at least 1"),
        (lambda: dataclasses.replace(DEV.domain, instance_type="t3.small"), "lacks '.search'"),
        (lambda: dataclasses.replace(DEV.domain, availability_zones=4), "from 1 to 3"),
        (lambda: dataclasses.replace(PROD.domain, data_nodes=4), "multiple of the zones"),
        (lambda: dataclasses.replace(DEV.domain, volume_gib=5), "at least 10"),
        (lambda: dataclasses.replace(DEV.domain, engine_version="OpenSearch_2.17"), "2.19 or later"),
        (lambda: dataclasses.replace(DEV.domain, engine_version="Elasticsearch_7.10"), "such as"),
        (lambda: IndexSettings(engine="nmslib"), "faiss or lucene"),  # type: ignore[arg-type]
        (lambda: IndexSettings(engine="faiss", space="innerproduct"), "l2"),  # type: ignore[arg-type]
        (lambda: IndexSettings(engine="faiss", ef_search=10), "from 100"),
        (lambda: IndexSettings(engine="faiss", shards=0), "at least 1"),
        (lambda: IndexSettings(engine="faiss", replicas=-1), "not be negative"),
        (lambda: IndexSettings(engine="faiss", attributes={"Brand": "keyword"}), "lower-case"),
        (lambda: IndexSettings(engine="faiss", attributes={"title": "keyword"}), "none of title"),
        (lambda: IndexSettings(engine="faiss", attributes={"a.b": "keyword"}), "lower-case"),
        (
            lambda: IndexSettings(engine="faiss", attributes={"brand": "text"}),  # type: ignore[dict-item]
            "keyword, number, boolean, date",
        ),
        (lambda: FunctionSettings(python="3.10"), "3.11 or later"),
        (lambda: FunctionSettings(architecture="amd64"), "arm64 or x86_64"),  # type: ignore[arg-type]
        (lambda: FunctionSettings(log_retention_days=8), "one of"),  # type: ignore[arg-type]
        (lambda: IngestSettings(timeout_seconds=901), "from 1 to 900"),
        (lambda: IngestSettings(timeout_seconds=60, invoke_timeout_seconds=60), "shorter"),
        (lambda: IngestSettings(invoke_timeout_seconds=61), "from 1 to 60"),
        (lambda: ApiSettings(encode_cache_size=0), "encode_cache_size"),
        (lambda: IngestSettings(batch_size=11), "from 1 to 10"),
        (lambda: IngestSettings(max_concurrency=1), "from 2 to 1000"),
        (lambda: IngestSettings(max_receives=0), "from 1 to 420"),
        (lambda: IngestSettings(max_receives=421), "from 1 to 420"),
        (lambda: IngestSettings(memory_mb=64), "from 128"),
        (lambda: ApiSettings(timeout_seconds=29), "< 29 must hold"),
        (lambda: ApiSettings(rate_per_second=10, burst=5), "<= burst"),
        (lambda: ApiSettings(max_results=10_001), "from 1 to 10000"),
        (lambda: ApiSettings(url_ttl_seconds=604_801), "from 1 to 604800"),
        (lambda: ApiSettings(web_origins=("search.example",)), "such as https://search.example"),
        (lambda: ApiSettings(web_origins=("https://a.example/page",)), "web_origins"),
        (lambda: ApiSettings(web_origins=("http://*.example:*",)), "web_origins"),
        (lambda: ApiSettings(authorisation="basic"), "key, iam, cognito"),  # type: ignore[arg-type]
        (lambda: ApiSettings(requests_per_address=9), "requests_per_address must be from 10"),
        (lambda: UserSettings(multi_factor="never"), "optional, required"),  # type: ignore[arg-type]
        (lambda: UserSettings(minimum_password_length=7), "from 8 to 99"),
        (lambda: UserSettings(token_minutes=4), "from 5 to 1440"),
        (lambda: UserSettings(session_days=0), "from 1 to 3650"),
        (lambda: UserSettings(domain_prefix="Search"), "lower-case"),
        (lambda: UserSettings(domain_prefix="my-cognito"), "without aws, amazon, cognito"),
        (lambda: _with(LOCAL, api=ApiSettings(firewall=True)), "knows no web ACL"),
        (lambda: LOCAL.with_overrides(local_authorisation="basic"), "key, iam, cognito"),
        (lambda: ThumbnailSettings(timeout_seconds=29), "thumbnails.timeout_seconds must be below 29"),
        (lambda: ThumbnailSettings(burst=99), "thumbnails: 1 <= rate_per_second <= burst"),
        (lambda: ThumbnailSettings(memory_mb=64), "thumbnails.memory_mb must be from 128"),
        (lambda: _bulk(instance_type="c6i.xlarge"), "bulk.instance_type 'c6i.xlarge' lacks 'ml.'"),
        (lambda: _bulk(instance_count=0), "bulk.instance_count must be at least 1"),
        (lambda: _bulk(max_payload_mb=101), "from 1 to 100"),
        (lambda: _bulk(max_concurrent_transforms=17, max_payload_mb=6), "at most 100, not 102"),
        (lambda: _bulk(max_concurrent_transforms=0), "not 0"),
        (lambda: _bulk(invocation_timeout_seconds=3601), "from 1 to 3600"),
        (lambda: _bulk(invocation_retries=4), "from 0 to 3"),
        (lambda: _bulk(invocation_retries=-1), "from 0 to 3"),
        (lambda: _bulk(index_concurrency=10_001), "from 1 to 10000"),
        (lambda: _bulk(memory_mb=64), "bulk.memory_mb must be from 128"),
        (lambda: _bulk(index_timeout_seconds=901), "bulk.index.timeout_seconds must be from 1 to 900"),
        (lambda: _with(DEV, models=()), "at least one"),
        (lambda: _with(DEV, models=("demo", "demo")), "distinct"),
        (lambda: _with(LOCAL, index=DEV.index), "lucene only"),
        (lambda: _with(DEV, index=IndexSettings(engine="faiss", replicas=1)), "too few"),
        (lambda: _with(PROD, empty_buckets=True), "not emptied"),
        (lambda: _with(DEV, name="an-environment-of-long-name"), "longer than 28"),
    ],
)
def test_settings_that_cannot_be_deployed_are_refused_by_name(
    make: Callable[[], object], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        make()


def test_the_environments_are_those_of_the_house() -> None:
    assert list(ENVIRONMENTS) == ["local", "dev", "staging", "prod"]
    assert all(settings.name == name for name, settings in ENVIRONMENTS.items())


def test_artifacts_come_from_an_environment_that_is_deployed_too_and_go_round_in_no_circle() -> None:
    assert (DEV.models_from, STAGING.models_from, PROD.models_from) == (None, "dev", "staging")
    assert LOCAL.models_from is None


def test_local_differs_in_settings_that_the_emulator_needs() -> None:
    assert (LOCAL.index.engine, LOCAL.domain.scheme, LOCAL.monitoring) == ("lucene", "http", None)
    assert LOCAL.functions.wheels_of_this_machine


def test_region_and_account_are_overridden_everywhere() -> None:
    moved = PROD.with_overrides(region="cn-north-1", account="123456789012")
    assert (moved.region, moved.account) == ("cn-north-1", "123456789012")


def test_python_and_models_are_overridden_only_on_this_machine() -> None:
    overridden = {
        name: settings.with_overrides(function_python="3.13", local_models="siglip,demo")
        for name, settings in ENVIRONMENTS.items()
    }
    assert (overridden["local"].functions.python, overridden["local"].models) == (
        "3.13",
        ("siglip", "demo"),
    )
    assert all(overridden[name] == ENVIRONMENTS[name] for name in ("dev", "staging", "prod"))


def test_what_the_api_asks_and_where_the_page_is_are_overridden_only_on_this_machine() -> None:
    asked = {"local_authorisation": "cognito", "page_url": "http://127.0.0.1:1/"}
    local = LOCAL.with_overrides(**asked)
    assert local.api.authorisation == "cognito"
    assert local.web is not None
    assert local.web.further_addresses == ("http://127.0.0.1:1/",)
    assert DEV.with_overrides(**asked) == DEV
    assert LOCAL.with_overrides(local_authorisation="iam").web is None, "a page signs nothing"


def test_without_overrides_the_settings_stay_as_they_are() -> None:
    assert LOCAL.with_overrides() == LOCAL
