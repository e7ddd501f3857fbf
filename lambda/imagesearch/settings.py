"""The functions' settings: one frozen class an entrypoint, parsed strictly from environment variables.

A field `image_bucket` is read from the variable `IMAGE_BUCKET`; other variables are ignored.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Self, get_args, get_type_hints
from urllib.parse import urlsplit

from imagesearch.api_access import ApiAccess, KeyAccess, SignedAccess, TokenAccess
from imagesearch.bulk.runs import Instances
from imagesearch.errors import SettingsError
from imagesearch.metadata import Attributes, AttributeType
from imagesearch.models import Quantisation

_FROM_ZERO = {"number_of_replicas", "drain_hours", "min_recall"}

VectorEngine = Literal["lucene", "faiss"]
VectorSpace = Literal["cosinesimil", "l2"]
Authorisation = Literal["key", "iam", "cognito"]
"""What the API asks of its callers: a key, a signature of AWS, or a token of the environment's user pool."""
UrlFetching = Literal["never", "https", "http"]
"""Whether pictures are fetched from the web: not at all, by https only, or by plain http too."""
ModelNames = Mapping[str, str]
"""SageMaker's names of the deployed models by the first digits of their fingerprints, read from JSON."""


SnapshotLocation = Mapping[str, Any]
"""What OpenSearch registers a repository of snapshots with, `type` and `settings`, read from JSON."""


def _parse(name: str, text: str, kind: Any) -> Any:
    """Return a variable's text as the field's type; raises SettingsError that names the variable."""
    for of_json, read in _OF_JSON:
        if kind == of_json:
            return read(name, text)
    if choices := get_args(kind):
        if text not in choices:
            raise SettingsError(f"{name} must be one of {', '.join(choices)}, not {text!r}.")
        return text
    try:
        return kind(text)
    except ValueError as error:
        raise SettingsError(f"{name} must be a number ({kind.__name__}), not {text!r}.") from error


def _model_names(name: str, text: str) -> ModelNames:
    names = _object(name, text)
    if not names or not all(isinstance(each, str) for each in names.values()):
        raise SettingsError(f"{name} must be a JSON object of fingerprints and model names, not {text!r}.")
    return names


def parse_attributes(name: str, text: str) -> Attributes:
    """Return the attributes that JSON declares; raises SettingsError that names what holds it."""
    attributes = _object(name, text)
    kinds = get_args(AttributeType)
    if not all(kind in kinds for kind in attributes.values()):
        raise SettingsError(f"{name} must name for each attribute one of {', '.join(kinds)}, not {text!r}.")
    return attributes


def _snapshot_location(name: str, text: str) -> SnapshotLocation:
    match _object(name, text):
        case {"type": str(), "settings": dict()} as location:
            return location
    raise SettingsError(f"{name} must hold type and settings as JSON, not {text!r}.")


def _instances(name: str, text: str) -> Instances:
    match _object(name, text):
        case {
            "instance_type": str(kind),
            "count": int(count),
            "usd_per_hour": float() | int() | None as price,
        }:
            return Instances(instance_type=kind, count=count, usd_per_hour=price)
    raise SettingsError(f"{name} must hold instance_type, count and usd_per_hour as JSON, not {text!r}.")


def _api_access(name: str, text: str) -> ApiAccess:
    match _object(name, text):
        case {"mode": "key", "key_id": str(key)}:
            return KeyAccess(key_id=key)
        case {"mode": "iam"}:
            return SignedAccess()
        case {
            "mode": "cognito",
            "user_pool_id": str(pool),
            "client_id": str(client),
            "token_url": str(url),
            "scope": str(scope),
        }:
            return TokenAccess(user_pool_id=pool, client_id=client, token_url=url, scope=scope)
    raise SettingsError(f"{name} must hold a mode and what that needs as JSON, not {text!r}.")


