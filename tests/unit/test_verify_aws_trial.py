"""A trial of real commands: whatever becomes of its steps, what they deployed is destroyed, and told."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from scripts.errors import CommandError
from scripts.verify_aws.answers import last_line
from scripts.verify_aws.record import begin, find
from scripts.verify_aws.running import program_of
from scripts.verify_aws.site import Site, on_this_machine
from scripts.verify_aws.spending import Budget, Prices
from scripts.verify_aws.steps import Step
from scripts.verify_aws.trial import Trial

ACCOUNT = "123456789012"
PRICES = Prices(hour=1.0, job=0.5)


def a_step(name: str, *, program: str = "", deploys: bool = False, **more: object) -> Step:
    """A step that runs Python; by default it says its own name, also in the file `done`."""
    program = program or f"open('done', 'a').write('{name} '); print('{name} is done')"
    step = Step(name=name, command=("python", "-c", program), check=last_line, deploys=deploys)
    return replace(step, **more)  # type: ignore[arg-type]


@dataclass(kw_only=True)
class Desk:
    """Somebody who tries; ``clock`` is what a trial takes for the time."""

    folder: Path
    steps: tuple[Step, ...] = (a_step("ask"), a_step("deploy", deploys=True), a_step("use"))
    destruction: Step = field(default_factory=lambda: a_step("destroy"))
    limit: float = 10.0
    keep: bool = False
    is_dry: bool = False
    addresses: Callable[[], dict[str, str]] = dict
    clock: Callable[[], float] = lambda: 0.0
    pauses: list[float] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def site(self) -> Site:
        here = on_this_machine(folder=self.folder)
        return replace(here, account=ACCOUNT, is_dry=self.is_dry, addresses=self.addresses)

    def try_it(self) -> int:
        return Trial(
            site=self.site,
            steps=self.steps,
            destruction=self.destruction,
            budget=Budget(prices=PRICES, limit=self.limit),
            folder=self.folder,
            record=find(self.folder, self.site) or begin(self.site),
            keep=self.keep,
            say=self.said.append,
            clock=self.clock,
            pause=self.pauses.append,
        ).run()

    def done(self) -> list[str]:
        """The names of the steps that were done, as they themselves wrote them."""
        file = self.folder / "done"
        return file.read_text().split() if file.exists() else []

    @property
    def kept(self) -> Path:
        """Where the latest trial has left its logs and its transcript."""
        return max(self.folder.glob("*-aws"))

    def transcript(self) -> str:
        return (self.kept / "transcript.md").read_text("utf-8")

    def written(self) -> dict[str, object]:
        written: dict[str, object] = json.loads((self.kept / "transcript.json").read_text("utf-8"))
        return written


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Let commands be interrupted, as the program lets them: shells ignore it for what runs behind them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.chdir(tmp_path)
    return Desk(folder=tmp_path)


def test_every_step_is_taken_and_then_everything_is_destroyed(desk: Desk) -> None:
    assert desk.try_it() == 0
    assert desk.done() == ["ask", "deploy", "use", "destroy"]
    assert find(desk.folder, desk.site) is None
    assert "**Every step passed.**" in desk.transcript()
    assert [row["name"] for row in desk.written()["steps"]] == desk.done()  # type: ignore[attr-defined]
    assert desk.said[-1] == f"Transcript: {desk.kept / 'transcript.md'}"


def test_a_step_that_fails_is_the_last_before_the_destruction(desk: Desk) -> None:
    broken = a_step("break", program="import sys; print('what is wrong', file=sys.stderr); sys.exit(3)")
    desk.steps = (desk.steps[1], broken, desk.steps[2])
    assert desk.try_it() == 1
    assert desk.done() == ["deploy", "destroy"]
    (told,) = [line for line in desk.said if line.startswith("step_failed: ")]
    assert "ended with status 3: what is wrong" in told
    assert str(desk.kept / "logs" / "02-break.err") in told
    assert "Not everything was as it must be: step_failed" in desk.transcript()


def test_an_answer_that_is_not_as_it_must_be_fails_the_step(desk: Desk) -> None:
    def refuse(answer: str) -> str:
        raise CommandError("answer_unexpected", f"not {answer.strip()}")

    desk.steps = (a_step("deploy", deploys=True, check=refuse),)
    assert desk.try_it() == 1
    assert "answer_unexpected: not deploy is done" in desk.said
    assert desk.done() == ["deploy", "destroy"]


def test_an_answer_without_its_fields_fails_the_step(desk: Desk) -> None:
    desk.steps = (a_step("deploy", deploys=True, check=lambda answer: json.loads(answer)["status"]),)
    assert desk.try_it() == 1
    assert any("answered otherwise than it should" in line for line in desk.said)
    assert desk.done() == ["deploy", "destroy"]


def test_nothing_is_destroyed_where_nothing_was_deployed(desk: Desk) -> None:
    desk.steps = (a_step("ask", program="raise SystemExit(1)"), *desk.steps[1:])
    assert desk.try_it() == 1
    assert desk.done() == []
    assert find(desk.folder, desk.site) is None


def test_an_interruption_ends_in_the_destruction(desk: Desk) -> None:
    def interrupt(_: str) -> str:
        raise KeyboardInterrupt

    desk.steps = (desk.steps[1], a_step("use", check=interrupt), a_step("more"))
    assert desk.try_it() == 130
    assert desk.done() == ["deploy", "use", "destroy"]
    assert "It was interrupted." in desk.said


def test_a_step_that_would_go_beyond_the_limit_is_not_taken(desk: Desk) -> None:
    # 1 hour that has begun, 1 kept back for the destruction, and 3 jobs: 3.5 dollars.
    desk.steps = (desk.steps[1], a_step("jobs", jobs=3), a_step("more", jobs=1))
    desk.limit, desk.clock = 3.5, iter(range(1, 1000)).__next__
    assert desk.try_it() == 1
    assert desk.done() == ["deploy", "jobs", "destroy"]
    assert any(line.startswith("limit_reached: ") for line in desk.said)
    assert desk.written()["reckoned_usd"] == 2.5


def test_a_step_that_runs_when_the_limit_is_reached_is_ended_and_nothing_is_kept(desk: Desk) -> None:
    program = "import time; open('begun', 'w'); time.sleep(600)"
    endless = a_step("endless", program=program, hours=100.0)
    desk.steps, desk.keep = (desk.steps[1], endless), True
    desk.clock = lambda: 24 * 3600.0 if (desk.folder / "begun").exists() else 0.0
    assert desk.try_it() == 1
    assert desk.done() == ["deploy", "destroy"]
    assert any(line.startswith("limit_reached: ") for line in desk.said)


def test_a_step_has_its_time(desk: Desk) -> None:
    program = "import time; open('begun', 'w'); time.sleep(600)"
    desk.steps, desk.limit = (a_step("endless", program=program, hours=2.0, deploys=True),), 1e6
    desk.clock = lambda: 2.1 * 3600 if (desk.folder / "begun").exists() else 0.0
    assert desk.try_it() == 1
    assert any(line.startswith("step_too_long: endless has not ended within 2 hours") for line in desk.said)


def test_what_is_kept_is_gone_on_with_by_the_same_command(desk: Desk) -> None:
    desk.keep = True
    desk.steps = (*desk.steps, a_step("later", program="raise SystemExit(1)"))
    assert desk.try_it() == 1
    assert desk.done() == ["ask", "deploy", "use"]
    assert any(line.startswith("It stands, for about 1.00 USD an hour.") for line in desk.said)

    desk.keep, desk.said = False, []
    desk.steps = (*desk.steps[:-1], a_step("later"))
    assert desk.try_it() == 0
    assert desk.done() == ["ask", "deploy", "use", "later", "destroy"]
    assert desk.said[:3] == [f"✓ {name}: done before" for name in ("ask", "deploy", "use")]
    assert "**Every step passed.**" in desk.transcript()


def test_a_destruction_that_fails_is_tried_again_and_told_and_all_that_the_command_does_next(
    desk: Desk,
) -> None:
    whole = desk.destruction
    desk.destruction = a_step("destroy", program="open('done', 'a').write('try '); raise SystemExit(2)")
    assert desk.try_it() == 2
    assert desk.done() == ["ask", "deploy", "use", *["try"] * 5]
    assert desk.pauses == [60, 180, 420, 900]
    assert len(list((desk.kept / "logs").glob("*-destroy.err"))) == 5
    left = f"what is left costs up to 1.00 USD an hour. Run: {desk.destruction.line}"
    assert any(line.endswith(left) for line in desk.said)
    assert left in desk.transcript()

    desk.destruction = whole
    assert desk.try_it() == 0
    assert desk.done()[-1] == "destroy"
    assert desk.done().count("use") == 1
    assert find(desk.folder, desk.site) is None


def test_a_trial_that_only_destroys_is_none_that_has_passed(desk: Desk) -> None:
    whole = desk.destruction
    desk.steps = (desk.steps[1], a_step("break", program="raise SystemExit(3)"), a_step("more"))
    desk.destruction = a_step("destroy", program="raise SystemExit(2)")
    # Something is left: that is worse than the failure that it began with.
    assert desk.try_it() == 2

    desk.destruction = whole
    assert desk.try_it() == 1
    assert desk.done() == ["deploy", "destroy"]
    assert "steps_missing: Failed before, or not taken: break, more." in desk.said
    assert "Every step passed" not in desk.transcript()


def test_whatever_goes_wrong_ends_in_the_destruction(desk: Desk) -> None:
    def breaks() -> dict[str, str]:
        raise RuntimeError("nobody expected this")

    desk.steps = (desk.steps[1], a_step("use", asks=True))
    desk.addresses = breaks
    assert desk.try_it() == 1
    assert desk.done() == ["deploy", "destroy"]
    assert "RuntimeError: nobody expected this" in desk.said


def test_a_destruction_that_breaks_by_what_nobody_foresaw_is_tried_again(desk: Desk) -> None:
    def breaks(_: str) -> str:
        raise OSError("no space left on the device")

    desk.destruction = a_step("destroy", check=breaks)
    assert desk.try_it() == 2
    assert desk.done() == ["ask", "deploy", "use", *["destroy"] * 5]
    assert "OSError: no space left on the device" in desk.said


def test_the_lock_of_a_trials_models_goes_with_it(desk: Desk) -> None:
    lock = desk.folder / "model.lock"
    lock.write_text("")
    desk.keep = True
    assert desk.try_it() == 0
    assert lock.exists()
    desk.keep = False
    assert desk.try_it() == 0
    assert not lock.exists()


def test_a_dry_trial_and_another_one_leave_what_was_written_before(desk: Desk) -> None:
    assert desk.try_it() == 0
    before = desk.transcript()
    desk.is_dry = True
    assert desk.try_it() == 0
    assert desk.transcript() == before
    assert len(list(desk.folder.glob("*-emulator"))) == 1


def test_no_account_stands_in_what_may_be_shown(desk: Desk) -> None:
    loud = a_step("use", program=f"print('in', {int(ACCOUNT) - 1} + 1)")
    desk.steps = (desk.steps[1], loud)
    assert desk.try_it() == 0
    shown = [desk.transcript(), (desk.kept / "transcript.json").read_text(), *desk.said]
    assert not any(ACCOUNT in text for text in shown)
    assert "in ************" in desk.transcript()


def test_a_command_that_is_ended_takes_what_it_started_along(desk: Desk) -> None:
    program = (
        "import subprocess, sys, time; sleep = 'import time; time.sleep(600)'; "
        "child = subprocess.Popen([sys.executable, '-c', sleep]); "
        "open('new', 'w').write(str(child.pid)); import os; os.rename('new', 'child'); exec(sleep)"
    )

    def has_begun() -> float:
        # The limit is reached once the child is there.
        return 3600.0 * 24 if (desk.folder / "child").exists() else 0.0

    desk.steps, desk.clock = (a_step("deploy", program=program, deploys=True),), has_begun
    assert desk.try_it() == 1
    assert not Path(f"/proc/{(desk.folder / 'child').read_text()}/exe").exists()


def test_programs_are_those_of_this_environment() -> None:
    assert program_of(("python", "-V")) == [sys.executable, "-V"]
    assert program_of(("imagesearch", "bulk")) == [
        str(Path(sys.executable).with_name("imagesearch")),
        "bulk",
    ]
