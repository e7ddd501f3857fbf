"""The OpenSearch adapter without OpenSearch: the guard, signing, request bodies, and translated errors."""

import datetime
import json
from dataclasses import replace
from fnmatch import fnmatch
from typing import Any, get_args

import opensearchpy
import pytest
from botocore.credentials import RefreshableCredentials
from requests_aws4auth import AWS4Auth  # type: ignore[import-untyped]

from imagesearch import errors
from imagesearch.adapters.engine_guard import refuse_other_engine
from imagesearch.adapters.opensearch import OpenSearchVectorIndex
from imagesearch.adapters.opensearch_client import aws_auth, opensearch_client, translate, written_alias
from imagesearch.adapters.opensearch_schema import index_body, template_body
from imagesearch.adapters.opensearch_search import leg_body
from imagesearch.errors import EngineMissingError, SearchUnavailableError, SettingsError
from imagesearch.filters import BeginsWith, Exists
from imagesearch.models import Quantisation
from imagesearch.queries import Nearest, Words
from stacks.settings.search import Quantisation as SettingsQuantisation
from tests.builders import ATTRIBUTES, DIMENSION, an_index
from tests.opensearch_server import opensearch_server


def _mapping(field: dict[str, Any]) -> dict[str, Any]:
    return {"mappings": {"properties": {"embedding": {"type": "knn_vector", "dimension": 4} | field}}}


LUCENE = {"method": {"name": "hnsw", "engine": "lucene"}}


@pytest.mark.parametrize(
    "field",
    [
        {},
        {"method": {"name": "hnsw"}},
        {"method": {"name": "hnsw", "engine": "faiss"}},
        {"method": {"name": "hnsw", "engine": None}},
        {"method": "hnsw"},
        {"model_id": "m"},
        {"mode": "on_disk"},
    ],
)
def test_a_vector_field_that_does_not_name_the_engine_is_refused(field: dict[str, Any]) -> None:
    with pytest.raises(EngineMissingError, match="lucene"):
        refuse_other_engine(json.dumps(_mapping(field)).encode(), "lucene")


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"template": _mapping({})}),
        json.dumps({"mappings": {"dynamic_templates": [{"v": {"mapping": {"type": "knn_vector"}}}]}}),
        json.dumps({"properties": {"a": {"properties": {"b": {"type": "knn_vector"}}}}}),
        json.dumps(_mapping({})).replace("knn_vector", "knn\\u005fvector"),
        json.dumps({"index": {}}) + "\n" + json.dumps(_mapping({})) + "\n",
        "type: knn_vector",
    ],
)
def test_no_wrapping_hides_a_vector_field(body: str) -> None:
    for sent in (body, body.encode()):
        with pytest.raises(EngineMissingError):
            refuse_other_engine(sent, "lucene")


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(_mapping(LUCENE)),
        json.dumps({"key": "albums/knn_vector/1.jpg", "type": "picture"}),
        json.dumps({"index": {}}) + "\n" + json.dumps({"key": "knn_vector.jpg"}) + "\n",
        json.dumps({"key": "S\\u00fcdsee"}),
        "",
    ],
)
def test_everything_else_may_pass(body: str) -> None:
    refuse_other_engine(body, "lucene")


@pytest.mark.parametrize("engine", ["lucene", "faiss"])
def test_our_own_bodies_name_the_engine(engine: str) -> None:
    body = index_body(an_index(), engine=engine)
    refuse_other_engine(json.dumps(body), engine)
    for field in ("embedding", "caption_embedding"):
        assert body["mappings"]["properties"][field]["method"]["engine"] == engine
    template = template_body(alias="images", shards=1, replicas=0, attributes=ATTRIBUTES)
    assert "knn_vector" not in json.dumps(template)


@pytest.mark.parametrize(
    ("quantisation", "parameters"),
    [
        ("none", {}),
        ("fp16", {"compression_level": "2x"}),
        ("byte", {"compression_level": "4x"}),
        ("on_disk", {"mode": "on_disk", "compression_level": "32x"}),
    ],
)
def test_an_index_keeps_its_vectors_as_it_says(
    quantisation: Quantisation, parameters: dict[str, str]
) -> None:
    body = index_body(replace(an_index(), quantisation=quantisation), engine="faiss")
    assert body["mappings"]["_meta"]["quantisation"] == quantisation
    for field in body["mappings"]["properties"].values():
        method = {"name": "hnsw", "engine": "faiss", "space_type": "cosinesimil"}
        assert field == {"type": "knn_vector", "dimension": DIMENSION, "method": method, **parameters}


