"""The steps of a trial: each a command that anybody could give, and what its answer must say."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scripts.gallery import DEMO_PICTURE, DEMO_TEXTS
from scripts.verify_aws import answers
from scripts.verify_aws.site import Site

MODELS = ("demo", "demo-256")
DIMENSIONS = {"demo": 384, "demo-256": 256}
FOUND = dict(zip(DEMO_TEXTS, ("cat.png", "cup-of-coffee.png", "birthday-cake.webp"), strict=True))
"""What the demo models find first for the demo's texts."""

DESTROY = "destroy"


@dataclass(frozen=True, kw_only=True)
class Step:
    """A command, the sentence that ``check`` makes of its answer, and what it may take.

    ``check`` raises CommandError where the answer is not as it must be. From a step that ``deploys`` on,
    something stands and is paid for. One that ``asks`` is told where the deployment is. ``jobs`` are the
    transform jobs that it starts, at most.
    """

    name: str
    command: tuple[str, ...]
    check: Callable[[str], str]
    jobs: int = 0
    hours: float = 1.0
    deploys: bool = False
    asks: bool = False
    statuses: tuple[int, ...] = (0,)

    @property
    def line(self) -> str:
        """The command as it would be typed."""
        return " ".join(f'"{word}"' if " " in word else word for word in self.command)


def steps_of(site: Site, gallery: Path) -> tuple[Step, ...]:
    """Everything but the destruction, in its order; the pictures of the demo are copied into ``gallery``."""
    first, second = MODELS
    return (
        Step(
            name="doctor",
            command=("imagesearch", "doctor", *site.named, "--json"),
            check=answers.doctor,
            statuses=(0, 1, 2),
        ),
        Step(name="deploy", command=site.deploying, check=answers.deployed, hours=2.0, deploys=True),
        Step(
            name="smoke",
            command=("imagesearch", "smoke", *site.named, "--within", "900", "--json"),
            check=answers.smoke,
            statuses=(0, 1),
        ),
        Step(
            name="pictures",
            command=("python", "-m", "scripts.verify_aws.pictures", str(gallery)),
            check=answers.last_line,
            asks=True,
        ),
        Step(
            name="bulk",
            command=("imagesearch", "bulk", "--json"),
            check=answers.bulk,
            jobs=1,
            asks=True,
            statuses=(0, 1, 2),
        ),
        Step(
            name="reconcile",
            command=("imagesearch", "reconcile", "--check", "--json"),
            check=answers.reconciled,
            asks=True,
            statuses=(0, 1, 2),
        ),
        *(_search(number, text, key) for number, (text, key) in enumerate(FOUND.items(), start=1)),
        _search_picture("search by picture", gallery),
        _migrate("migrate", site, "--model", second, dimension=DIMENSIONS[second], jobs=2),
        _search_picture("search after the migration", gallery),
        _migrate("roll back", site, "--rollback", dimension=DIMENSIONS[first]),
        _search_picture("search after the rollback", gallery),
        _migrate("migrate again", site, "--model", second, dimension=DIMENSIONS[second], jobs=1),
        _migrate("finish", site, "--finish", dimension=DIMENSIONS[second]),
        Step(
            name="back up",
            command=("imagesearch", "backup", "create", *site.option, "--json"),
            check=answers.backed_up,
        ),
        _search_picture("search at the end", gallery),
    )


def destruction_of(site: Site) -> Step:
    """The last step, whatever became of those before it."""
    return Step(name=DESTROY, command=site.destroying, check=answers.destroyed, hours=2.0)


def _search(number: int, text: str, key: str) -> Step:
    return Step(
        name=f"search by text {number}",
        command=("imagesearch", "search", text, "-k", "3", "--json"),
        check=lambda answer: answers.found(answer, key),
        asks=True,
    )


def _search_picture(name: str, gallery: Path) -> Step:
    """A search by a picture of the library, which must find itself, and as near as can be."""
    return Step(
        name=name,
        command=("imagesearch", "search", "--image", str(gallery / DEMO_PICTURE), "-k", "3", "--json"),
        check=lambda answer: answers.found_itself(answer, DEMO_PICTURE),
        asks=True,
    )


def _migrate(name: str, site: Site, *action: str, dimension: int, jobs: int = 0) -> Step:
    return Step(
        name=name,
        command=("imagesearch", "migrate", *action, *site.option, "--json"),
        check=lambda answer: answers.searched(answer, dimension),
        jobs=jobs,
        hours=2.0,
    )
