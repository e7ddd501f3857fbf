"""What answers hold, as types; what there is nothing to say of is absent, never null."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from imagesearch.entrypoints.cursors import write_cursor
from imagesearch.metadata import Attributes, AttributeType
from imagesearch.models import (
    AttributeValue,
    ImageRecord,
    IndexState,
    Links,
    Metadata,
    RejectedImage,
)
from imagesearch.queries import Count, Duplicate, Hit, Leg, Query, SearchResult
from imagesearch.uploads import Upload

ModelState = Literal["ok", "unavailable", "unknown"]


class AnswerType(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True)


class _DescribedAnswer(AnswerType):
    """What is said of a picture; what is not said of it is absent."""

    title: str | None = None
    caption: str | None = None
    tags: list[str] | None = None
    attributes: dict[str, AttributeValue] | None = None


def _description(metadata: Metadata) -> dict[str, Any]:
    return {
        "title": metadata.title,
        "caption": metadata.caption,
        "tags": list(metadata.tags) or None,
        "attributes": dict(metadata.attributes) or None,
    }


class DuplicateAnswer(AnswerType):
    """A near duplicate of a hit, which is not shown by itself."""

    id: str
    key: str
    score: float

    @classmethod
    def of(cls, duplicate: Duplicate) -> Self:
        """Return the duplicate as the API shows it."""
        return cls(id=duplicate.id, key=duplicate.key, score=duplicate.score)


class HitAnswer(_DescribedAnswer):
    """A picture that was found.

    The score is 0..1: for cosine (1 + cosine) / 2, in a hybrid search 1 for the first by every way. `matched`
    are the ways that found it, the strongest first. The thumbnail's address is relative to the API's.
    """

    id: str
    key: str
    score: float
    url: str
    thumbnail_url: str
    width: int
    height: int
    content_type: str
    size: int
    last_modified: datetime
    matched: list[Leg]
    duplicates: list[DuplicateAnswer] | None = None
    embedding: list[float] | None = None
    explain: dict[Leg, float] | None = Field(default=None, description="What each way of asking gave.")

    @classmethod
    def of(cls, hit: Hit, query: Query) -> Self:
        """Return the hit as the API shows it to who asked this query."""
        image = hit.image
        return cls(
            id=image.id,
            key=image.key,
            score=hit.score,
            url=hit.url,
            thumbnail_url=hit.thumbnail_url,
            width=image.width,
            height=image.height,
            content_type=image.content_type,
            size=image.size,
            last_modified=image.last_modified,
            **_description(image.metadata),
            matched=list(hit.matched),
            duplicates=[DuplicateAnswer.of(each) for each in hit.duplicates] if query.collapse else None,
            embedding=None if hit.vector is None else list(hit.vector),
            explain=dict(hit.scores) if query.explain else None,
        )


class TookAnswer(AnswerType):
    """Milliseconds spent in the model, in the index, elsewhere, and in all."""

    encode: float
    search: float
    rest: float
    total: float


class ModelAnswer(AnswerType):
    """The model that encoded query and pictures."""

    fingerprint: str


class CountAnswer(AnswerType):
    """How many of the pictures found have this value."""

    value: AttributeValue
    count: int

    @classmethod
    def of(cls, count: Count) -> Self:
        """Return the count as the API shows it."""
        return cls(value=count.value, count=count.count)


class SearchAnswer(AnswerType):
    """What was found, best first, by which model, in which index.

    `found` pictures were looked at, at most 1000; the facets count among them. The cursor leads to the hits
    behind these and is absent where there are none. `threshold` is the least score asked for or found.
    """

    hits: list[HitAnswer]
    found: int
    facets: dict[str, list[CountAnswer]] | None = None
    cursor: str | None = None
    threshold: float | None = None
    took_ms: TookAnswer
    model: ModelAnswer
    index: str

    @classmethod
    def of(cls, result: SearchResult, query: Query) -> Self:
        """Return the result as the API shows it to who asked this query."""
        took = result.took_ms
        counted = {name: [CountAnswer.of(each) for each in counts] for name, counts in result.facets.items()}
        return cls(
            hits=[HitAnswer.of(hit, query) for hit in result.hits],
            found=result.found,
            facets=counted if query.facets else None,
            cursor=None if result.next is None else write_cursor(result.next),
            threshold=result.threshold,
            took_ms=TookAnswer(encode=took.encode, search=took.search, rest=took.rest, total=took.total),
            model=ModelAnswer(fingerprint=result.index.fingerprint),
            index=result.index.name,
        )


class ErrorDetail(AnswerType):
    """A code for programs and a sentence for people."""

    code: str
    message: str


class ErrorAnswer(AnswerType):
    """The one shape of every error."""

    error: ErrorDetail
    request_id: str


class ImageAnswer(_DescribedAnswer):
    """The state of one picture; a rejected one has an error instead of its dimensions and its thumbnail.

    `metadata_fault` says why a picture is without its metadata.
    """

    id: str
    key: str
    state: Literal["indexed", "rejected"]
    etag: str
    size: int
    width: int | None = None
    height: int | None = None
    content_type: str | None = None
    last_modified: datetime
    url: str
    thumbnail_url: str | None = None
    metadata_fault: str | None = None
    error: ErrorDetail | None = None

    @classmethod
    def of(cls, document: ImageRecord | RejectedImage, *, links: Links) -> Self:
        """Return the document as the API shows it."""
        common = {
            "id": document.id,
            "key": document.key,
            "etag": document.etag,
            "size": document.size,
            "last_modified": document.last_modified,
            "url": links.url,
        }
        if isinstance(document, RejectedImage):
            error = ErrorDetail(code=document.error_code, message=document.error_message)
            return cls.model_validate({**common, "state": "rejected", "error": error})
        facts = {name: getattr(document, name) for name in ("width", "height", "content_type")}
        said = {**_description(document.metadata), "metadata_fault": document.metadata_fault}
        thumbnail = {"thumbnail_url": links.thumbnail_url}
        return cls.model_validate({**common, "state": "indexed", **facts, **said, **thumbnail})


class UploadAnswer(AnswerType):
    """Where to send a picture: as the `file` of a form (multipart/form-data), behind these fields.

    `upload` is what a search calls it, within a day; `key` is where it will lie in the library.
    """

    upload: str | None = None
    key: str | None = None
    url: str
    fields: dict[str, str]
    expires_in: int = Field(description="Seconds for which the form can be sent.")
    max_bytes: int

    @classmethod
    def of(cls, upload: Upload, *, for_query: bool) -> Self:
        """Return the form as the API shows it."""
        return cls(
            upload=upload.name if for_query else None,
            key=None if for_query else upload.name,
            url=upload.form.url,
            fields=dict(upload.form.fields),
            expires_in=upload.expires_in,
            max_bytes=upload.max_bytes,
        )


class PartsAnswer(AnswerType):
    """The parts behind the API; the model is as the last search saw it that this instance encoded."""

    index: Literal["ok"] = "ok"
    model: ModelState


class HealthAnswer(AnswerType):
    """That the API can search, in which index, with which model, among how many pictures.

    `attributes` are those that pictures may have, with their types; `space` says how vectors are compared.
    """

    status: Literal["ok"] = "ok"
    index: str
    fingerprint: str
    space: str
    pictures: int
    attributes: Mapping[str, AttributeType]
    parts: PartsAnswer

    @classmethod
    def of(cls, state: IndexState, *, attributes: Attributes, model: ModelState) -> Self:
        """Return the state as the API shows it."""
        return cls(
            index=state.index.name,
            fingerprint=state.index.fingerprint,
            space=state.index.space,
            pictures=state.pictures,
            attributes=attributes,
            parts=PartsAnswer(model=model),
        )
