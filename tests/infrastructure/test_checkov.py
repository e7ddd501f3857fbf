"""checkov finds nothing in any template but what is excused, and no excuse is left without a finding."""

import json
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.infrastructure.assembly import Synthesized
from tests.infrastructure.checkov.excuses import EXCUSES, Excuse
from tests.infrastructure.checkov.running import Finding, findings
from tests.infrastructure.delivery import template_files


@pytest.fixture(scope="module")
def found(
    synthesized: Synthesized,
    requested: Synthesized,
    slim: Synthesized,
    delivery: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> set[Finding]:
    """What it finds in every environment, in the models' own image, in the pipeline and in the workflow."""
    files = [*synthesized.files(), *requested.files(), *slim.files(), *template_files(delivery)]
    return findings(files, home=tmp_path_factory.mktemp("checkov"))


def _covers(excuse: Excuse, pattern: str, finding: Finding) -> bool:
    return excuse.check == finding.check and fnmatchcase(finding.resource, pattern)


def test_checkov_finds_nothing_that_is_not_excused(found: set[Finding]) -> None:
    left = {
        finding
        for finding in found
        if not any(_covers(excuse, pattern, finding) for excuse in EXCUSES for pattern in excuse.resources)
    }
    assert sorted(left) == []


def test_every_excuse_excuses_something(found: set[Finding]) -> None:
    idle = [
        (excuse.check, pattern)
        for excuse in EXCUSES
        for pattern in excuse.resources
        if not any(_covers(excuse, pattern, finding) for finding in found)
    ]
    assert idle == []


def test_a_fault_in_a_template_would_be_found(tmp_path: Path) -> None:
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"AccessControl": "PublicRead"}}
    template = tmp_path / "assembly-dev" / "devData12345678.template.json"
    template.parent.mkdir()
    template.write_text(json.dumps({"Resources": {"Open": bucket}}), encoding="utf-8")
    assert Finding(check="CKV_AWS_20", resource="dev/Data/AWS::S3::Bucket/Open") in findings(
        [template], home=tmp_path
    )
