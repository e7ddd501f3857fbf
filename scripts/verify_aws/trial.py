"""A trial from beginning to end: step by step within the limit, and whatever happens, the destruction."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scripts.errors import CommandError
from scripts.verify_aws.record import Record, Taken, forget
from scripts.verify_aws.running import Ended, run
from scripts.verify_aws.site import Site
from scripts.verify_aws.spending import Budget
from scripts.verify_aws.steps import Step
from scripts.verify_aws.transcript import Ending, document, masked, write

INTERRUPTED, LEFT = 130, 2
PAUSES_SECONDS = (60.0, 180.0, 420.0, 900.0)
"""Before the destruction is tried again: a stack that is being changed refuses it, and networks fail."""

SHOWN_LINES = 3


@dataclass(kw_only=True)
class Trial:
    """One trial; ``keep`` leaves what stands, unless the limit is reached. ``say`` is told each step.

    ``pauses`` are the seconds before each further attempt at the destruction.
    """

    site: Site
    steps: Sequence[Step]
    destruction: Step
    budget: Budget
    folder: Path
    record: Record
    keep: bool
    say: Callable[[str], None]
    pauses: Sequence[float] = PAUSES_SECONDS
    clock: Callable[[], float] = time.time
    pause: Callable[[float], None] = time.sleep

    def run(self) -> int:
        """Take every step and return the exit status.

        0 all passed and nothing is left, 2 something is left that should not be, else 1 something failed or
        130 it was interrupted.
        """
        status, trouble = 0, None
        try:
            self._take_all()
            self._require_passed()
        except CommandError as error:
            status, trouble = 1, f"{error.code}: {error.message}"
            # Money is what the limit is for: it does not leave standing what costs some.
            self.keep = self.keep and error.code != "limit_reached"
        except KeyboardInterrupt:
            status, trouble = INTERRUPTED, "It was interrupted."
        except Exception as error:  # noqa: BLE001 - whatever it is, what stands costs money
            status, trouble = 1, f"{type(error).__name__}: {error}"
        if trouble:
            self.say(trouble)
        left = self._clear_away()
        path = self._write(Ending(trouble=trouble, left=left))
        if left:
            self.say(left)
        self.say(f"Transcript: {path}")
        return LEFT if left and not self.keep else status

    @property
    def jobs(self) -> int:
        """The transform jobs that all steps start."""
        return sum(step.jobs for step in self.steps)

    def _take_all(self) -> None:
        for step in () if self.record.going else self.steps:
            if step.name in self.record.passed:
                self.say(f"✓ {step.name}: done before")
                continue
            self._require_left(more=step.jobs)
            if step.deploys and self.record.standing_since is None:
                self.record.standing_since = self.clock()
            self.record.jobs += step.jobs
            self.record.save(self.folder)
            self._take(step, limited=True)

    def _require_passed(self) -> None:
        """Refuse to call a trial passed that goes on with its destruction only (``steps_missing``)."""
        missing = [step.name for step in self.steps if step.name not in self.record.passed]
        if missing:
            raise CommandError("steps_missing", f"Failed before, or not taken: {', '.join(missing)}.")

    def _clear_away(self) -> str | None:
        """Destroy what stands, and say what is left to be done, if anything is."""
        if self.record.standing_since is None:
            forget(self.folder)
            return None
        command, hourly = self.destruction.line, self.budget.prices.hour
        if self.keep:
            return (
                f"It stands, for about {hourly:.2f} USD an hour. Go on with the same command; or remove it: "
                f"{command}"
            )
        self.record.going = True
        self.record.save(self.folder)
        with suppress(KeyboardInterrupt):
            for pause in (*self.pauses, None):
                if self._destroy():
                    forget(self.folder)
                    return None
                if pause is not None:
                    self.say(f"The destruction is tried again in {pause / 60:g} minutes.")
                    self.pause(pause)
        return (
            f"The destruction has not ended well; what is left costs up to {hourly:.2f} USD an hour. Run: "
            f"{command}"
        )

    def _destroy(self) -> bool:
        """Whether the destruction has ended well."""
        try:
            self._take(self.destruction, limited=False)
        except CommandError as error:
            self.say(f"{error.code}: {error.message}")
            return False
        except Exception as error:  # noqa: BLE001 - whatever it is, what stands costs money
            self.say(f"{type(error).__name__}: {error}")
            return False
        return True

    def _take(self, step: Step, *, limited: bool) -> None:
        """Take a step and note how it ended. Raises CommandError (``step_failed``, ``step_too_long`` …)."""
        self.say(f"… {step.name}: {step.line}")
        began = self.clock()

        def watch() -> None:
            if self.clock() - began > step.hours * 3600:
                raise CommandError("step_too_long", f"{step.name} has not ended within {step.hours:g} hours.")
            if limited:
                self._require_left()

        passed, said = False, "It was interrupted."
        try:
            said = self._answer(step, watch)
            passed = True
        except CommandError as error:
            said = error.message
            raise
        finally:
            seconds = self.clock() - began
            self._note(step, seconds=seconds, passed=passed, said=masked(said, self.site))

    def _answer(self, step: Step, watch: Callable[[], None]) -> str:
        """What a step's answer says, in one sentence."""
        variables = {**self.site.variables, **(self.site.addresses() if step.asks else {})}
        number = len(self.record.taken) + 1
        log = self._kept / "logs" / f"{number:02}-{step.name.replace(' ', '-')}"
        log.parent.mkdir(parents=True, exist_ok=True)
        ended = run(step.command, variables=variables, log=log, watch=watch)
        if ended.status not in step.statuses:
            raise _failed(step, ended, log)
        try:
            return step.check(ended.answer)
        except (ValueError, KeyError, TypeError) as error:
            if ended.status:
                raise _failed(step, ended, log) from error
            raise CommandError(
                "answer_unexpected", f"{step.line} answered otherwise than it should: {error}"
            ) from error

    def _note(self, step: Step, *, seconds: float, passed: bool, said: str) -> None:
        self.record.taken.append(
            Taken(name=step.name, command=step.line, seconds=seconds, passed=passed, said=said)
        )
        self.record.save(self.folder)
        self.say(f"{'✓' if passed else '✗'} {step.name}: {said} ({seconds:.0f} s)")
        self._write(Ending(trouble=None if passed else said, left="It goes on."))

    def _require_left(self, *, more: int = 0) -> None:
        if self.record.standing_since is not None:
            self.budget.require_left(seconds=self._stood(), jobs=self.record.jobs + more)

    def _stood(self) -> float:
        since = self.record.standing_since
        return 0.0 if since is None else self.clock() - since

    def _write(self, ending: Ending) -> Path:
        written = document(
            self.record,
            site=self.site,
            budget=self.budget,
            jobs=self.jobs,
            seconds=self._stood(),
            ending=ending,
        )
        return write(self._kept, written)

    @property
    def _kept(self) -> Path:
        """Where logs and transcript of this trial are, which no other one overwrites."""
        return self.folder / f"{self.record.name}-{'emulator' if self.site.is_dry else 'aws'}"


def _failed(step: Step, ended: Ended, log: Path) -> CommandError:
    lines = (ended.told.strip() or ended.answer.strip()).splitlines()[-SHOWN_LINES:]
    return CommandError(
        "step_failed",
        f"{step.line} ended with status {ended.status}: {' '.join(line.strip() for line in lines)} "
        f"(all of it: {log}.err, {log.name}.out)",
    )
