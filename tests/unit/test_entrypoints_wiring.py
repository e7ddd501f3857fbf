"""Imports are pure and light, and the settings build the functions' parts on first use."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from imagesearch.api_access import KeyAccess, SignedAccess, TokenAccess
from imagesearch.entrypoints import migration_wiring, thumbnail_wiring, wiring
from imagesearch.errors import SettingsError, UrlRefusedError
from imagesearch.settings import (
    CanarySettings,
    IndexSetupSettings,
    IngestSettings,
    MigrationSettings,
    QuerySettings,
    Settings,
    ThumbnailSettings,
)

LAMBDA = Path(__file__).parents[2] / "lambda"

INGEST = {
    "SEARCH_ENDPOINT": "https://search.example.org",
    "INDEX_ALIAS": "images",
    "VECTOR_ENGINE": "faiss",
    "IMAGE_BUCKET": "pictures",
    "ATTRIBUTES": '{"price": "number"}',
    "ENDPOINT_PREFIX": "imagesearch-dev-",
    "MAX_ENDPOINT_PAYLOAD_BYTES": "4000000",
    "INVOKE_TIMEOUT_SECONDS": "20.5",
}
QUERY = INGEST | {
    "EF_SEARCH": "100",
    "MAX_REQUEST_BYTES": "6000000",
    "MAX_PICTURE_BYTES": "50000000",
    "MAX_RESULTS": "100",
    "URL_TTL_SECONDS": "900",
    "ENCODE_CACHE_SIZE": "1000",
    "FETCH_URLS": "never",
    "AUTHORISATION": "key",
}
INDEX_SETUP = {
    "SEARCH_ENDPOINT": "http://127.0.0.1:9200",
    "INDEX_ALIAS": "images",
    "VECTOR_ENGINE": "lucene",
    "VECTOR_SPACE": "cosinesimil",
    "QUANTISATION": "none",
    "NUMBER_OF_SHARDS": "1",
    "NUMBER_OF_REPLICAS": "0",
}
MIGRATION = (
    INGEST
    | INDEX_SETUP
    | {
        "ARTIFACT_BUCKET": "artifacts",
        "EF_SEARCH": "200",
        "MIN_RECALL": "0.95",
        "SAMPLE": "200",
        "DRAIN_HOURS": "0.0",
        "LONGEST_INVOCATION_SECONDS": "120.0",
    }
)
THUMBNAIL = {"IMAGE_BUCKET": "pictures", "ARTIFACT_BUCKET": "artifacts", "MAX_PICTURE_BYTES": "50000000"}
CANARY = {
    "API_URL": "https://api.example.org/prod/",
    "API_ACCESS": '{"mode": "key", "key_id": "key-1"}',
    "PATIENCE_SECONDS": "60.0",
}
CASES = [
    (QuerySettings, QUERY),
    (ThumbnailSettings, THUMBNAIL),
    (CanarySettings, CANARY),
    (IngestSettings, INGEST),
    (IndexSetupSettings, INDEX_SETUP),
    (MigrationSettings, MIGRATION),
]


@pytest.mark.parametrize(("kind", "environment"), CASES)
def test_settings_are_read_from_their_variables_and_no_others(
    kind: type[Settings], environment: dict[str, str]
) -> None:
    settings = kind.from_environment(environment | {"UNKNOWN": "x", "AWS_REGION": "eu-central-1"})
    assert {name.upper(): value for name, value in vars(settings).items()}.keys() == environment.keys()
    for name, value in vars(settings).items():
        text = environment[name.upper()]
        if name == "api_access":
            assert value == KeyAccess(key_id="key-1")
        else:
            assert value == json.loads(text) if name == "attributes" else str(value) == text


@pytest.mark.parametrize(
    ("kind", "environment", "name"), [(kind, env, name) for kind, env in CASES for name in env]
)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_variable_is_named(
    kind: type[Settings], environment: dict[str, str], name: str, value: str | None
) -> None:
    changed = {each: text for each, text in environment.items() if each != name}
    with pytest.raises(SettingsError, match=name):
        kind.from_environment(changed if value is None else changed | {name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VECTOR_ENGINE", "nmslib"),
        ("VECTOR_ENGINE", "LUCENE"),
        ("SEARCH_ENDPOINT", "search.example.org"),
        ("SEARCH_ENDPOINT", "ftp://search.example.org"),
        ("SEARCH_ENDPOINT", "https://"),
        ("EF_SEARCH", "0"),
        ("EF_SEARCH", "many"),
        ("EF_SEARCH", "1.5"),
        ("MAX_RESULTS", "-1"),
        ("INVOKE_TIMEOUT_SECONDS", "0"),
        ("INVOKE_TIMEOUT_SECONDS", "nan"),
        ("INVOKE_TIMEOUT_SECONDS", "inf"),
        ("INVOKE_TIMEOUT_SECONDS", "20s"),
        ("URL_TTL_SECONDS", "0"),
        ("ENCODE_CACHE_SIZE", "0"),
        ("FETCH_URLS", "False"),
        ("AUTHORISATION", "none"),
        ("ATTRIBUTES", "price"),
        ("ATTRIBUTES", "[]"),
        ("ATTRIBUTES", '{"price": "decimal"}'),
        ("ATTRIBUTES", '{"price": null}'),
        ("ATTRIBUTES", '{"price": ["number"]}'),
    ],
)
def test_an_unusable_variable_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        QuerySettings.from_environment(QUERY | {name: value})


@pytest.mark.parametrize(
    ("name", "value"), [("VECTOR_SPACE", "dot"), ("NUMBER_OF_REPLICAS", "-1"), ("NUMBER_OF_SHARDS", "0")]
)
def test_an_unusable_variable_of_the_index_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        IndexSetupSettings.from_environment(INDEX_SETUP | {name: value})


TOKEN = {
    "mode": "cognito",
    "user_pool_id": "pool-1",
    "client_id": "client-1",
    "token_url": "https://sign-in.example/oauth2/token",
    "scope": "imagesearch/search",
}


@pytest.mark.parametrize(
    ("given", "access"),
    [
        ({"mode": "iam"}, SignedAccess()),
        (
            TOKEN,
            TokenAccess(
                user_pool_id="pool-1",
                client_id="client-1",
                token_url="https://sign-in.example/oauth2/token",
                scope="imagesearch/search",
            ),
        ),
    ],
)
def test_the_canary_knows_what_each_kind_of_api_asks_for(given: dict[str, str], access: object) -> None:
    settings = CanarySettings.from_environment(CANARY | {"API_ACCESS": json.dumps(given)})
    assert settings.api_access == access


@pytest.mark.parametrize(
    "given", ["key", "{}", '{"mode": "none"}', '{"mode": "key"}', '{"mode": "key", "key_id": 1}']
)
def test_an_access_that_the_canary_cannot_have_is_refused(given: str) -> None:
    with pytest.raises(SettingsError, match="API_ACCESS"):
        CanarySettings.from_environment(CANARY | {"API_ACCESS": given})


def test_an_address_of_the_api_that_is_none_is_refused() -> None:
    with pytest.raises(SettingsError, match="API_URL"):
        CanarySettings.from_environment(CANARY | {"API_URL": "api.example.org"})


@pytest.mark.parametrize("entrypoint", ["query", "ingest", "index_setup", "migration", "thumbnail", "canary"])
def test_importing_an_entrypoint_needs_no_environment_and_loads_no_client(entrypoint: str) -> None:
    script = f"""
