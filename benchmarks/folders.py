"""The files of a run in a folder, and a library that is only listed: a measured process holds neither."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from benchmarks.documents import number_of, state_of
from imagesearch.errors import ArtifactMissingError
from imagesearch.models import Embedding, Links, ObjectState, PictureEmbedding, UploadForm
from imagesearch.ports import LISTED


@dataclass(frozen=True)
class FolderArtifacts:
    """The bucket of artifacts as a folder."""

    folder: Path

    def read(self, key: str) -> bytes | None:
        """Return a file's content, or None."""
        path = self.folder / key
        return path.read_bytes() if path.exists() else None

    def lines(self, key: str, *, start: int = 0) -> Iterator[bytes]:
        """Yield a file's lines from the byte `start` on. Raises ArtifactMissingError."""
        if not self.exists(key):
            raise ArtifactMissingError(f"The run's file {key} is missing.")
        with (self.folder / key).open("rb") as file:
            file.seek(start)
            for line in file:
                yield line.removesuffix(b"\n")

    def write(self, key: str, content: bytes) -> None:
        """Write a file."""
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def exists(self, key: str) -> bool:
        """Return whether there is such a file."""
        return (self.folder / key).exists()

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with `prefix`, in their order."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        keys = sorted(path.relative_to(self.folder).as_posix() for path in files)
        yield from (key for key in keys if key.startswith(prefix))

    def uri(self, key: str) -> str:
        """Return an address; nothing reads it."""
        return f"s3://artifacts/{key}"


@dataclass(frozen=True)
class ListedPictures:
    """The bucket of pictures as a listing of the library's first `count` objects."""

    count: int

    def look(self, key: str) -> ObjectState | None:
        """Return the object's state."""
        return state_of(number_of(key))

    def user_metadata(self, key: str) -> Mapping[str, str]:
        """Return nothing: no picture has any."""
        del key
        return {}

    def sidecar(self, key: str, *, etag: str) -> bytes | None:
        """Return None: no picture has one."""
        del key, etag
        return None

    def listing(self, *, prefix: str = "", after: str = "", at_once: int = LISTED) -> Iterator[ObjectState]:
        """Yield the objects after `after`."""
        del at_once
        first = number_of(after) + 1 if after else 0
        states = map(state_of, range(first, self.count))
        return takewhile(lambda state: state.key.startswith(prefix), states)

    def links(self, key: str, *, ttl_seconds: int) -> Links:
        """Return addresses; nothing serves them."""
        return Links(
            url=f"https://pictures.invalid/{key}?ttl={ttl_seconds}", thumbnail_url=f"thumbnails/{key}"
        )

    def upload_form(self, key: str, *, content_type: str, max_bytes: int, ttl_seconds: int) -> UploadForm:
        """Return a form; nothing takes it."""
        del content_type, max_bytes, ttl_seconds
        return UploadForm(url="https://pictures.invalid/", fields={"key": key})


class NoEmbedder:
    """Stands where a model would be asked; no picture of the library has changed, so nothing is."""

    def embed(
        self, *, fingerprint: str, texts: Sequence[str] = (), pictures: Sequence[bytes] = ()
    ) -> tuple[Embedding, ...]:
        """Refuse."""
        raise NotImplementedError

    def embed_stored(self, *, fingerprint: str, key: str) -> PictureEmbedding:
        """Refuse."""
        raise NotImplementedError