def test_every_quantisation_of_the_settings_has_a_mapping() -> None:
    assert get_args(Quantisation) == get_args(SettingsQuantisation)
    for quantisation in get_args(Quantisation):
        index_body(replace(an_index(), quantisation=quantisation), engine="faiss")


def test_the_template_knows_the_declared_attributes_and_no_others() -> None:
    template = template_body(alias="images", shards=1, replicas=0, attributes=ATTRIBUTES)
    mapping = template["template"]["mappings"]["properties"]["attributes"]
    assert mapping["dynamic"] == "strict"
    assert {name: field["type"] for name, field in mapping["properties"].items()} == {
        "category": "keyword",
        "favourite": "boolean",
        "price": "double",
        "taken": "date",
    }


def test_the_template_of_the_alias_does_not_match_the_alias_of_the_kept_indices() -> None:
    assert written_alias("images") == "images_written"
    (pattern,) = template_body(alias="images", shards=1, replicas=0, attributes={})["index_patterns"]
    assert not fnmatch(written_alias("images"), pattern)


def test_a_search_names_how_thorough_it_is_and_filters_inside() -> None:
    leg, where = Nearest(part="caption", vector=(0.6, 0.8)), BeginsWith(field="key", prefix="a/")
    body = leg_body(leg, index=an_index(), k=5, ef_search=100, where=where)
    assert body["query"]["knn"]["caption_embedding"] == {
        "vector": (0.6, 0.8),
        "k": 5,
        "method_parameters": {"ef_search": 100},
        "filter": {"prefix": {"key": {"value": "a/"}}},
    }
    assert body["size"] == 5
    assert not {"embedding", "caption_embedding"} & set(body["_source"])


def test_a_search_for_more_than_ef_looks_at_as_many() -> None:
    leg = Nearest(part="picture", vector=(1.0,))
    body = leg_body(leg, index=an_index(), k=1000, ef_search=50, where=None)
    assert body["query"]["knn"]["embedding"]["method_parameters"] == {"ef_search": 1000}


@pytest.mark.parametrize("quantisation", ["fp16", "byte"])
def test_where_a_graph_estimates_all_candidates_are_compared_by_their_whole_vectors(
    quantisation: Quantisation,
) -> None:
    leg, index = Nearest(part="caption", vector=(0.6, 0.8)), replace(an_index(), quantisation=quantisation)
    body = leg_body(leg, index=index, k=5, ef_search=100, where=None)
    assert (body["size"], body["query"]["knn"]["caption_embedding"]["k"]) == (5, 100)
    assert body["rescore"]["window_size"] == 100
    exactly = body["rescore"]["query"]
    assert (exactly["query_weight"], exactly["rescore_query_weight"]) == (0, 1)
    assert exactly["rescore_query"]["script_score"]["script"]["params"] == {
        "field": "caption_embedding",
        "query_value": (0.6, 0.8),
        "space_type": "cosinesimil",
    }


@pytest.mark.parametrize("quantisation", ["none", "on_disk"])
def test_where_scores_are_exact_nothing_is_compared_twice(quantisation: Quantisation) -> None:
    leg, index = Nearest(part="picture", vector=(0.6, 0.8)), replace(an_index(), quantisation=quantisation)
    body = leg_body(leg, index=index, k=5, ef_search=100, where=None)
    assert ("rescore" in body, body["query"]["knn"]["embedding"]["k"]) == (False, 5)


def test_a_search_by_words_filters_without_counting_the_filter() -> None:
    index, where = an_index(), Exists(field="title")
    body = leg_body(Words(text="sea"), index=index, k=5, ef_search=100, where=where)
    assert body["query"]["bool"]["filter"] == [{"exists": {"field": "title"}}]
    (words,) = body["query"]["bool"]["must"]
    assert words["multi_match"]["fields"] == ["title", "caption", "tags.words"]


def _transport_error(kind: type[opensearchpy.TransportError], status: object, error: str = "") -> Exception:
    return kind(status, error, {"error": {"type": error, "root_cause": [{"reason": "r"}]}})


