"""Everything that may go wrong with a request, as one tree; HTTP appears only in the table at the end.

InferenceError
├── RequestInvalidError            request_invalid
├── ContentTypeUnsupportedError    content_type_unsupported
├── AcceptUnsupportedError         accept_unsupported
├── TooManyItemsError              request_too_many_items
├── TextBlankError                 text_blank
├── TextTooLongError               text_too_long
├── PictureEmptyError              picture_empty
├── PictureUnsupportedFormatError  picture_unsupported_format
├── PictureCorruptError            picture_corrupt
├── PictureTooManyPixelsError      picture_too_many_pixels
├── PictureTooCostlyError          picture_too_costly
├── SourceNotFoundError            source_not_found
├── SourceForbiddenError           source_forbidden
├── SourceTooLargeError            source_too_large
├── SourceUnavailableError         source_unavailable
└── InternalError                  internal

ModelError                         the artifact itself is unusable; never shown to a client
"""


class InferenceError(Exception):
    """A fault with a `code` that a program can test and a `message` that a person can act on."""

    code = "internal"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def within(self, place: str) -> "InferenceError":
        """The same error, its sentence preceded by where it happened, such as `texts[3]`."""
        return type(self)(f"{place}: {self.message}")


class RequestInvalidError(InferenceError):
    """The request is not in the agreed form."""

    code = "request_invalid"


class ContentTypeUnsupportedError(InferenceError):
    """No parser exists for the request's content type."""

    code = "content_type_unsupported"


class AcceptUnsupportedError(InferenceError):
    """The answer cannot be given in any form that the client accepts."""

    code = "accept_unsupported"


class TooManyItemsError(InferenceError):
    """One request holds more texts and pictures than one request may."""

    code = "request_too_many_items"


class TextBlankError(InferenceError):
    """The text has nothing but white space."""

    code = "text_blank"


class TextTooLongError(InferenceError):
    """The text is longer than any description of a picture."""

    code = "text_too_long"


class PictureEmptyError(InferenceError):
    """There are no bytes."""

    code = "picture_empty"


class PictureUnsupportedFormatError(InferenceError):
    """The bytes are of no format that is decoded here."""

    code = "picture_unsupported_format"


class PictureCorruptError(InferenceError):
    """The format is known but the data is damaged or cut short."""

    code = "picture_corrupt"


class PictureTooManyPixelsError(InferenceError):
    """The header announces more pixels than are decoded here."""

    code = "picture_too_many_pixels"


class PictureTooCostlyError(InferenceError):
    """Decoding takes more time or memory than any one picture is given."""

    code = "picture_too_costly"


class SourceNotFoundError(InferenceError):
    """There is no object at the address."""

    code = "source_not_found"


class SourceForbiddenError(InferenceError):
    """The address is outside the image bucket, or reading it is denied."""

    code = "source_forbidden"


class SourceTooLargeError(InferenceError):
    """The object has more bytes than are fetched here."""

    code = "source_too_large"


class SourceUnavailableError(InferenceError):
    """The object store did not answer in time; the same request may succeed later."""

    code = "source_unavailable"


class InternalError(InferenceError):
    """A fault of ours. Its details are in the log and in no answer."""

    def __init__(self, message: str = "The model could not answer; the details are in its log.") -> None:
        super().__init__(message)

    def within(self, place: str) -> "InferenceError":  # noqa: ARG002
        """The same error: a fault of ours is no one item's."""
        return self


class ModelError(Exception):
    """The model artifact is incomplete or contradicts itself."""


def error_of(code: str, message: str) -> InferenceError:
    """The error with this code; `InternalError` where there is none."""
    kind = next((kind for kind in InferenceError.__subclasses__() if kind.code == code), InternalError)
    return InternalError() if kind is InternalError else kind(message)


HTTP_STATUS = {
    "request_invalid": 400,
    "content_type_unsupported": 415,
    "accept_unsupported": 406,
    "request_too_many_items": 413,
    "text_blank": 400,
    "text_too_long": 400,
    "picture_empty": 400,
    "picture_unsupported_format": 415,
    "picture_corrupt": 400,
    "picture_too_many_pixels": 400,
    "picture_too_costly": 400,
    "source_not_found": 404,
    "source_forbidden": 403,
    "source_too_large": 413,
    "source_unavailable": 503,
    "internal": 500,
}
