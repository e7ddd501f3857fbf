"""The API's types: what requests may say and what answers hold; any other field is refused."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from imagesearch.metadata import Attributes
from imagesearch.models import (
    AttributeValue,
    Hit,
    ImageRecord,
    IndexState,
    Metadata,
    Part,
    RejectedImage,
    SearchResult,
)

MAX_TEXT_CHARACTERS = 1000
"""CLIP reads 77 tokens, some 300 characters; what is longer is a mistake of the caller."""
MAX_KEY_CHARACTERS = 1024
"""S3 keys have at most 1024 bytes."""
MAX_K = 100

Text = Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)]


class _Parameters(BaseModel):
    """How to rank, common to every search."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    k: int = Field(default=10, ge=1, le=MAX_K)
    min_score: float | None = Field(default=None, ge=0, le=1)
    prefix: str | None = Field(default=None, max_length=MAX_KEY_CHARACTERS)
    part: Part = "picture"


class PictureSearchParameters(_Parameters):
    """The query string of a search whose body is a picture."""


class TextSearchParameters(_Parameters):
    """The query string of a search by text."""

    q: Text | None = None


class ImageInput(BaseModel):
    """A picture inside a JSON request."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    base64: str


class SearchRequest(_Parameters):
    """A search by text, by picture, or by both: then the two vectors are added."""

    model_config = ConfigDict(strict=True)

    text: Text | None = None
    image: ImageInput | None = None


class _DescribedAnswer(BaseModel):
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


class HitAnswer(_DescribedAnswer):
    """A picture that was found; the score is 0..1 (for cosine: (1 + cosine) / 2), best first."""

    id: str
    key: str
    score: float
    url: str
    width: int
    height: int
    content_type: str
    size: int
    last_modified: datetime

    @classmethod
    def of(cls, hit: Hit) -> Self:
        """Return the hit as the API shows it."""
        image = hit.image
        return cls(
            id=image.id,
            key=image.key,
            score=hit.score,
            url=hit.url,
            width=image.width,
            height=image.height,
            content_type=image.content_type,
            size=image.size,
            last_modified=image.last_modified,
            **_description(image.metadata),
        )


class TookAnswer(BaseModel):
    """Milliseconds spent in the model, in the index, and in all."""

    encode: float
    search: float
    total: float


class ModelAnswer(BaseModel):
    """The model that encoded query and pictures."""

    fingerprint: str


class SearchAnswer(BaseModel):
    """What was found, by which model, in which index."""

    hits: list[HitAnswer]
    took_ms: TookAnswer
    model: ModelAnswer
    index: str

    @classmethod
    def of(cls, result: SearchResult) -> Self:
        """Return the result as the API shows it."""
        took = result.took_ms
        return cls(
            hits=[HitAnswer.of(hit) for hit in result.hits],
            took_ms=TookAnswer(encode=took.encode, search=took.search, total=took.total),
            model=ModelAnswer(fingerprint=result.index.fingerprint),
            index=result.index.name,
        )


class ErrorDetail(BaseModel):
    """A code for programs and a sentence for people."""

    code: str
    message: str


class ErrorAnswer(BaseModel):
    """The one shape of every error."""

    error: ErrorDetail
    request_id: str


class ImageAnswer(_DescribedAnswer):
    """The state of one picture; a rejected one has an error instead of its dimensions.

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
    metadata_fault: str | None = None
    error: ErrorDetail | None = None

    @classmethod
    def of(cls, document: ImageRecord | RejectedImage, *, url: str) -> Self:
        """Return the document as the API shows it."""
        common = {
            "id": document.id,
            "key": document.key,
            "etag": document.etag,
            "size": document.size,
            "last_modified": document.last_modified,
            "url": url,
        }
        if isinstance(document, RejectedImage):
            error = ErrorDetail(code=document.error_code, message=document.error_message)
            return cls.model_validate({**common, "state": "rejected", "error": error})
        facts = {name: getattr(document, name) for name in ("width", "height", "content_type")}
        said = {**_description(document.metadata), "metadata_fault": document.metadata_fault}
        return cls.model_validate({**common, "state": "indexed", **facts, **said})


class HealthAnswer(BaseModel):
    """That the API can search, in which index, with which model, among how many pictures.

    `attributes` are those that pictures may have, with their types.
    """

    status: Literal["ok"] = "ok"
    index: str
    fingerprint: str
    pictures: int
    attributes: Mapping[str, str]

    @classmethod
    def of(cls, state: IndexState, *, attributes: Attributes) -> Self:
        """Return the state as the API shows it."""
        return cls(
            index=state.index.name,
            fingerprint=state.index.fingerprint,
            pictures=state.pictures,
            attributes=attributes,
        )
