"""What requests may say, as types; any other field is refused.

So is null: what is not meant is left out.
"""

import re
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from imagesearch.filters import ATTRIBUTE_PREFIX, FIELDS
from imagesearch.models import AttributeValue, Part

PictureType = Literal[
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/gif",
    "image/bmp",
    "image/tiff",
    "image/heic",
    "image/heif",
    "image/avif",
]
PICTURE_TYPES: tuple[str, ...] = get_args(PictureType)
"""What a picture may be sent as; API Gateway must pass each of them as binary."""
MAX_TEXT_CHARACTERS = 1000
"""CLIP reads 77 tokens, some 300 characters; what is longer is a mistake of the caller."""
MAX_KEY_CHARACTERS = 1024
"""S3 keys have at most 1024 bytes."""
MAX_K = 100
MAX_EXAMPLES = 10
MAX_WEIGHT = 10
MAX_FACETS = 10
MAX_FILTER_VALUES = 1000
MAX_ADDRESS_CHARACTERS = 2048
ID_PATTERN = "^[0-9a-f]{32}$"

Text = Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)]
Key = Annotated[str, Field(max_length=MAX_KEY_CHARACTERS)]
# Told, not checked: which attributes are declared is known where the settings are.
_FIELDS: dict[str, Any] = {
    "anyOf": [
        {"enum": sorted(FIELDS)},
        {"pattern": rf"^{re.escape(ATTRIBUTE_PREFIX)}[a-z][a-z0-9_-]{{0,63}}$"},
    ]
}
FieldName = Annotated[str, Field(min_length=1, max_length=100, json_schema_extra=_FIELDS)]


Flag = Annotated[bool, Field(strict=True)]


