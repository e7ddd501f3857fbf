"""What an index looks like, and how a document is written into it and read back."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from imagesearch.metadata import Attributes, AttributeType
from imagesearch.models import (
    EmbeddedImage,
    ImageRecord,
    IndexInfo,
    Metadata,
    Quantisation,
    RejectedImage,
    Vector,
)
from imagesearch.vectors import vector_json

VECTOR_FIELD = "embedding"
CAPTION_VECTOR_FIELD = "caption_embedding"
VECTOR_FIELDS = [VECTOR_FIELD, CAPTION_VECTOR_FIELD]
WORDS_FIELDS = ["title", "caption", "tags.words"]
"""What is searched by its words; filters compare whole tags."""
TAGS: Mapping[str, Any] = {"type": "keyword", "fields": {"words": {"type": "text"}}}
REFRESH_INTERVAL = "1s"
"""Named because a shard without one falls asleep, and then its first search waits."""
INDEXED, REJECTED = "indexed", "rejected"

_COMMON = ("key", "etag", "size", "fingerprint")
_PICTURE = ("width", "height", "content_type", "perceptual_hash")
_METADATA = ("title", "caption", "tags", "attributes")
SOURCE_FIELDS = [
    *(*_COMMON, "last_modified", "sidecar", "state"),
    *(*_PICTURE, *_METADATA, "metadata_fault"),
    *("error_code", "error_message"),
]
"""Everything but the vectors, which searches do not need back."""

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
    "sidecar": {"type": "keyword"},
    "title": {"type": "text"},
    "caption": {"type": "text"},
    "tags": TAGS,
    "metadata_fault": {"type": "text", "index": False},
    "error_code": {"type": "keyword"},
    "error_message": {"type": "text", "index": False},
    "indexed_at": {"type": "date"},
}
_ATTRIBUTE_TYPES: Mapping[AttributeType, dict[str, str]] = {
    "keyword": {"type": "keyword"},
    "number": {"type": "double"},
    "boolean": {"type": "boolean"},
    "date": {"type": "date", "format": "strict_date_optional_time"},
}
_QUANTISED: Mapping[Quantisation, dict[str, str]] = {
    "none": {},
    "fp16": {"compression_level": "2x"},
    "byte": {"compression_level": "4x"},
    "on_disk": {"mode": "on_disk", "compression_level": "32x"},
}
"""Levels rather than encoders: their parameters differ between versions of OpenSearch, levels do not."""
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
"""UTF-8 rather than escaped, so that the guard against other engines has nothing to parse."""


def attribute_mapping(attributes: Attributes) -> dict[str, Any]:
    """Return the mapping of the field that holds the declared attributes and no others."""
    properties = {name: _ATTRIBUTE_TYPES[kind] for name, kind in sorted(attributes.items())}
    return {"type": "object", "dynamic": "strict", "properties": properties}


def template_body(*, alias: str, shards: int, replicas: int, attributes: Attributes) -> dict[str, Any]:
    """Return the index template of every index `<alias>-…`."""
    settings = {
        "index.knn": True,
        "index.number_of_shards": shards,
        "index.number_of_replicas": replicas,
        "index.refresh_interval": REFRESH_INTERVAL,
    }
    properties = {**_PROPERTIES, "attributes": attribute_mapping(attributes)}
    mappings = {"dynamic": "strict", "properties": properties}
    return {"index_patterns": [f"{alias}-*"], "template": {"settings": settings, "mappings": mappings}}


def index_body(index: IndexInfo, *, engine: str) -> dict[str, Any]:
    """Return what the template cannot know: the model's identity and its vector fields."""
    meta = {
        "fingerprint": index.fingerprint,
        "dimension": index.dimension,
        "space": index.space,
        "quantisation": index.quantisation,
    }
    method = {"name": "hnsw", "engine": engine, "space_type": index.space}
    vector = {
        "type": "knn_vector",
        "dimension": index.dimension,
        "method": method,
        **_QUANTISED[index.quantisation],
    }
    return {"mappings": {"_meta": meta, "properties": dict.fromkeys(VECTOR_FIELDS, vector)}}


