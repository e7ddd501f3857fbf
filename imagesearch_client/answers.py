"""What the API answers, as types; what an answer holds besides is left out."""

from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urljoin

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo

from imagesearch.metadata import AttributeType
from imagesearch.models import AttributeValue
from imagesearch.queries import Leg


def _absolute(link: str, info: ValidationInfo) -> str:
    api: str = (info.context or {}).get("api", "")
    return urljoin(api, link)


Link = Annotated[str, AfterValidator(_absolute)]
"""An address; the API gives those of its own routes relative to its own."""


class Answer(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Described(Answer):
    """What is said of a picture."""

    title: str | None = None
    caption: str | None = None
    tags: tuple[str, ...] = ()
    attributes: dict[str, AttributeValue] = {}


class Duplicate(Answer):
    """A near duplicate of a hit, which is not shown by itself."""

    id: str
    key: str
    score: float


class Hit(_Described):
    """One picture found: ``score`` is 0 to 1, sizes are in pixels and ``size`` in bytes.

    ``url`` and ``thumbnail_url`` work for a limited time. ``matched`` are the ways that found it, the
    strongest first, and ``explain`` what each of them gave. ``duplicates`` are there where near duplicates
    are collapsed.
    """

    id: str
    key: str
    score: float
    url: str
    thumbnail_url: Link
    width: int
    height: int
    content_type: str
    size: int
    last_modified: datetime
    matched: tuple[Leg, ...]
    duplicates: tuple[Duplicate, ...] = ()
    embedding: tuple[float, ...] | None = None
    explain: dict[Leg, float] | None = None


class Count(Answer):
    """How many of the pictures found have this value."""

    value: AttributeValue
    count: int


class Model(Answer):
    """The model that encoded query and pictures."""

    fingerprint: str


class SearchResult(Answer):
    """Hits, best first, and where the time went (milliseconds by part).

    ``found`` pictures were looked at, and ``facets`` count among them. ``threshold`` is the least score that
    was asked for or found. ``cursor`` leads to the hits behind these; None where there are none.
    """

    hits: tuple[Hit, ...]
    found: int
    facets: dict[str, tuple[Count, ...]] = {}
    cursor: str | None = None
    threshold: float | None = None
    took_ms: dict[str, float]
    model: Model
    index: str


class Fault(Answer):
    """Why a picture was rejected."""

    code: str
    message: str


class ImageState(_Described):
    """What the index knows of one picture.

    ``error`` says why a rejected one cannot be found, ``metadata_fault`` why another is without its metadata.
    A rejected one has neither dimensions nor a thumbnail.
    """

    id: str
    key: str
    state: Literal["indexed", "rejected"]
    etag: str
    size: int
    last_modified: datetime
    url: str
    thumbnail_url: Link | None = None
    width: int | None = None
    height: int | None = None
    content_type: str | None = None
    metadata_fault: str | None = None
    error: Fault | None = None


class Parts(Answer):
    """The parts behind the API; the model is as the last search saw it."""

    index: str
    model: str


class Health(Answer):
    """The index that answers searches, the model it belongs to, and how many pictures it holds.

    ``attributes`` are those that pictures may have, with their types; ``space`` says how vectors are
    compared.
    """

    status: str
    index: str
    fingerprint: str
    space: str
    pictures: int
    attributes: dict[str, AttributeType]
    parts: Parts


class UploadForm(Answer):
    """Where to send a picture; ``upload`` is what a search calls it, None where it goes into the library."""

    upload: str | None = None
    url: str
    fields: dict[str, str]
