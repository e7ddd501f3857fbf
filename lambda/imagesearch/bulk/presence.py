"""How the bucket has the objects of a shard now, for few requests."""

from collections.abc import Iterable
from itertools import islice, takewhile

from imagesearch.bulk.batches import in_parallel
from imagesearch.models import ObjectState
from imagesearch.ports import PictureStore

States = dict[str, ObjectState]

_SPREAD = 4
"""How many keys a listing may show for each that is wanted; those further apart are asked for one by one."""


def present(pictures: PictureStore, keys: Iterable[str]) -> States:
    """Return those of the objects that there are now.

    The first is looked at by itself and the others by listing, which costs one request for a thousand keys.
    """
    wanted = sorted(set(keys))
    listed, far = _listed(pictures, wanted)
    looked = in_parallel(pictures.look, [*wanted[:1], *far])
    return {state.key: state for state in [*listed, *looked] if state is not None}


def _listed(pictures: PictureStore, wanted: list[str]) -> tuple[list[ObjectState], list[str]]:
    """Return what a listing behind the first key shows of the others, and the keys that it does not reach."""
    if len(wanted) < 2:
        return [], []
    first, *others = wanted
    most = _SPREAD * len(others)
    until_last = takewhile(lambda state: state.key <= others[-1], pictures.listing(after=first))
    shown = list(islice(until_last, most))
    far = [key for key in others if key > shown[-1].key] if len(shown) == most else []
    there = set(others)
    return [state for state in shown if state.key in there], far
