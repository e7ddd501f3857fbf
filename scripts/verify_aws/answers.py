"""What the answers of a trial's commands must say: each check returns one sentence, or raises CommandError.

The code is always ``answer_unexpected``.
"""

import json
from typing import Any

from scripts.errors import CommandError

SELF_SIMILARITY = 0.999
"""The least score of a picture with itself: 1, but for what a graph that keeps single floats rounds."""


def doctor(answer: str) -> str:
    """No finding may stand in the way."""
    findings = json.loads(answer)
    failed = [each for each in findings if each["state"] == "failed"]
    _require(
        not failed,
        " ".join(f"{each['check']}: {each['message']} ({each['mend']})." for each in failed),
    )
    counts = {
        state: sum(each["state"] == state for each in findings) for state in ("passed", "warned", "unknown")
    }
    return ", ".join(f"{count} {state}" for state, count in counts.items() if count)


def deployed(_answer: str) -> str:
    """What `cdk deploy` says of itself is for people; its exit status is enough."""
    return "deployed"


def smoke(answer: str) -> str:
    """Every step of the smoke test must have passed."""
    steps = json.loads(answer)["steps"]
    failed = [f"{step['name']}: {step['said']}" for step in steps if step["code"] is not None]
    _require(not failed, " ".join(failed))
    seconds = {step["name"]: step["seconds"] for step in steps}
    return f"{len(steps)} steps passed; the first search took {seconds['search by text']:.1f} s"


def bulk(answer: str) -> str:
    """Some pictures must be planned, and all that are planned indexed."""
    run = json.loads(answer)
    planned, indexed, rejected = run["planned"], run["indexed"], run["rejected"]
    said = f"{planned} planned, {indexed} indexed, {rejected} rejected"
    _require(
        run["status"] == "complete" and planned == indexed > 0,
        f"The run is {run['status']}: {said}. {run['reason'] or ''}".rstrip(),
    )
    return f"{said}, {run['seconds'] or 0:.0f} s"


def reconciled(answer: str) -> str:
    """Index and bucket must be in line."""
    run = json.loads(answer)
    differences = sum(run[kind] for kind in ("missing", "stale", "described", "orphaned"))
    _require(run["status"] == "complete" and not differences, f"{differences} differences were found.")
    return f"{run['listed']} pictures in line"


def found(answer: str, key: str) -> str:
    """A picture must be found first."""
    hits = _hits(answer)
    _require(hits[0]["key"] == key, f"{key} should come first, not {hits[0]['key']}.")
    return f"{key} first, score {hits[0]['score']:.4f}"


def found_itself(answer: str, key: str) -> str:
    """A picture must be found first by itself, as near as can be."""
    said, score = found(answer, key), _hits(answer)[0]["score"]
    _require(score >= SELF_SIMILARITY, f"The score of {key} with itself is {score:.4f}.")
    return said


def searched(answer: str, dimension: int) -> str:
    """The index that searches use must be of the model whose vectors have so many numbers."""
    active = json.loads(answer)["active"]
    _require(
        active is not None and active["dimension"] == dimension,
        f"Searches should use an index of {dimension} numbers, not {active and active['name']}.",
    )
    return f"searches use {active['name']}, {dimension} numbers"


def backed_up(answer: str) -> str:
    """The snapshot must hold pictures."""
    snapshot = json.loads(answer)
    _require(snapshot["pictures"] > 0, f"The snapshot {snapshot['name']} holds no picture.")
    return f"{snapshot['name']}: {snapshot['pictures']} pictures"


def destroyed(answer: str) -> str:
    """The command must have looked for what is left and found nothing; or nothing was there."""
    said = [line.strip() for line in answer.splitlines() if line.startswith("Nothing ")]
    _require(bool(said), "It does not say that nothing is left.")
    return said[0]


def last_line(answer: str) -> str:
    """Whatever the command said last."""
    lines = answer.strip().splitlines()
    return lines[-1].strip() if lines else ""


def _hits(answer: str) -> list[dict[str, Any]]:
    hits: list[dict[str, Any]] = json.loads(answer)["hits"]
    _require(bool(hits), "Nothing was found.")
    return hits


def _require(is_so: bool, sentence: str) -> None:
    if not is_so:
        raise CommandError("answer_unexpected", sentence)
