"""Setting up the index: template, first versioned index, alias; the call may be repeated at any time."""

from collections.abc import Iterable

from imagesearch.errors import IndexMissingError
from imagesearch.fingerprints import SHORT
from imagesearch.models import IndexInfo, Quantisation
from imagesearch.ports import IndexAdministration


def first_index_name(alias: str, fingerprint: str) -> str:
    """Return the name of a model's first index, e.g. `images-5e5e5e5e5e5e-1`."""
    return f"{alias}-{fingerprint[:SHORT]}-1"


def next_index_name(alias: str, fingerprint: str, taken: Iterable[str]) -> str:
    """Return the next free name of a model's indices; none of those that were ever `taken` is used again."""
    prefix = f"{alias}-{fingerprint[:SHORT]}-"
    numbers = [name.removeprefix(prefix) for name in taken if name.startswith(prefix)]
    return f"{prefix}{1 + max((int(each) for each in numbers if each.isdecimal()), default=0)}"


class IndexSetup:
    """Makes sure that the alias leads to an index."""

    def __init__(
        self,
        *,
        administration: IndexAdministration,
        alias: str,
        space: str,
        shards: int,
        replicas: int,
        quantisation: Quantisation = "none",
    ) -> None:
        self._administration = administration
        self._alias = alias
        self._space = space
        self._quantisation = quantisation
        self._shards = shards
        self._replicas = replicas

    def ensure(self, *, fingerprint: str, dimension: int) -> IndexInfo:
        """Return the index that the alias leads to, after creating what was missing.

        Attributes that were declared since the index was made can be used from now on; one whose type changed
        raises SearchRefusedError, as it needs another name, before anything has changed.

        An alias that leads to an index of another model stays where it is once that index holds documents:
        moving it is a migration, and a routine deployment must never do or undo one.
        """
        active = self._active()
        if active is not None and (
            active.fingerprint == fingerprint or not self._administration.is_empty(active.name)
        ):
            for written in self._administration.written():
                self._administration.declare_attributes(written.name)
            self._put_template()
            return active
        index = IndexInfo(
            name=first_index_name(self._alias, fingerprint),
            fingerprint=fingerprint,
            dimension=dimension,
            space=self._space,
            quantisation=self._quantisation,
        )
        self._put_template()
        self._administration.create(index)
        self._administration.point_alias(index.name)
        return index

    def _put_template(self) -> None:
        self._administration.put_template(shards=self._shards, replicas=self._replicas)

    def _active(self) -> IndexInfo | None:
        try:
            return self._administration.active()
        except IndexMissingError:
            return None