import sys
sys.path.insert(0, {str(LAMBDA)!r})
from imagesearch.entrypoints.{entrypoint} import handler
assert callable(handler)
heavy = {{"boto3", "opensearchpy", "requests", "numpy", "PIL", "moto"}} & sys.modules.keys()
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", script], env={}, check=True, timeout=60)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    for each in (
        *(wiring.query_parts, wiring.ingest_parts, wiring.index_setup_parts),
        *(migration_wiring.migration, thumbnail_wiring.thumbnails),
    ):
        each.cache_clear()


@pytest.mark.usefixtures("aws")
def test_the_parts_are_built_from_the_environment_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (QUERY | INDEX_SETUP | MIGRATION | THUMBNAIL).items():
        monkeypatch.setenv(name, value)
    assert wiring.query_parts().max_results == 100
    assert wiring.query_parts() is wiring.query_parts()
    assert wiring.ingest_parts().bucket == "pictures"
    assert wiring.ingest_parts().seconds_per_picture == 20.5
    assert wiring.index_setup_parts().alias == "images"
    assert migration_wiring.migration() is migration_wiring.migration()
    assert thumbnail_wiring.thumbnails() is thumbnail_wiring.thumbnails()


@pytest.mark.parametrize(
    ("fetching", "complaint"), [("never", None), ("https", "https://."), ("http", "https:// or http://.")]
)
def test_pictures_are_fetched_from_the_web_where_the_settings_say_so(
    fetching: str, complaint: str | None
) -> None:
    web = wiring.web_pictures(QuerySettings.from_environment(QUERY | {"FETCH_URLS": fetching}))
    if complaint is None:
        assert web is None
        return
    assert web is not None
    with pytest.raises(UrlRefusedError) as caught:
        web.fetch("ftp://pictures.test/a.jpg")
    assert caught.value.message.endswith(complaint)


@pytest.mark.usefixtures("aws")
def test_parts_that_could_not_be_built_are_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="SEARCH_ENDPOINT"):
        wiring.query_parts()
    for name, value in QUERY.items():
        monkeypatch.setenv(name, value)
    assert wiring.query_parts().max_results == 100