def _object(name: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise SettingsError(f"{name} must be a JSON object, not {text!r}.") from error
    if not isinstance(value, dict):
        raise SettingsError(f"{name} must be a JSON object, not {text!r}.")
    return value


_OF_JSON: tuple[tuple[Any, Callable[[str, str], Any]], ...] = (
    (ModelNames, _model_names),
    (Attributes, parse_attributes),
    (Instances, _instances),
    (SnapshotLocation, _snapshot_location),
    (ApiAccess, _api_access),
)


def _check_url(name: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingsError(f"{name} must be a URL such as https://host, not {url!r}.")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every settings class can do: read itself from an environment, and refuse unusable numbers."""

    def __post_init__(self) -> None:
        """Refuse what no field may be: a number below 1, except those that may be 0."""
        for field in fields(self):
            value = getattr(self, field.name)
            least = 0 if field.name in _FROM_ZERO else 1
            if isinstance(value, int | float) and not (math.isfinite(value) and value >= least):
                raise SettingsError(f"{field.name.upper()} must be at least {least}, not {value}.")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Return the settings that the variables hold. Raises SettingsError naming the first bad variable."""
        hints = get_type_hints(cls)
        values = {}
        for field in fields(cls):
            name = field.name.upper()
            text = environment.get(name, "")
            if not text:
                raise SettingsError(f"The environment variable {name} is missing.")
            values[field.name] = _parse(name, text, hints[field.name])
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class SearchDomainSettings(Settings):
    """Where OpenSearch is (a full URL), the alias of the active index, and the engine of its vectors."""

    search_endpoint: str
    index_alias: str
    vector_engine: VectorEngine

    def __post_init__(self) -> None:
        """Refuse an endpoint that is no URL."""
        super().__post_init__()
        _check_url("SEARCH_ENDPOINT", self.search_endpoint)


@dataclass(frozen=True, kw_only=True)
class IngestSettings(SearchDomainSettings):
    """What the ingest function needs: the bucket and the model's endpoints beside the search domain.

    `attributes` are those that pictures may have; the query function only tells them.
    """

    image_bucket: str
    attributes: Attributes
    endpoint_prefix: str
    max_endpoint_payload_bytes: int
    invoke_timeout_seconds: float


@dataclass(frozen=True, kw_only=True)
class QuerySettings(IngestSettings):
    """What the query function needs: how thoroughly to search, and the API's limits.

    `max_request_bytes` counts the body as Lambda receives it (a picture is base64 there), `max_picture_bytes`
    a picture that is uploaded past it. Vectors of the last `encode_cache_size` texts and pictures are kept.
    """

    ef_search: int
    max_request_bytes: int
    max_picture_bytes: int
    max_results: int
    url_ttl_seconds: int
    encode_cache_size: int
    fetch_urls: UrlFetching
    authorisation: Authorisation


@dataclass(frozen=True, kw_only=True)
class ThumbnailSettings(Settings):
    """What the thumbnail function needs: where pictures and thumbnails lie, and the largest it reads."""

    image_bucket: str
    artifact_bucket: str
    max_picture_bytes: int


@dataclass(frozen=True, kw_only=True)
class CanarySettings(Settings):
    """What the canary needs: where the API is, what it asks of callers (JSON), how long to come back."""

    api_url: str
    api_access: ApiAccess
    patience_seconds: float

    def __post_init__(self) -> None:
        """Refuse an address that is none."""
        super().__post_init__()
        _check_url("API_URL", self.api_url)


@dataclass(frozen=True, kw_only=True)
class IndexSetupSettings(SearchDomainSettings):
    """What the function behind the index's custom resource needs; the attributes come with the resource."""

    vector_space: VectorSpace
    quantisation: Quantisation
    number_of_shards: int
    number_of_replicas: int


@dataclass(frozen=True, kw_only=True)
class BulkFinishSettings(SearchDomainSettings):
    """What the last step of a bulk run needs: its files, and what its transform jobs run on, from JSON."""

    artifact_bucket: str
    instances: Instances


@dataclass(frozen=True, kw_only=True)
class BulkPrepareSettings(SearchDomainSettings):
    """What the step before the transform job needs: the run's files, and the models that a job can run."""

    artifact_bucket: str
    model_names: ModelNames


@dataclass(frozen=True, kw_only=True)
class BulkIndexSettings(IngestSettings):
    """What indexing a shard needs: all of ingest, and the bucket of the run's files."""

    artifact_bucket: str


@dataclass(frozen=True, kw_only=True)
class BulkPlanSettings(BulkIndexSettings):
    """What planning needs: it brings single pictures in line too, and cuts shards that a job takes."""

    model_names: ModelNames
    max_shard_bytes: int


@dataclass(frozen=True, kw_only=True)
class MigrationSettings(IngestSettings, IndexSetupSettings):
    """What changing the model needs: how indices are made, checked and searched, and how long each waits.

    `min_recall` is a share, `sample` the number of vectors that it is taken over.
    """

    artifact_bucket: str
    ef_search: int
    min_recall: float
    sample: int
    drain_hours: float
    longest_invocation_seconds: float


@dataclass(frozen=True, kw_only=True)
class BackupSettings(IndexSetupSettings):
    """What taking and restoring snapshots needs: their repository's name, and where it lies, from JSON."""

    attributes: Attributes
    artifact_bucket: str
    snapshot_repository: str
    snapshot_location: SnapshotLocation