TRANSLATED = [
    (opensearchpy.ConnectionError("N/A", "refused", OSError()), errors.SearchUnavailableError),
    (opensearchpy.SSLError("N/A", "certificate", OSError()), errors.SearchUnavailableError),
    (opensearchpy.ConnectionTimeout("TIMEOUT", "slow", OSError()), errors.SearchUnavailableError),
    (_transport_error(opensearchpy.TransportError, 429), errors.SearchUnavailableError),
    (_transport_error(opensearchpy.TransportError, 500), errors.SearchUnavailableError),
    (_transport_error(opensearchpy.TransportError, 503), errors.SearchUnavailableError),
    (_transport_error(opensearchpy.AuthenticationException, 401), errors.SearchUnavailableError),
    (_transport_error(opensearchpy.AuthorizationException, 403), errors.SearchUnavailableError),
    (opensearchpy.AuthorizationException(403, "", {"Message": "not you"}), errors.SearchUnavailableError),
    (
        _transport_error(opensearchpy.AuthorizationException, 403, "cluster_block_exception"),
        errors.SearchUnavailableError,
    ),
    (
        _transport_error(opensearchpy.TransportError, 429, "cluster_block_exception"),
        errors.SearchUnavailableError,
    ),
    (
        _transport_error(opensearchpy.AuthorizationException, 403, "security_exception"),
        errors.SearchDeniedError,
    ),
    (
        _transport_error(opensearchpy.AuthenticationException, 401, "security_exception"),
        errors.SearchDeniedError,
    ),
    (_transport_error(opensearchpy.TransportError, 503, "security_exception"), errors.SearchUnavailableError),
    (
        _transport_error(opensearchpy.NotFoundError, 404, "index_not_found_exception"),
        errors.IndexMissingError,
    ),
    (opensearchpy.NotFoundError(404, "{}", {"found": False}), errors.SearchRefusedError),
    (_transport_error(opensearchpy.RequestError, 400, "parsing_exception"), errors.SearchRefusedError),
    (_transport_error(opensearchpy.ConflictError, 409), errors.SearchRefusedError),
    (opensearchpy.SerializationError("s"), errors.SearchRefusedError),
    (opensearchpy.ImproperlyConfigured("s"), errors.SearchRefusedError),
    (opensearchpy.OpenSearchException("s"), errors.SearchRefusedError),
]


@pytest.mark.parametrize(("error", "expected"), TRANSLATED, ids=lambda value: type(value).__name__)
def test_an_error_of_opensearch_is_translated(error: Exception, expected: type[Exception]) -> None:
    assert type(translate(error)) is expected


def test_every_kind_of_error_that_a_request_can_raise_is_tried_above() -> None:
    def kinds(kind: type[BaseException]) -> set[type[BaseException]]:
        return {kind}.union(*(kinds(each) for each in kind.__subclasses__()))

    raised = kinds(opensearchpy.TransportError) | {
        opensearchpy.OpenSearchException,
        opensearchpy.SerializationError,
        opensearchpy.ImproperlyConfigured,
    }
    assert {type(error) for error, _ in TRANSLATED} == raised


def test_an_unreachable_opensearch_is_unavailable() -> None:
    client = opensearch_client(endpoint="http://127.0.0.1:9", engine="lucene", auth=None)
    with pytest.raises(SearchUnavailableError, match="cannot be reached"):
        OpenSearchVectorIndex(client=client, alias="images").active()


def test_every_request_is_signed_for_es_with_the_credentials_of_the_moment() -> None:
    """Credentials of a role expire while a function lives; each request asks for the present ones."""
    generation = iter(range(100))

    def fresh() -> dict[str, str]:
        expiry = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=1)
        name = f"KEY{next(generation)}"
        return {"access_key": name, "secret_key": "s", "token": "t", "expiry_time": expiry.isoformat()}

    credentials = RefreshableCredentials.create_from_metadata(fresh(), fresh, "test")
    auth = AWS4Auth(region="eu-central-1", service="es", refreshable_credentials=credentials)
    with opensearch_server(503) as server:
        client = opensearch_client(
            endpoint=server.url, engine="lucene", auth=auth, pause=server.pauses.append
        )
        with pytest.raises(SearchUnavailableError):
            OpenSearchVectorIndex(client=client, alias="images").active()
    signatures = [each["Authorization"] for each in server.headers]
    assert all("/eu-central-1/es/aws4_request" in each for each in signatures)
    assert all(each["x-amz-security-token"] == "t" for each in server.headers)
    assert len({each.partition("Credential=")[2].partition("/")[0] for each in signatures}) == len(signatures)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("security_exception", errors.SearchDeniedError),
        ("index_not_found_exception", errors.IndexMissingError),
        ("unavailable_shards_exception", errors.SearchUnavailableError),
    ],
)
def test_an_error_in_place_of_one_of_many_documents_is_translated(
    kind: str, expected: type[Exception]
) -> None:
    absent, refused = {"_id": "a", "found": False}, {"_id": "b", "error": {"type": kind, "reason": "no"}}
    with opensearch_server({"docs": [absent, refused]}) as server, pytest.raises(expected):
        server.index().known("images-1", ["a", "b"])


def test_signing_needs_a_region_and_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(SettingsError, match="AWS_REGION"):
        aws_auth()
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert aws_auth().region == "eu-west-1"
