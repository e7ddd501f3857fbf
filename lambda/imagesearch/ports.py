"""What the application asks of the outside: for search and ingest, for setting up the index, for bulk runs.

Implementations raise errors of `imagesearch.errors` only.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from imagesearch.access import Admission
from imagesearch.figures import Figures
from imagesearch.filters import Filter
from imagesearch.models import (
    EmbeddedImage,
    Embedding,
    ImageRecord,
    IndexInfo,
    Links,
    ObjectState,
    Part,
    PictureEmbedding,
    RejectedImage,
    UploadForm,
    Vector,
)
from imagesearch.queries import Match, Nearest, VectorPart, Words
from imagesearch.snapshots import Snapshot

LISTED = 1000
"""How many objects one request lists at most: S3's own limit."""


class Embedder(Protocol):
    """Encodes texts and pictures with the model of a fingerprint."""

    def embed(
        self, *, fingerprint: str, texts: Sequence[str] = (), pictures: Sequence[bytes] = ()
    ) -> tuple[Embedding, ...]:
        """Return one embedding an item, the texts' first; each names the model that really answered."""

    def embed_stored(self, *, fingerprint: str, key: str) -> PictureEmbedding:
        """Return the embedding of an object of the image bucket, read by the model's own container.

        Raises a PictureError for a picture's own fault and SourceNotFoundError where there is no object.
        """


class VectorIndex(Protocol):
    """Holds documents and finds the nearest pictures. A concrete index's name is part of every call."""

    def active(self) -> IndexInfo:
        """Return the index that the alias leads to; may be some seconds old. Raises IndexMissingError."""

    def written(self) -> tuple[IndexInfo, ...]:
        """Return every index that is kept equal to the bucket, the active one first.

        There are several while a migration is under way. May be some seconds old. Raises IndexMissingError.
        """

    def search(
        self, index: str, legs: Sequence[Nearest | Words], *, k: int, where: Filter | None = None
    ) -> tuple[tuple[Match, ...], ...]:
        """Return for every leg the at most k best pictures that the filter lets through.

        The best come first, those of one score in the order of their ids; which of those with the score of
        the last one are among the k is open. Where k such pictures exist, k are found.
        """

    def vectors(
        self, index: str, document_ids: Sequence[str], *, part: VectorPart = "picture"
    ) -> Mapping[str, Vector]:
        """Return the vectors of those of the documents that have one of this part, as last written."""

    def get(self, index: str, document_id: str) -> ImageRecord | RejectedImage | None:
        """Return the document as the last write left it (not as of the last refresh), or None."""

    def find(self, index: str, document_id: str) -> ImageRecord | RejectedImage | None:
        """Return the document as searches see it (as of the last refresh), or None."""

    def known(self, index: str, document_ids: Sequence[str]) -> Mapping[str, ImageRecord | RejectedImage]:
        """Return those of the documents that there are, by id, each as the last write left it."""

    def keys(
        self, index: str, *, prefix: str = "", after: str = "", last: str | None = None
    ) -> Iterator[str]:
        """Yield the keys of all documents, rejects too, as searches see them, in the keys' order.

        Those that begin with `prefix`, come after `after`, and, where `last` is given, not after `last`.
        """

    def put_image(self, index: str, image: EmbeddedImage) -> None:
        """Write a picture, replacing whatever the index held for its key."""

    def describe(self, index: str, image: ImageRecord, caption_vector: Vector | None) -> bool:
        """Replace all that the index holds of a picture but its vector; return whether that was possible.

        It is where the document is still of the same ETag and fingerprint. The caption's vector stays where
        the caption is the same; where it is another one, `caption_vector` takes its place, and None is no
        answer to a caption: then nothing is written. Concurrent writes of the document are never undone.
        """

    def put_rejected(self, index: str, rejected: RejectedImage) -> None:
        """Write a reject, replacing whatever the index held for its key."""

    def put_many(self, index: str, documents: Iterable[EmbeddedImage | RejectedImage]) -> None:
        """Write many pictures and rejects, as fast as the index takes them; all are written on return.

        After any error some may be, and the same call can be made again.
        """

    def delete(self, index: str, document_id: str) -> None:
        """Remove a document; removing an absent one is no error."""

    def count(self, index: str) -> int:
        """Return how many pictures searches can find."""


class IndexAdministration(Protocol):
    """Creates indices and moves the alias; every call may be repeated."""

    def active(self) -> IndexInfo:
        """Return the index that the alias leads to, read afresh. Raises IndexMissingError."""

    def put_template(self, *, shards: int, replicas: int) -> None:
        """Write the template that every index of the alias is made from."""

    def create(self, index: IndexInfo) -> None:
        """Create a concrete index; an existing one of this name stays as it is."""

    def point_alias(self, index: str) -> None:
        """Let the alias lead to this index, and to no other, in one step."""

    def indices(self) -> tuple[IndexInfo, ...]:
        """Return every index made for the alias, whether it leads there or not, in the names' order."""

    def written(self) -> tuple[IndexInfo, ...]:
        """Return what `VectorIndex.written` does, read afresh. Raises IndexMissingError."""

    def write_to(self, indices: Sequence[str]) -> None:
        """Let live ingest keep these indices and no others, in one step; the active one is always kept."""

    def remove(self, index: str) -> None:
        """Delete an index that is neither active nor written; removing an absent one is no error."""

    def declare_attributes(self, index: str) -> None:
        """Let an index that was made before the settings declared an attribute take that attribute too."""

    def is_empty(self, index: str) -> bool:
        """Return whether the index holds no document at all, counting those not refreshed yet."""


