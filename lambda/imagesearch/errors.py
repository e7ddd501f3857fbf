"""Every error that the application raises, as one tree; it knows nothing of HTTP.

ImageSearchError
├── RequestError                      the asker's to mend
│   ├── RequestInvalidError           request_invalid
│   ├── RequestTooLargeError          request_too_large
│   ├── ContentTypeUnsupportedError   content_type_unsupported
│   ├── QueryEmptyError               query_empty
│   ├── TextTooLongError              text_too_long
│   ├── ImageUnknownError             image_unknown
│   ├── UploadUnknownError            upload_unknown
│   ├── UseUploadError                use_upload: the picture must be uploaded first
│   ├── FilterInvalidError            filter_invalid
│   ├── CursorInvalidError            cursor_invalid
│   ├── CursorExpiredError            cursor_expired: the index of the search is no longer searched
│   ├── UrlsDisabledError             urls_disabled
│   ├── UrlRefusedError               url_refused: the address leads where none may lead
│   ├── UrlUnreachableError           url_unreachable
│   ├── LinkExpiredError              link_expired
│   └── RouteUnknownError             route_unknown
├── PictureError                      the picture's own fault: asking again changes nothing
│   ├── PictureEmptyError             picture_empty
│   ├── PictureUnsupportedFormatError picture_unsupported_format
│   ├── PictureCorruptError           picture_corrupt
│   ├── PictureTooManyPixelsError     picture_too_many_pixels
│   ├── PictureTooCostlyError         picture_too_costly
│   └── SourceTooLargeError           source_too_large
├── MetadataInvalidError              metadata_invalid: the picture is indexed without its metadata
├── ModelMismatchError                model_mismatch: vectors of two models must never meet
├── IndexMissingError                 index_missing
├── UnavailableError                  passes by itself; `retry_after` says when to ask again
│   ├── ModelUnavailableError         model_unavailable
│   ├── SearchUnavailableError        search_unavailable
│   ├── StoreUnavailableError         store_unavailable
│   ├── ApiUnavailableError           api_unavailable: the deployed API, as its callers see it
│   └── DeadlineError                 deadline: the request's time is over
├── SourceNotFoundError               source_not_found: the object went while it was being read
├── UnsettledError                    unsettled: the object changed each time it was looked at
├── BulkError                         a step of a bulk run cannot be taken
│   ├── RunUnknownError               run_unknown
│   ├── RunOutdatedError              run_outdated: the run's index is not kept any more
│   ├── ModelNotDeployedError         model_not_deployed
│   ├── ArtifactMissingError          artifact_missing
│   ├── ArtifactDamagedError          artifact_damaged
│   ├── ShardIncompleteError          shard_incomplete
│   └── BulkIncompleteError           bulk_incomplete
├── MigrationError                    a step of a change of the model cannot be taken
│   ├── MigrationMissingError         migration_missing: none is under way
│   ├── MigrationActiveError          migration_active: another one is under way
│   ├── MigrationOutdatedError        migration_outdated: the alias leads to neither of its indices
│   ├── GateMissingError              gate_missing: the new index was not checked
│   ├── GateFailedError               gate_failed: the new index is worse than it may be
│   ├── NotSwitchedError              not_switched: searches use the old index
│   ├── DrainNotOverError             drain_not_over: the other index may still be needed
│   ├── IndexRetiredError             index_retired: the index is no longer kept equal to the bucket
│   ├── IndexInUseError               index_in_use: an index that is searched or written is not removed
│   └── LabelsInvalidError            labels_invalid
├── BackupError                       a copy of the index cannot be taken or brought back
│   ├── SnapshotUnknownError          snapshot_unknown
│   ├── SnapshotUnusableError         snapshot_unusable: it is not complete
│   ├── RepositoryRefusedError        repository_refused: OpenSearch cannot use the place of the snapshots
│   ├── IndexLiveError                index_live: no restored index takes the place of one that is searched
│   └── IndexUnreadyError             index_unready: it is not wholly restored
├── ImageBuildFailedError             image_build_failed: the model's container image was not built
└── InternalError                     internal: a fault of the code or of the deployment
    ├── SettingsError                 a variable of the environment is missing or unusable
    ├── MessageInvalidError           a queue message that is no event of the image bucket
    ├── EventInvalidError             an event of the state machine that lacks what the step needs
    ├── ModelProtocolError            the endpoint's answer or complaint is not of the agreed format
    ├── SourceForbiddenError          the endpoint may not read the image bucket
    ├── SearchRefusedError            OpenSearch refuses what it was sent
    ├── SearchDeniedError             OpenSearch's roles do not let this function do what it asked
    ├── StoreRefusedError             S3 refuses what it was asked
    ├── ImageBuildRefusedError        CodeBuild or ECR refuses what it was asked, or does not answer
    ├── WebFilesInvalidError          what was deployed as the search page is none
    ├── ApiRefusedError               the deployed API does not let the canary search
    ├── ApiAnswerError                the deployed API's answer is not what it promises
    └── EngineMissingError            a vector field that does not name the configured engine
"""

