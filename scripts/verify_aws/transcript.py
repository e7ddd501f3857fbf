"""The transcript of a trial, for people (Markdown) and for programs (JSON). No account stands in it."""

import json
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scripts.costs.estimate import without_use
from scripts.local.processes import write_atomically
from scripts.repository import ROOT
from scripts.verify_aws.record import Record
from scripts.verify_aws.shown import Shown, shown_by
from scripts.verify_aws.site import Site
from scripts.verify_aws.spending import Budget
from stacks import prices

NAME = "transcript"
MASK = "************"


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a trial stands: ``trouble`` is what it failed by, ``left`` what is to be done by hand."""

    trouble: str | None = None
    left: str | None = None


def document(
    record: Record, *, site: Site, budget: Budget, jobs: int, seconds: float, ending: Ending
) -> dict[str, Any]:
    """The transcript as JSON. ``jobs`` are planned; ``seconds`` is how long anything has stood."""
    passed = record.passed
    shown = {} if site.is_dry else shown_by(passed)
    return {
        "where": "emulator" if site.is_dry else "aws",
        "environment": record.environment,
        "region": record.region,
        "account": MASK,
        "begun": f"{datetime.fromtimestamp(record.begun, UTC):%Y-%m-%d %H:%M:%S} UTC",
        "versions": versions(),
        "engine": site.settings.domain.engine_version,
        "models": list(site.settings.models),
        "limit_usd": budget.limit,
        "estimate_usd": round(budget.planned(jobs), 2),
        "reckoned_usd": 0.0 if site.is_dry else _reckoned(record, budget, seconds),
        "prices": f"{prices.AS_OF}, {prices.REGION}",
        "hourly_usd": {
            part.name: round(part.idle / prices.HOURS_PER_MONTH, 4)
            for part in without_use(site.settings).parts
        },
        "standing_seconds": round(seconds),
        "trouble": ending.trouble and masked(ending.trouble, site),
        "left": ending.left and masked(ending.left, site),
        "steps": [{**asdict(step), "seconds": round(step.seconds, 1)} for step in record.taken],
        "shown": {line: asdict(each) for line, each in shown.items()},
    }


def write(folder: Path, written: dict[str, Any]) -> Path:
    """Write both forms into ``folder``, and return the one for people."""
    write_atomically(folder / f"{NAME}.json", json.dumps(written, indent=2) + "\n")
    path = folder / f"{NAME}.md"
    write_atomically(path, rendered(written))
    return path


def rendered(written: dict[str, Any]) -> str:
    """The transcript as Markdown."""
    dry = written["where"] == "emulator"
    lines = [
        f"# A trial on {'the emulator of one machine' if dry else 'AWS'}",
        "",
        f"Begun {written['begun']}, environment `{written['environment']}`, region {written['region']}, "
        f"account {written['account']}. "
        f"{', '.join(f'{name} {number}' for name, number in written['versions'].items())}; "
        f"the models {' and '.join(written['models'])}.",
        "",
        f"**{_verdict(written)}**",
        "",
        *_table(written["steps"]),
        "",
        "## What it cost",
        "",
        f"Estimated before: {written['estimate_usd']:.2f} USD, the limit was {written['limit_usd']:.2f} USD. "
        + (
            "Nothing of it was spent: no account was asked."
            if dry
            else f"Reckoned after {written['standing_seconds'] / 3600:.1f} hours: "
            f"{written['reckoned_usd']:.2f} USD."
        ),
        f"Both are reckoned from list prices ({written['prices']}); requests and transfer are left out. What "
        "AWS asks is in Cost Explorer a day later, by the tag `environment`.",
        "",
        "## What it shows of what only AWS can show",
        "",
        *_shown(written),
    ]
    return "\n".join(lines) + "\n"


def masked(text: str, site: Site) -> str:
    """A text without the account's number."""
    return text if site.is_dry else text.replace(site.account, MASK)


def versions() -> dict[str, str]:
    """What was used, by name."""
    cdk = json.loads((ROOT / "node_modules" / "aws-cdk" / "package.json").read_text("utf-8"))
    return {
        "semantic-image-search": version("semantic-image-search"),
        "aws-cdk": str(cdk["version"]),
        "aws-cdk-lib": version("aws-cdk-lib"),
        "Python": platform.python_version(),
    }


def _reckoned(record: Record, budget: Budget, seconds: float) -> float:
    return round(budget.prices.cost(hours=seconds / 3600, jobs=record.jobs), 2)


def _verdict(written: dict[str, Any]) -> str:
    said = (
        "Not everything was as it must be: " + written["trouble"]
        if written["trouble"]
        else "Every step passed."
    )
    return said if written["left"] is None else f"{said} {written['left']}"


def _table(steps: list[dict[str, Any]]) -> list[str]:
    rows = [
        f"| {step['name']} | `{step['command']}` | {step['seconds']:.0f} | {'✓' if step['passed'] else '✗'} "
        f"| {' '.join(step['said'].replace('|', '/').split())} |"
        for step in steps
    ]
    return ["| Step | Command | Seconds | | What it answered |", "| --- | --- | ---: | --- | --- |", *rows]


def _shown(written: dict[str, Any]) -> list[str]:
    if written["where"] == "emulator":
        return ["Nothing: it was a dry run."]
    if not written["shown"]:
        return ["Nothing: the steps that would show it have not all passed."]
    found = {line: Shown(**each) for line, each in written["shown"].items()}
    return [
        f"- {line}: {each.what} (steps {', '.join(each.steps)})"
        + (f". Open: {each.rest}" if each.rest else "")
        for line, each in found.items()
    ]
