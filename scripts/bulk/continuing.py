"""Seeing a bulk run through whose name is known beforehand: started, continued or followed."""

from scripts.bulk import runs as bulk
from scripts.errors import CommandError
from scripts.render import bulk_progress


def attempt_of(
    place: bulk.Place, run: str, *, index: str | None = None, prefix: str = ""
) -> bulk.Attempt | None:
    """The attempt of a run to follow; None where the run is complete."""
    if (going := bulk.going(place, run)) is not None:
        return going
    seen = look_at(place, run)
    if seen is None:
        return bulk.start(place, run=run, index=index, prefix=prefix)
    return None if seen.status == "complete" else bulk.resume(place, run)


def look_at(place: bulk.Place, run: str) -> bulk.Run | None:
    """A run as it is now; None where it was named but never started."""
    try:
        return bulk.show(place, run)
    except CommandError as error:
        if error.code != "run_unknown":
            raise
        return None


def last_look(place: bulk.Place, attempt: bulk.Attempt) -> bulk.Run:
    """The run as it ended, with bars on standard error until then."""
    with bulk_progress() as move:
        for seen in bulk.follow(place, attempt):
            move(seen)
    return seen
