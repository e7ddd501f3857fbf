"""Asks for known vulnerabilities of every locked package: `make audit`, which needs a network.

Python's packages are looked up by pip-audit, which uv fetches for the purpose, in the advisories of the
package index and in OSV; Node's by npm. A database that cannot be reached is told, and is no finding.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scripts.dependencies.locked import EVERY_LOCK, Locked, read_lock
from scripts.repository import ROOT, search_path

PIP_AUDIT = "pip-audit==2.10.1"
ACCEPTED: Mapping[str, str] = {}
"""Findings that are known and stay, by their id, each with the reason."""

FOUND, UNREACHED = 1, 2
"""Exit statuses: something was found; of some package no database has told."""


@dataclass(frozen=True, order=True)
class Finding:
    """One vulnerability of one locked package."""

    package: str
    version: str
    identifier: str
    where: str


@dataclass(frozen=True)
class Asked:
    """What one database said of ``packages``; without ``findings`` it could not be asked, for a ``reason``.

    ``unknown`` are the packages that it does not know, or would not tell of.
    """

    database: str
    packages: int = 0
    findings: tuple[Finding, ...] | None = None
    unknown: frozenset[str] = frozenset()
    reason: str = ""


Run = Callable[[list[str]], subprocess.CompletedProcess[str]]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a program of the project in its folder."""
    environment = {**os.environ, "PATH": search_path()}
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)


def ask_python(service: str, lock: str, runner: Run = run) -> Asked:
    """What pip-audit finds of one requirements file in ``pypi`` or ``osv``."""
    database = f"{service} for {lock}"
    packages: list[dict[str, Any]] = []
    for one_of_each in rounds(read_lock(ROOT / lock)):
        done = _pip_audit(service, one_of_each, runner)
        try:
            packages += json.loads(done.stdout)["dependencies"]
        except (ValueError, KeyError):
            return Asked(database, reason=_last_line(done))
    # What pip-audit skips it does not count as a failure: a silent index would look like a clean one.
    skipped = {package["name"]: package["skip_reason"] for package in packages if "skip_reason" in package}
    if all("skip_reason" in package for package in packages):
        return Asked(database, reason=next(iter(skipped.values()), "no packages"))
    findings = tuple(_python_findings(packages, lock))
    told = sum("skip_reason" not in package for package in packages)
    return Asked(database, told, findings, frozenset(skipped))


def rounds(packages: Iterable[Locked]) -> list[list[Locked]]:
    """The packages in lists that name each but once; further versions are for other platforms."""
    lists: list[list[Locked]] = []
    for _, versions in groupby(sorted(packages), key=lambda package: package.name):
        for number, package in enumerate(versions):
            if number == len(lists):
                lists.append([])
            lists[number].append(package)
    return lists


def _pip_audit(service: str, packages: Iterable[Locked], runner: Run) -> subprocess.CompletedProcess[str]:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "requirements.txt"
        file.write_text("".join(f"{one.name}=={one.version}\n" for one in packages))
        return runner(
            [
                *("uv", "tool", "run", "--quiet", PIP_AUDIT),
                *("--requirement", str(file), "--no-deps", "--disable-pip"),
                *("--vulnerability-service", service, "--format", "json", "--progress-spinner", "off"),
            ]
        )


def ask_npm(runner: Run = run) -> Asked:
    """What npm finds of package-lock.json."""
    database = "npm for package-lock.json"
    done = runner(["npm", "audit", "--package-lock-only", "--json"])
    try:
        said = json.loads(done.stdout)
        if "message" in said:
            return Asked(database, reason=str(said["message"]).split(" - ", maxsplit=1)[0])
        total = int(said["metadata"]["dependencies"]["total"])
        return Asked(database, total, tuple(_npm_findings(said["vulnerabilities"])))
    except (ValueError, KeyError, TypeError):
        return Asked(database, reason=_last_line(done))


def verdict(python: Mapping[str, list[Asked]], node: Asked) -> int:
    """The exit status; ``python`` holds what each database said of each requirements file."""
    everything = [node, *(asked for answers in python.values() for asked in answers)]
    found = [finding for asked in everything for finding in asked.findings or ()]
    if any(finding.identifier not in ACCEPTED for finding in found):
        return FOUND
    return 0 if all(map(is_answered, python.values())) and is_answered([node]) else UNREACHED


def is_answered(answers: Sequence[Asked]) -> bool:
    """Whether the databases together have told of every package."""
    reached = [asked.unknown for asked in answers if asked.findings is not None]
    return bool(reached) and not frozenset.intersection(*reached)


def _python_findings(packages: list[dict[str, Any]], lock: str) -> Iterator[Finding]:
    for package in packages:
        for one in package.get("vulns", ()):
            yield Finding(package["name"], package["version"], one["id"], lock)


def _npm_findings(vulnerabilities: Mapping[str, Any]) -> Iterator[Finding]:
    for name, told in vulnerabilities.items():
        for via in told["via"]:
            if isinstance(via, dict):  # a text names the package that brings it, which has its own entry
                yield Finding(
                    name, str(told["range"]), str(via["url"]).rsplit("/", 1)[-1], "package-lock.json"
                )


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return lines[-1][:200] if lines else f"exit status {done.returncode}"


def _tell(asked: Asked) -> None:
    if asked.findings is None:
        sys.stdout.write(f"{asked.database}: could not be asked ({asked.reason})\n")
        return
    sys.stdout.write(f"{asked.database}: {asked.packages} packages, {len(asked.findings)} findings\n")
    if asked.unknown:
        sys.stdout.write(f"  not told of: {', '.join(sorted(asked.unknown))}\n")
    for finding in sorted(asked.findings):
        reason = ACCEPTED.get(finding.identifier)
        known = f" (accepted: {reason})" if reason else ""
        sys.stdout.write(f"  {finding.package} {finding.version}: {finding.identifier}{known}\n")


def main() -> int:
    """Ask every database about every lock and tell what each said; the exit status."""
    python: dict[str, list[Asked]] = {}
    for lock in EVERY_LOCK:
        python[lock] = [ask_python(service, lock) for service in ("pypi", "osv")]
        for asked in python[lock]:
            _tell(asked)
    node = ask_npm()
    _tell(node)
    return verdict(python, node)


if __name__ == "__main__":
    sys.exit(main())
