"""What is said of a picture, as the bucket has it now."""

from collections.abc import Mapping
from dataclasses import dataclass

from imagesearch.errors import MetadataInvalidError
from imagesearch.metadata import Attributes, metadata_of
from imagesearch.models import Metadata, ObjectState
from imagesearch.ports import PictureStore


@dataclass(frozen=True, kw_only=True)
class Description:
    """A picture's metadata, or the sentence that says what is wrong with it."""

    metadata: Metadata
    fault: str | None


def metadata_or_fault(
    user: Mapping[str, str], sidecar: bytes | None, *, attributes: Attributes
) -> tuple[Metadata, str | None]:
    """Return a picture's metadata, or none and the sentence that says what is wrong with it."""
    try:
        return metadata_of(user, sidecar, attributes=attributes), None
    except MetadataInvalidError as fault:
        return Metadata(), fault.message


class Describer:
    """Reads what S3's own metadata and sidecars say."""

    def __init__(self, *, pictures: PictureStore, attributes: Attributes) -> None:
        self._pictures = pictures
        self._attributes = attributes

    def describe(self, state: ObjectState, user: Mapping[str, str] | None = None) -> Description | None:
        """Return what is said of an object, whose own metadata is `user`, or read where that is None.

        None where the sidecar is another one by now.
        """
        sidecar = None
        if state.sidecar is not None:
            sidecar = self._pictures.sidecar(state.key, etag=state.sidecar)
            if sidecar is None:
                return None
        if user is None:
            user = self._pictures.user_metadata(state.key)
        metadata, fault = metadata_or_fault(user, sidecar, attributes=self._attributes)
        return Description(metadata=metadata, fault=fault)

    def sidecar_caption(self, state: ObjectState) -> str | None:
        """Return the caption that an object's sidecar gives it; all else is read when it is loaded."""
        if state.sidecar is None:
            return None
        said = self.describe(state, {})
        return said.metadata.caption if said is not None else None
