"""What an index looks like, and how a document is written into it and read back."""

from datetime import UTC, datetime
from typing import Any

from imagesearch.models import ImageRecord, IndexInfo, RejectedImage, Vector

VECTOR_FIELD = "embedding"
REFRESH_INTERVAL = "1s"
"""Named because a shard without one falls asleep, and then its first search waits."""
INDEXED, REJECTED = "indexed", "rejected"

_COMMON = ("key", "etag", "size", "fingerprint")
_PICTURE = ("width", "height", "content_type", "perceptual_hash")
SOURCE_FIELDS = [*_COMMON, "last_modified", "state", *_PICTURE, "error_code", "error_message"]
"""Everything but the vector, which nothing needs back."""

_PROPERTIES = {
    "key": {"type": "keyword"},
    "etag": {"type": "keyword"},
    "size": {"type": "long"},
    "last_modified": {"type": "date"},
    "width": {"type": "integer"},
    "height": {"type": "integer"},
    "content_type": {"type": "keyword"},
    "perceptual_hash": {"type": "keyword"},
    "fingerprint": {"type": "keyword"},
    "state": {"type": "keyword"},
    "error_code": {"type": "keyword"},
    "error_message": {"type": "text", "index": False},
    "indexed_at": {"type": "date"},
}


def template_body(*, alias: str, shards: int, replicas: int) -> dict[str, Any]:
    """Return the index template of every index `<alias>-…`."""
    settings = {
        "index.knn": True,
        "index.number_of_shards": shards,
        "index.number_of_replicas": replicas,
        "index.refresh_interval": REFRESH_INTERVAL,
    }
    mappings = {"dynamic": "strict", "properties": _PROPERTIES}
    return {"index_patterns": [f"{alias}-*"], "template": {"settings": settings, "mappings": mappings}}


def index_body(index: IndexInfo, *, engine: str) -> dict[str, Any]:
    """Return what the template cannot know: the model's identity and its vector field."""
    meta = {"fingerprint": index.fingerprint, "dimension": index.dimension, "space": index.space}
    method = {"name": "hnsw", "engine": engine, "space_type": index.space}
    vector = {"type": "knn_vector", "dimension": index.dimension, "method": method}
    return {"mappings": {"_meta": meta, "properties": {VECTOR_FIELD: vector}}}


def image_source(image: ImageRecord, vector: Vector) -> dict[str, Any]:
    """Return the document of a picture."""
    return {**picture_source(image), VECTOR_FIELD: vector}


def picture_source(image: ImageRecord) -> dict[str, Any]:
    """Return the document of a picture but for its vector."""
    facts = {name: getattr(image, name) for name in _PICTURE}
    return {**_common_source(image), "state": INDEXED, **facts}


def rejected_source(rejected: RejectedImage) -> dict[str, Any]:
    """Return the document of a reject; without a vector, so that no search finds it."""
    fault = {"error_code": rejected.error_code, "error_message": rejected.error_message}
    return {**_common_source(rejected), "state": REJECTED, **fault}


def _common_source(document: ImageRecord | RejectedImage) -> dict[str, Any]:
    return {
        **{name: getattr(document, name) for name in _COMMON},
        "last_modified": document.last_modified.isoformat(),
        "indexed_at": datetime.now(UTC).isoformat(),
    }


def document_of(source: dict[str, Any]) -> ImageRecord | RejectedImage:
    """Return the document that was written."""
    return rejected_of(source) if source["state"] == REJECTED else image_of(source)


def image_of(source: dict[str, Any]) -> ImageRecord:
    """Return the picture that was written."""
    return ImageRecord(**_read(source, *_COMMON, *_PICTURE), last_modified=_last_modified(source))


def rejected_of(source: dict[str, Any]) -> RejectedImage:
    """Return the reject that was written."""
    fields = _read(source, *_COMMON, "error_code", "error_message")
    return RejectedImage(**fields, last_modified=_last_modified(source))


def _read(source: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: source[name] for name in names}


def _last_modified(source: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(source["last_modified"])
