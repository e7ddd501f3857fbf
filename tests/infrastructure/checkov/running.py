"""Running checkov, which has an environment of its own, over synthesized templates."""

import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.infrastructure.assembly import ROOT

PROGRAM = ROOT / ".tools" / "checkov" / "bin" / "checkov"
_HASH_AND_ENDING = len("12345678.template.json")


@dataclass(frozen=True, order=True, kw_only=True)
class Finding:
    """One `check` that failed for one `resource`, such as `dev/Api/AWS::Lambda::Function/Query22F86FFC`."""

    check: str
    resource: str


def findings(files: Iterable[Path], *, home: Path) -> set[Finding]:
    """Return what checkov finds in templates, asking no network; `home` is where it may write.

    A template that it cannot read fails the run, and so does a run that has read none.
    """
    paths = [str(file) for file in files]
    options = ("--framework", "cloudformation", "--skip-download", "--quiet", "--compact", "-o", "json")
    run = subprocess.run(
        [str(PROGRAM), *options, "--file", *paths],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LOG_LEVEL": "ERROR"},
    )
    assert run.returncode in (0, 1), run.stderr
    report = json.loads(run.stdout)
    summary, results = report["summary"], report["results"]
    assert summary["parsing_errors"] == 0, results
    assert summary["resource_count"] >= len(paths), summary
    return {
        Finding(check=each["check_id"], resource=_name(Path(each["file_path"]), each["resource"]))
        for each in results["failed_checks"]
    }


def _name(file: Path, resource: str) -> str:
    """Return environment, stack, type and logical id; the pipeline's stacks have no environment."""
    kind, _, logical_id = resource.partition(".")
    environment = file.parent.name.removeprefix("assembly-")
    if environment == file.parent.name:
        return f"{file.name.split('.')[0]}/{kind}/{logical_id}"
    stack = file.name.removeprefix(environment)[:-_HASH_AND_ENDING]
    return f"{environment}/{stack}/{kind}/{logical_id}"
