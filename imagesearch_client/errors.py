"""Every error of the client, as one tree.

ClientError
├── ApiError                 the API refused a request; the code is its own
├── SignInError              sign_in_refused, _failed or _unsafe; credentials_missing, region_missing
├── RequestUnwritableError   request_invalid: JSON has no such text or number
├── UnreachableError         api_unreachable, bucket_unreachable for uploads, or sign_in_unreachable
├── UploadRefusedError       upload_refused: the bucket did not take a picture
└── PictureUnusableError     picture_unreadable, or picture_unsupported_format for what is no picture
"""


class ClientError(Exception):
    """Base of the tree; ``code`` is for programs, ``message`` a sentence for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class ApiError(ClientError):
    """The API refused a request; ``code`` and the message are the API's own, ``status`` is HTTP's."""

    def __init__(self, *, status: int, code: str, message: str) -> None:
        super().__init__(code, message)
        self.status = status


class SignInError(ClientError):
    """There are no credentials to call the API with, or the sign-in gives no token for them."""


class RequestUnwritableError(ClientError):
    """A text or a number of the request has no form in JSON, such as half a character or not-a-number."""


class UnreachableError(ClientError):
    """Nothing answers at an address."""


class UploadRefusedError(ClientError):
    """The bucket did not take a picture."""


class PictureUnusableError(ClientError):
    """A file cannot be read, or is no picture."""