from typing import ClassVar


class ImageSearchError(Exception):
    """Base of the tree; `code` is for programs, `message` a sentence for people."""

    code: ClassVar[str] = "internal"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class RequestError(ImageSearchError):
    """The request cannot be answered as it stands."""

    code = "request_invalid"


class RequestInvalidError(RequestError):
    """Malformed JSON, an unknown field, or a value out of its range."""


class RequestTooLargeError(RequestError):
    """The request's body is larger than the API takes."""

    code = "request_too_large"


class ContentTypeUnsupportedError(RequestError):
    """The body is declared as a type that the route does not take."""

    code = "content_type_unsupported"


class QueryEmptyError(RequestError):
    """Neither a text nor a picture is asked for."""

    code = "query_empty"


class TextTooLongError(RequestError):
    """The text is longer than any model reads."""

    code = "text_too_long"


class ImageUnknownError(RequestError):
    """No picture has this id."""

    code = "image_unknown"


class UploadUnknownError(RequestError):
    """No picture was uploaded under this name, or it has been deleted since."""

    code = "upload_unknown"


class UseUploadError(RequestError):
    """The picture is larger than a request may carry; it has to be uploaded first."""

    code = "use_upload"


class FilterInvalidError(RequestError):
    """The filter names an unknown field, asks a field what its type has not, or is too large."""

    code = "filter_invalid"


class CursorInvalidError(RequestError):
    """The cursor is none of this API's, or belongs to another query."""

    code = "cursor_invalid"


class CursorExpiredError(RequestError):
    """The cursor belongs to an index that is no longer searched."""

    code = "cursor_expired"


class UrlsDisabledError(RequestError):
    """The settings do not let pictures be fetched from the web."""

    code = "urls_disabled"


class UrlRefusedError(RequestError):
    """The address is of a kind, or leads to a place, that is never asked."""

    code = "url_refused"


class UrlUnreachableError(RequestError):
    """The address did not give a picture in time."""

    code = "url_unreachable"


class LinkExpiredError(RequestError):
    """The link's signature is not, or is no longer, valid."""

    code = "link_expired"


class RouteUnknownError(RequestError):
    """The API has no such route."""

    code = "route_unknown"


class PictureError(ImageSearchError):
    """The bytes are no picture that can be embedded."""


class PictureEmptyError(PictureError):
    """There are no bytes at all."""

    code = "picture_empty"


class PictureUnsupportedFormatError(PictureError):
    """The bytes are of no supported picture format."""

    code = "picture_unsupported_format"


class PictureCorruptError(PictureError):
    """The picture is damaged or cut short."""

    code = "picture_corrupt"


class PictureTooManyPixelsError(PictureError):
    """The picture would take too much memory to decode."""

    code = "picture_too_many_pixels"


class PictureTooCostlyError(PictureError):
    """Decoding the picture takes more time or memory than any one picture is given."""

    code = "picture_too_costly"


class SourceTooLargeError(PictureError):
    """The stored object has more bytes than the model reads."""

    code = "source_too_large"


class MetadataInvalidError(ImageSearchError):
    """What is said of a picture has an unknown field or an unfit value."""

    code = "metadata_invalid"


class ModelMismatchError(ImageSearchError):
    """A vector was made by another model than the index's."""

    code = "model_mismatch"


class IndexMissingError(ImageSearchError):
    """The alias leads to no index that can be searched."""

    code = "index_missing"


class UnavailableError(ImageSearchError):
    """A service cannot answer now; `retry_after` is in seconds."""

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ModelUnavailableError(UnavailableError):
    """The endpoint is starting, throttled, missing or failing."""

    code = "model_unavailable"


class SearchUnavailableError(UnavailableError):
    """OpenSearch is unreachable, overloaded, takes no writes or does not admit this function yet."""

    code = "search_unavailable"


class StoreUnavailableError(UnavailableError):
    """S3 is unreachable or throttling."""

    code = "store_unavailable"


class ApiUnavailableError(UnavailableError):
    """The deployed API does not answer, or asks to come back."""

    code = "api_unavailable"


class DeadlineError(UnavailableError):
    """The request's time is over before it was answered."""

    code = "deadline"


class SourceNotFoundError(ImageSearchError):
    """The endpoint found no object under the key."""

    code = "source_not_found"