class RequestType(BaseModel):
    """A part of a request."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _is_not_null(cls, value: object) -> object:
        if value is None:
            raise PydanticCustomError("null", "Leave it out instead of giving null")
        return value


def _one_of(schema: dict[str, Any]) -> None:
    schema.update(minProperties=1, maxProperties=1)


class ImageInput(RequestType):
    """A picture: its bytes in base64, or the id of an indexed one, or an upload, or an address on the web."""

    model_config = ConfigDict(strict=True, json_schema_extra=_one_of)

    base64: str | None = Field(default=None, json_schema_extra={"contentEncoding": "base64"})
    id: str | None = Field(default=None, pattern=ID_PATTERN)
    upload: str | None = Field(default=None, min_length=1, max_length=100, description="From POST /uploads.")
    url: str | None = Field(default=None, min_length=1, max_length=MAX_ADDRESS_CHARACTERS)

    @model_validator(mode="after")
    def _says_one_thing(self) -> "ImageInput":
        if len(self.model_fields_set) != 1:
            raise PydanticCustomError("one_of", "Give exactly one of base64, id, upload and url")
        return self


def _text_or_image(schema: dict[str, Any]) -> None:
    schema["oneOf"] = [{"required": ["text"]}, {"required": ["image"]}]


class ExampleInput(RequestType):
    """A text or a picture, and how much it counts."""

    model_config = ConfigDict(strict=True, json_schema_extra=_text_or_image)

    text: Text | None = Field(default=None, pattern=r"\S")
    image: ImageInput | None = None
    weight: float = Field(default=1, gt=0, le=MAX_WEIGHT)

    @model_validator(mode="after")
    def _says_one_thing(self) -> "ExampleInput":
        if (self.text is None) == (self.image is None):
            raise PydanticCustomError("one_of", "Give exactly one of text and image")
        return self


def _forms_of_filter(schema: dict[str, Any]) -> None:
    bounds = [{"required": [name]} for name in ("gt", "gte", "lt", "lte")]
    of_a_field = ("in", "exists", "prefix")
    schema["oneOf"] = [
        *({"required": [name], "maxProperties": 1} for name in ("all", "any", "not")),
        *({"required": ["field", name], "maxProperties": 2} for name in of_a_field),
        {
            "required": ["field"],
            "anyOf": bounds,
            "not": {"anyOf": [{"required": [name]} for name in ("all", "any", "not", *of_a_field)]},
        },
    ]


def _scalar(value: object) -> object:
    if not isinstance(value, str | int | float):
        raise PydanticCustomError("scalar", "Give a text, a number, true or false")
    return value


_KEYWORD = {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARACTERS}
# Which of them a field takes depends on its type, so that is checked with the fields at hand.
Value = Annotated[
    AttributeValue,
    PlainValidator(_scalar),
    WithJsonSchema({"anyOf": [_KEYWORD, {"type": "number"}, {"type": "boolean"}]}),
]
Bound = Annotated[
    float | str,
    PlainValidator(_scalar),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "examples": ["2026-03-01"]}]}),
]


class FilterInput(RequestType):
    """`all` or `any` of several filters, `not` a filter, or a condition on a `field`.

    A condition is `in` a list of values, within bounds (numbers, or dates as texts), `exists`, or `prefix`.
    The fields are key, content_type, tags, width, height, size, last_modified, title, caption and
    `attributes.<name>` for each declared attribute; of title and caption only `exists` can be asked.
    Filters are nested at most 8 deep and hold at most 100 conditions.
    """

    model_config = ConfigDict(strict=True, json_schema_extra=_forms_of_filter)

    all: list["FilterInput"] | None = Field(default=None, min_length=1, max_length=100)
    any: list["FilterInput"] | None = Field(default=None, min_length=1, max_length=100)
    not_: "FilterInput | None" = Field(default=None, alias="not")
    field: FieldName | None = Field(default=None, examples=["tags", "width", "attributes.category"])
    in_: list[Value] | None = Field(
        default=None, alias="in", min_length=1, max_length=MAX_FILTER_VALUES, examples=[["sea", "beach"]]
    )
    gt: Bound | None = None
    gte: Bound | None = None
    lt: Bound | None = None
    lte: Bound | None = None
    exists: bool | None = None
    prefix: Annotated[str, Field(min_length=1, max_length=MAX_KEY_CHARACTERS)] | None = None


class Ranking(RequestType):
    """How the pictures are ranked, cut and shown: common to every search."""

    k: int = Field(default=10, ge=1, le=MAX_K, description="How many hits a page has.")
    part: Part = Field(
        default="picture", description="What is compared: pictures, their captions, or the nearer of both."
    )
    prefix: Key | None = Field(default=None, description="Only pictures whose key begins with this.")
    min_score: float | None = Field(default=None, ge=0, le=1, description="Leave out what scores less.")
    cutoff: Literal["auto"] | None = Field(
        default=None, description="Leave out what is irrelevant to this very query; not with min_score."
    )
    collapse: Flag = Field(default=False, description="Of near duplicates, show only the best.")
    cursor: str | None = Field(
        default=None,
        min_length=1,
        max_length=1000,
        description="The last answer's, for the hits behind it; everything but k is as it was asked then.",
    )

    @model_validator(mode="after")
    def _is_cut_once(self) -> "Ranking":
        if self.min_score is not None and self.cutoff is not None:
            raise PydanticCustomError("conflict", "Give min_score or cutoff, not both")
        return self


class SimilarParameters(Ranking):
    """The query string of a search for what resembles an indexed picture."""


class SearchParameters(Ranking):
    """The query string of a search whose body is a picture."""

    q: Text | None = Field(
        default=None, description="What the pictures show, in words.", examples=["a red bus"]
    )
    hybrid: Flag = Field(default=False, description="Rank by the words of the text too.")


class TextSearchParameters(SearchParameters):
    """The query string of a search by text alone."""

    # An absent text is a blank one, so that both are answered with the same code.
    model_config = ConfigDict(json_schema_extra={"required": ["q"]})


class SearchRequest(Ranking):
    """A search by examples: the vectors of those liked are added, those of the unlike subtracted.

    `text` and `image` are short for two likes of weight 1. There is at least one like, and there are at most
    10 examples, 4 of them pictures in base64 or from the web.
    """

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={
            "anyOf": [{"required": [name]} for name in ("text", "image", "like")],
            "not": {"required": ["min_score", "cutoff"]},
        },
    )

    text: Text | None = None
    image: ImageInput | None = None
    like: list[ExampleInput] | None = Field(default=None, min_length=1, max_length=MAX_EXAMPLES)
    unlike: list[ExampleInput] | None = Field(default=None, max_length=MAX_EXAMPLES)
    hybrid: Flag = Field(default=False, description="Rank by the words of the texts too; needs a text liked.")
    filter: FilterInput | None = None
    facets: list[FieldName] | None = Field(
        default=None,
        max_length=MAX_FACETS,
        description="Count the values of these fields among the pictures found.",
        examples=[["tags", "attributes.category"]],
    )
    include: list[Literal["embedding"]] | None = Field(default=None, description="What hits hold besides.")
    explain: Flag = Field(default=False, description="Tell each hit's score by every way of asking.")


def _key_for_the_library(schema: dict[str, Any]) -> None:
    purposes = {name: {"properties": {"purpose": {"const": name}}} for name in ("query", "library")}
    schema["oneOf"] = [
        {**purposes["query"], "not": {"required": ["key"]}},
        {**purposes["library"], "required": ["key"]},
    ]


class UploadRequest(RequestType):
    """A picture to be uploaded: for a query, or into the library under a key."""

    model_config = ConfigDict(strict=True, json_schema_extra=_key_for_the_library)

    purpose: Literal["query", "library"]
    content_type: PictureType
    size: int = Field(ge=1, description="The picture's bytes.", examples=[5_000_000])
    key: Key | None = Field(
        default=None, min_length=1, description="For the library only.", examples=["album/1.jpg"]
    )

    @model_validator(mode="after")
    def _has_a_key_for_the_library(self) -> "UploadRequest":
        if (self.purpose == "library") != (self.key is not None):
            raise PydanticCustomError("conflict", "key: give one for the library, and none for a query")
        return self


class ThumbnailParameters(RequestType):
    """The query string of a thumbnail's address: all but `size` is the signature of the picture's address."""

    key: Key = Field(min_length=1)
    size: Literal[128, 256, 512] = Field(
        description="Pixels of the longer side; a smaller picture keeps its own."
    )
    credential: str
    date: str
    expires: str
    token: str | None = None
    signature: str
