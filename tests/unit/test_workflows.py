"""The workflows at GitHub: our commands, on pinned actions, without keys, with the rights that they need."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from typer.testing import CliRunner

from scripts import cli
from stacks.settings import ENVIRONMENTS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github"
FILES = sorted(FOLDER.rglob("*.yml"))
WORKFLOWS = sorted((FOLDER / "workflows").glob("*.yml"))
PINNED = re.compile(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def _read(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return document


def _steps() -> Iterator[dict[str, Any]]:
    for file in WORKFLOWS:
        for job in _read(file)["jobs"].values():
            yield from job.get("steps", [])
    yield from _read(FOLDER / "actions" / "setup" / "action.yml")["runs"]["steps"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_actions_of_others_are_pinned_by_their_commit(file: Path) -> None:
    used = [line.strip().removeprefix("- ") for line in file.read_text().splitlines() if "uses:" in line]
    foreign = [line for line in used if "uses: ./" not in line]
    assert [line for line in foreign if not PINNED.fullmatch(line)] == []


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_only_jobs_that_take_a_role_can_prove_who_they_are(file: Path) -> None:
    document = _read(file)
    assert document["permissions"] == {"contents": "read"}
    for job in document["jobs"].values():
        takes_role = "role-to-assume" in str(job) or "deploy-environment" in str(job.get("uses"))
        expected = {"contents": "read", "id-token": "write"} if takes_role else None
        assert job.get("permissions") == expected


def test_tokens_are_asked_for_by_the_name_of_sts_in_the_partition() -> None:
    taking = [step["with"] for step in _steps() if "role-to-assume" in step.get("with", {})]
    wanted = "${{ startsWith(vars.AWS_REGION, 'cn-') && 'sts.amazonaws.com.cn' || 'sts.amazonaws.com' }}"
    assert [each["audience"] for each in taking] == [wanted] * 2


def test_models_are_packaged_once_for_all_deployments() -> None:
    document = _read(FOLDER / "workflows" / "deploy-environment.yml")
    uses = [step.get("uses", "").partition("@")[0] for step in document["jobs"]["deploy"]["steps"]]
    (cached,) = [
        step["with"]
        for step in document["jobs"]["deploy"]["steps"]
        if step.get("with", {}).get("path") == "build/models"
    ]
    assert cached["key"] == "models-${{ hashFiles('model.lock', 'model_code/**') }}"
    assert uses.index("actions/cache") < uses.index("aws-actions/configure-aws-credentials")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_there_are_no_stored_keys(file: Path) -> None:
    text = file.read_text()
    assert "secrets." not in text
    assert "access-key" not in text


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_every_job_ends_by_itself(file: Path) -> None:
    for job in _read(file)["jobs"].values():
        assert "uses" in job or 0 < job["timeout-minutes"] <= 180


def test_they_run_the_commands_that_people_run() -> None:
    commands = "\n".join(step["run"] for step in _steps() if "run" in step)
    targets = set(re.findall(r"^make (\w+)|\bmake (\w+) ", commands, flags=re.MULTILINE))
    named = {target for pair in targets for target in pair if target}
    assert named == {"setup", "check", "test", "synth", "diff"}
    makefile = (ROOT / "Makefile").read_text()
    assert all(f"\n{target}:" in makefile for target in named)
    for command in re.findall(r"imagesearch (\w+)", commands):
        assert CliRunner().invoke(cli.app, [command, "--help"]).exit_code == 0


def test_a_deployment_takes_only_what_the_lock_names_and_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = _read(FOLDER / "workflows" / "deploy-environment.yml")["jobs"]["deploy"]["steps"]
    runs = [step["run"] for step in steps if "run" in step]
    assert runs == [
        '.venv/bin/imagesearch deploy "$ENVIRONMENT" --locked --require-approval never',
        '.venv/bin/imagesearch smoke "$ENVIRONMENT"',
    ]
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(cli, "deploy", lambda name, **options: calls.append({"name": name, **options}))
    arguments = runs[0].replace('"$ENVIRONMENT"', "dev").split()[1:]
    assert CliRunner().invoke(cli.app, arguments).exit_code == 0
    assert (calls[0]["name"], calls[0]["locked"]) == ("dev", True)
    assert calls[0]["options"] == ["--require-approval", "never"]


def test_a_deployment_is_approved_and_bound_by_the_environment_of_its_name() -> None:
    job = _read(FOLDER / "workflows" / "deploy-environment.yml")["jobs"]["deploy"]
    assert job["environment"] == "${{ inputs.environment }}"
    deployments = _read(FOLDER / "workflows" / "deploy.yml")["jobs"]
    assert {name: job["with"]["environment"] for name, job in deployments.items()} == {
        name: name for name, settings in ENVIRONMENTS.items() if not settings.domain.emulated
    }
    assert deployments["prod"]["needs"] == "staging"


def test_pull_requests_are_compared_with_every_environment() -> None:
    compared = _read(FOLDER / "workflows" / "ci.yml")["jobs"]["diff"]["strategy"]["matrix"]["environment"]
    assert compared == [name for name, settings in ENVIRONMENTS.items() if not settings.domain.emulated]