def document_json(document: EmbeddedImage | RejectedImage) -> bytes:
    """Return a document as JSON on one line, with the vectors that are written already as they are."""
    if isinstance(document, RejectedImage):
        return _json(rejected_source(document))
    vectors = b"".join(
        b',"%b":%b' % (field.encode(), vector_json(vector)) for field, vector in vectors_of(document).items()
    )
    return b"%b%b}" % (_json(picture_source(document.image))[:-1], vectors)


def _json(facts: dict[str, Any]) -> bytes:
    return _ENCODER.encode(facts).encode()


def vectors_of(image: EmbeddedImage) -> dict[str, Vector]:
    """Return a picture's vectors by their fields."""
    captions = {} if image.caption_vector is None else {CAPTION_VECTOR_FIELD: image.caption_vector}
    return {VECTOR_FIELD: image.vector, **captions}


def picture_source(image: ImageRecord) -> dict[str, Any]:
    """Return the document of a picture but for its vectors."""
    facts = {name: getattr(image, name) for name in _PICTURE}
    said = {name: getattr(image.metadata, name) for name in _METADATA}
    said["metadata_fault"] = image.metadata_fault
    return {**_common_source(image), "state": INDEXED, **facts, **_without_blanks(said)}


def described(
    known: dict[str, Any], image: ImageRecord, caption_vector: Vector | None
) -> EmbeddedImage | None:
    """Return a picture with the vector that a known document has, or None where it cannot be made.

    `known` is that document with its vectors; the caption's vector stays where the caption is the same.
    """
    if known["state"] != INDEXED or (known["etag"], known["fingerprint"]) != (image.etag, image.fingerprint):
        return None
    caption = image.metadata.caption
    if caption is not None and caption == known.get("caption"):
        caption_vector = known[CAPTION_VECTOR_FIELD]
    if (caption is None) != (caption_vector is None):
        return None
    return EmbeddedImage(image=image, vector=known[VECTOR_FIELD], caption_vector=caption_vector)


def rejected_source(rejected: RejectedImage) -> dict[str, Any]:
    """Return the document of a reject; without a vector, so that no search finds it."""
    fault = {"error_code": rejected.error_code, "error_message": rejected.error_message}
    return {**_common_source(rejected), "state": REJECTED, **fault}


def _common_source(document: ImageRecord | RejectedImage) -> dict[str, Any]:
    return {
        **{name: getattr(document, name) for name in _COMMON},
        **_without_blanks({"sidecar": document.sidecar}),
        "last_modified": document.last_modified.isoformat(),
        "indexed_at": datetime.now(UTC).isoformat(),
    }


def _without_blanks(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def document_of(source: dict[str, Any]) -> ImageRecord | RejectedImage:
    """Return the document that was written."""
    return rejected_of(source) if source["state"] == REJECTED else image_of(source)


def image_of(source: dict[str, Any]) -> ImageRecord:
    """Return the picture that was written."""
    return ImageRecord(
        **_read(source, *_COMMON, *_PICTURE),
        **_read_times(source),
        metadata=Metadata(
            title=source.get("title"),
            caption=source.get("caption"),
            tags=tuple(source.get("tags", ())),
            attributes=source.get("attributes", {}),
        ),
        metadata_fault=source.get("metadata_fault"),
    )


def rejected_of(source: dict[str, Any]) -> RejectedImage:
    """Return the reject that was written."""
    return RejectedImage(**_read(source, *_COMMON, "error_code", "error_message"), **_read_times(source))


def _read(source: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: source[name] for name in names}


def _read_times(source: dict[str, Any]) -> dict[str, Any]:
    """Return what says of which moment the document is."""
    return {
        "last_modified": datetime.fromisoformat(source["last_modified"]),
        "sidecar": source.get("sidecar"),
    }
