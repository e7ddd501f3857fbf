"""Destroying an environment: work is ended, buckets are emptied, stacks taken down, and what is left is told.

Everything may be done twice: what is gone is passed over, so the same command goes on after a failure.
"""

from collections.abc import Callable
from dataclasses import dataclass

from scripts.aws_errors import aws_errors
from scripts.destroy.aws import Place
from scripts.destroy.buckets import buckets, empty, silence
from scripts.destroy.leftovers import (
    Leftover,
    Unseen,
    domain_is_going,
    find_leftovers,
    remove_all,
    stacks,
)
from scripts.destroy.work import stop_work
from scripts.errors import CommandError
from scripts.local.waiting import wait_until

DOMAIN_SECONDS, POLL_SECONDS = 3600.0, 15.0

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What is left, and what could not be looked at."""

    leftovers: list[Leftover]
    unseen: list[Unseen]

    @property
    def is_clean(self) -> bool:
        """Whether nothing is left for certain, as far as anybody could look."""
        return not any(each.certain for each in self.leftovers) and not self.unseen


@dataclass(frozen=True, kw_only=True)
class Destruction:
    """The destruction of one environment.

    ``cdk_destroy`` takes down all of its stacks. ``data`` takes retained data along.
    """

    place: Place
    say: Say
    cdk_destroy: Callable[[], None]
    data: bool = False

    def require_consent(self) -> None:
        """Raise CommandError (``data_retained``) where data are retained and nobody has named them."""
        if self.place.settings.retain_data and not self.data:
            raise CommandError("data_retained", retained_sentence(self.place))

    def run(self) -> Result:
        """Destroy it, and return what is left."""
        self.require_consent()
        self._say_retained()
        stop_work(self.place, self.say)
        self._empty()
        self._unprotect()
        self._take_down()
        return self._verify()

    @property
    def _takes_data(self) -> bool:
        return self.data or not self.place.settings.retain_data

    def _say_retained(self) -> None:
        if self.place.settings.retain_data:
            self.say(
                f"{self.place.name} retains its data: termination protection of stacks and deletion "
                "protection of the user pool are lifted, and buckets, domain and user pool are deleted too."
            )

    def _empty(self) -> None:
        for bucket in buckets(self.place):
            silence(self.place, bucket)
            deleted = empty(self.place, bucket)
            self.say(f"Emptied: {bucket}, {deleted} versions")

    def _unprotect(self) -> None:
        """Lift the termination protection of the stacks that are there."""
        for stack in stacks(self.place):
            name = stack.name.split(" ", 1)[0]
            if self.place.settings.retain_data:
                with aws_errors():
                    self.place.client("cloudformation").update_termination_protection(
                        StackName=name, EnableTerminationProtection=False
                    )

    def _take_down(self) -> None:
        """Take the stacks down; what still lies in their VPC is removed where that stops it, once."""
        if not list(stacks(self.place)):
            return
        try:
            self.cdk_destroy()
        except CommandError:
            if not self._free_network():
                raise
            self.cdk_destroy()

    def _free_network(self) -> bool:
        """Remove a retained domain, and interfaces that nobody uses; return whether there was any.

        A domain in a VPC keeps that from being deleted, and is gone after half an hour.
        """
        kinds = {"network interface", *(("domain",) if self._takes_data else ())}
        found, _ = find_leftovers(self.place)
        holding = [each for each in found if each.kind in kinds and each.remove]
        for each in holding:
            self.say(f"Removing, so that its network can go: {each.kind} {each.name}")
        refused = remove_all(holding)
        wait_until(lambda: not domain_is_going(self.place), seconds=DOMAIN_SECONDS, poll_seconds=POLL_SECONDS)
        return len(refused) < len(holding)

    def _verify(self) -> Result:
        """Look for what is left, remove what nobody needs any more, and look again."""
        found, unseen = find_leftovers(self.place)
        removable = [each for each in found if each.remove is not None] if self._takes_data else []
        if removable:
            refused = remove_all(removable)
            for each in removable:
                self.say(
                    f"Removed: {each.kind} {each.name}"
                    if each.name not in refused
                    else f"Not removed: {each.name}"
                )
            found, unseen = find_leftovers(self.place)
        return Result(leftovers=found, unseen=unseen)


def retained_sentence(place: Place) -> str:
    """What it takes to destroy an environment that retains its data."""
    return (
        f"{place.name} retains its data. To destroy it with its pictures, index and users, add --data: "
        "termination protection of its stacks and deletion protection of its user pool are lifted then, its "
        "buckets emptied with all versions, and buckets, domain, user pool and key deleted. Nobody can undo "
        "that. "
        f"Take a copy of what you need first: aws s3 sync s3://{place.prefix}images-… ."
    )