class UnsettledError(ImageSearchError):
    """The object kept changing while it was being indexed."""

    code = "unsettled"


class BulkError(ImageSearchError):
    """A step of a bulk run cannot be taken; what the run has done so far stays."""


class RunUnknownError(BulkError):
    """There is no run of this name."""

    code = "run_unknown"


class RunOutdatedError(BulkError):
    """The index that the run writes to is not kept equal to the bucket any more."""

    code = "run_outdated"


class ModelNotDeployedError(BulkError):
    """No SageMaker model can embed for the run's index."""

    code = "model_not_deployed"


class ArtifactMissingError(BulkError):
    """A file that an earlier step of the run writes is not there."""

    code = "artifact_missing"


class ArtifactDamagedError(BulkError):
    """A file of the run does not hold what the step that writes it puts into it."""

    code = "artifact_damaged"


class ShardIncompleteError(BulkError):
    """The model's output for a shard does not answer each of its records."""

    code = "shard_incomplete"


class BulkIncompleteError(BulkError):
    """Not every planned picture and text was indexed, kept or rejected."""

    code = "bulk_incomplete"


class MigrationError(ImageSearchError):
    """A step of a change of the model cannot be taken; nothing was changed by it."""


class MigrationMissingError(MigrationError):
    """No migration is under way."""

    code = "migration_missing"


class MigrationActiveError(MigrationError):
    """A migration to another model is under way."""

    code = "migration_active"


class MigrationOutdatedError(MigrationError):
    """Somebody else moved the alias: it leads to neither of the migration's indices."""

    code = "migration_outdated"


class GateMissingError(MigrationError):
    """The new index has not been checked."""

    code = "gate_missing"


class GateFailedError(MigrationError):
    """The new index lacks pictures, or finds them worse than it may."""

    code = "gate_failed"


class NotSwitchedError(MigrationError):
    """Searches use the old index."""

    code = "not_switched"


class DrainNotOverError(MigrationError):
    """It is too early to give an index up; the message says when."""

    code = "drain_not_over"


class IndexRetiredError(MigrationError):
    """The index is no longer kept equal to the bucket, so searches must not use it."""

    code = "index_retired"


class IndexInUseError(MigrationError):
    """The index that is to be removed is searched or written."""

    code = "index_in_use"


class LabelsInvalidError(MigrationError):
    """The labelled queries cannot be read, or name pictures that there are not."""

    code = "labels_invalid"


class BackupError(ImageSearchError):
    """A copy of the index cannot be taken or brought back; nothing was changed by it."""


class SnapshotUnknownError(BackupError):
    """There is no snapshot of this name."""

    code = "snapshot_unknown"


class SnapshotUnusableError(BackupError):
    """The snapshot is not complete, so no index can be made of it."""

    code = "snapshot_unusable"


class RepositoryRefusedError(BackupError):
    """OpenSearch cannot write or read the place where snapshots are kept."""

    code = "repository_refused"


class IndexLiveError(BackupError):
    """Searches use an index, whose place a restored one does not take by itself."""

    code = "index_live"


class IndexUnreadyError(BackupError):
    """The index is not wholly restored."""

    code = "index_unready"


class ImageBuildFailedError(ImageSearchError):
    """The image of the model's container was not built; the message says where the log is."""

    code = "image_build_failed"


class InternalError(ImageSearchError):
    """A fault that only the operator can mend; callers learn no details."""


class SettingsError(InternalError):
    """A variable of the environment is missing or unusable."""


class MessageInvalidError(InternalError):
    """A queue message that is no event of the image bucket."""


class EventInvalidError(InternalError):
    """An event that nothing of the application would send."""


class ModelProtocolError(InternalError):
    """The endpoint and its caller do not speak the same protocol."""


class SourceForbiddenError(InternalError):
    """The endpoint's role or configuration keeps it from the image bucket."""


class SearchRefusedError(InternalError):
    """OpenSearch answered that the request itself is wrong."""


class SearchDeniedError(InternalError):
    """OpenSearch answered that the function's role may not do this; asking again changes nothing."""


class StoreRefusedError(InternalError):
    """S3 answered that the request itself is wrong or forbidden."""


class ImageBuildRefusedError(InternalError):
    """CodeBuild or ECR answered that the request itself is wrong or forbidden, or did not answer."""


class WebFilesInvalidError(InternalError):
    """The archive of the search page cannot be read, lacks its entry, or holds what no page has."""


class ApiRefusedError(InternalError):
    """The deployed API refuses a sound search, or its credentials cannot be had."""


class ApiAnswerError(InternalError):
    """The deployed API answered a search, but not in the agreed shape."""


class EngineMissingError(InternalError):
    """A mapping has a vector field that does not name the configured engine, and was not sent."""