class IndexProbe(Protocol):
    """Looks at what an index holds, to judge how well it is searched."""

    def refresh(self, index: str) -> None:
        """Let searches see everything that was written."""

    def sample(self, index: str, count: int, *, part: VectorPart = "picture") -> tuple[Vector, ...]:
        """Return the vectors of at most `count` pictures, evenly drawn and the same ones at every call.

        Pictures without a vector of this part are not drawn.
        """

    def exact(self, index: str, vector: Vector, *, k: int) -> tuple[Match, ...]:
        """Return the k nearest pictures by comparing with all of them."""


class LoadingIndex(Protocol):
    """Prepares an index for many writes, and for searches again; every call may be repeated."""

    def begin_loading(self, index: str) -> None:
        """Let searches see new documents only now and then, which makes writing cheaper."""

    def end_loading(self, index: str) -> None:
        """Let searches see everything that was written, and new documents at once again."""


class AccessControl(Protocol):
    """Who may do what inside of the search domain. Every call may be repeated."""

    def admit(self, admission: Admission) -> None:
        """Let a principal, and nobody else, have the named role with the access that it is to have."""

    def dismiss(self, name: str) -> None:
        """Take the named role away, there or not."""


class SnapshotStore(Protocol):
    """Copies of indices, which the search engine writes and reads by itself.

    Every call raises RepositoryRefusedError where it cannot use the place that they are kept in.
    """

    def begin(self, name: str, index: IndexInfo, *, pictures: int) -> None:
        """Begin a snapshot of an index, which goes on by itself."""

    def all(self) -> tuple[Snapshot, ...]:
        """Return every snapshot."""

    def delete(self, name: str) -> None:
        """Delete a snapshot. Raises SnapshotUnknownError."""

    def restore(self, snapshot: Snapshot, *, into: str, replicas: int) -> None:
        """Begin to make a new index of a complete snapshot, which goes on by itself; no alias leads to it."""

    def unready(self) -> tuple[str, ...]:
        """Return the indices that lack a part: those being restored, and those that have lost one."""


class PictureStore(Protocol):
    """The bucket of pictures; an object `<key>.json`, its sidecar, describes the picture `<key>`.

    What was uploaded for a search (`uploads.is_query`) is no picture: it is neither looked at nor listed.
    """

    def look(self, key: str) -> ObjectState | None:
        """Return the object's present state, or None where there is none."""

    def user_metadata(self, key: str) -> Mapping[str, str]:
        """Return what S3 keeps with an object under `x-amz-meta-…`; nothing of an absent one."""

    def sidecar(self, key: str, *, etag: str) -> bytes | None:
        """Return the content of a picture's sidecar, cut behind its largest size.

        None where the sidecar is no longer the one of this ETag.
        """

    def listing(self, *, prefix: str = "", after: str = "", at_once: int = LISTED) -> Iterator[ObjectState]:
        """Yield the objects whose key begins with `prefix` and comes after `after`, in the keys' order.

        Sidecars are part of their pictures' states and not yielded by themselves.

        Keys are ordered by their UTF-8 bytes, which is how Python orders texts. What is fetched is at most
        twice `at_once` ahead of what is taken: so many objects one request lists.
        """

    def links(self, key: str, *, ttl_seconds: int) -> Links:
        """Return links to the picture that work for at least `ttl_seconds` without credentials."""

    def upload_form(self, key: str, *, content_type: str, max_bytes: int, ttl_seconds: int) -> UploadForm:
        """Return the form by which a picture of this type and at most this size can be put under a key."""


class WebPictures(Protocol):
    """Pictures on the web, which strangers name."""

    def fetch(self, url: str) -> bytes:
        """Return what the address holds.

        Raises UrlRefusedError and UrlUnreachableError, and UseUploadError for too many bytes.
        """


class AutoCutoff(Protocol):
    """Knows which scores mean nothing."""

    def threshold(self, index: IndexInfo, vector: Vector, part: Part) -> float:
        """Return the least score, 0..1, that pictures have which this vector was meant for."""


class ArtifactStore(Protocol):
    """The bucket of artifacts, where bulk runs keep their files."""

    def read(self, key: str) -> bytes | None:
        """Return a small file's content, or None where there is none."""

    def lines(self, key: str, *, start: int = 0) -> Iterator[bytes]:
        """Yield a file's lines from the byte `start` on, as they arrive, each without the `\\n` that ends it.

        Raises ArtifactMissingError.
        """

    def write(self, key: str, content: bytes) -> None:
        """Write a file as a whole: readers see all of it or what was there before."""

    def exists(self, key: str) -> bool:
        """Return whether there is such a file."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with `prefix`, in their order."""

    def uri(self, key: str) -> str:
        """Return the address by which other services know a file, e.g. `s3://bucket/key`."""


class Metrics(Protocol):
    """Keeps figures of the work for graphs and alarms."""

    def record(self, figures: Figures) -> None:
        """Keep the figures of one piece of work, which belong together."""


class SearchApi(Protocol):
    """The deployed API, seen as those see it who use it."""

    def search(self, text: str) -> Mapping[str, Any]:
        """Return the answer to a search, read from JSON.

        Raises ApiUnavailableError, which says when to come back, ApiRefusedError and ApiAnswerError.
        """
