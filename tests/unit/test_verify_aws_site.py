"""Where a trial takes place: whose account, which variables, and whether another trial stands there."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from scripts.cli import app
from scripts.errors import CommandError
from scripts.stack_outputs import Account
from scripts.verify_aws.pictures import unheard
from scripts.verify_aws.record import Taken, begin, find
from scripts.verify_aws.site import Site, in_aws, on_this_machine, require_nothing_stands
from scripts.verify_aws.steps import destruction_of, steps_of
from scripts.verify_aws.transcript import MASK, masked
from stacks.settings import VERIFY
from tests.accounts import REGION, an_account, answering
from tests.documented import is_known

BUCKET = "imagesearch-verify-images-123456789012-eu-central-1"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]


STACKS = {
    "Stacks": [
        {
            "StackName": "verify-Data",
            "StackStatus": "CREATE_COMPLETE",
            "CreationTime": "2026-01-01T00:00:00Z",
            "Outputs": [],
        }
    ]
}


@pytest.fixture
def standing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of another trial is there."""

    def account_of(*_: object) -> Account:
        return an_account(cloudformation=answering("cloudformation", describe_stacks=STACKS))

    monkeypatch.setattr("scripts.verify_aws.site.account_of", account_of)


@pytest.fixture
def empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is deployed."""
    monkeypatch.setattr("scripts.verify_aws.site.account_of", lambda *_: an_account())


def test_a_site_in_aws_is_that_of_the_credentials(tmp_path: Path) -> None:
    site = in_aws(REGION, folder=tmp_path)
    assert (site.account, site.region, site.is_dry) == ("123456789012", REGION, False)
    assert site.deploying[:5] == ("imagesearch", "deploy", "verify", "--region", REGION)
    assert masked(f"in {site.account}", site) == f"in {MASK}"


def test_the_command_line_knows_every_step_and_its_options(tmp_path: Path) -> None:
    for site in (in_aws(REGION, folder=tmp_path), on_this_machine(folder=tmp_path)):
        for step in (*steps_of(site, tmp_path), destruction_of(site)):
            assert step.command[0] == "python" or is_known(step.command), step.line


def test_commands_leave_the_repositorys_lock_alone_and_hear_of_no_other_deployment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGESEARCH_URL", "https://another.example.org")
    monkeypatch.setenv("IMAGESEARCH_EMULATOR_PORT", "4999")
    for site in (in_aws(REGION, folder=tmp_path), on_this_machine(folder=tmp_path)):
        assert "IMAGESEARCH_URL" not in site.variables
        assert site.variables["IMAGESEARCH_EMULATOR_PORT"] == "4999"
    assert in_aws(REGION, folder=tmp_path).variables["IMAGESEARCH_MODEL_LOCK"] == str(tmp_path / "model.lock")
    assert on_this_machine(folder=tmp_path).variables["IMAGESEARCH_LOCAL_DIR"] == str(tmp_path / "local")


@pytest.mark.usefixtures("empty")
def test_a_trial_begins_where_nothing_stands(tmp_path: Path) -> None:
    require_nothing_stands(in_aws(REGION, folder=tmp_path))


@pytest.mark.usefixtures("standing")
def test_an_environment_that_no_record_tells_of_is_not_touched(tmp_path: Path) -> None:
    site = in_aws(REGION, folder=tmp_path)
    with pytest.raises(CommandError) as refusal:
        require_nothing_stands(site)
    assert refusal.value.code == "trial_unknown"
    assert "imagesearch destroy verify --region eu-central-1 --yes" in refusal.value.message


def test_a_record_is_gone_on_with_only_where_it_was_begun(tmp_path: Path) -> None:
    site = in_aws(REGION, folder=tmp_path)
    assert find(tmp_path, site) is None
    record = begin(site)
    record.taken.append(Taken(name="deploy", command="x", seconds=1.5, passed=True, said="deployed"))
    record.save(tmp_path)
    assert find(tmp_path, site) == record
    assert site.account not in (tmp_path / "record.json").read_text("utf-8")
    for other in (in_aws("us-west-2", folder=tmp_path), on_this_machine(folder=tmp_path)):
        with pytest.raises(CommandError) as refusal:
            find(tmp_path, other)
        assert refusal.value.code == "record_of_another"


@pytest.mark.parametrize("written", ["", "[]", "{}", '{"taken": [{"name": "deploy"}]}'])
def test_a_record_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path, written: str) -> None:
    (tmp_path / "record.json").write_text(written, "utf-8")
    with pytest.raises(CommandError) as refusal:
        find(tmp_path, on_this_machine(folder=tmp_path))
    assert refusal.value.code == "record_unreadable"


def a_rule(name: str, bucket: str, *, kind: str = "Object Created") -> None:
    pattern = {"detail-type": [kind], "detail": {"bucket": {"name": [bucket]}}}
    client("events").put_rule(Name=name, EventPattern=json.dumps(pattern), State="ENABLED")


def states() -> dict[str, str]:
    return {rule["Name"]: rule["State"] for rule in client("events").list_rules()["Rules"]}


def test_nobody_hears_of_pictures_while_they_are_put_and_everybody_does_afterwards() -> None:
    a_rule("ours", BUCKET)
    a_rule("another's", "another-bucket")
    a_rule("of jobs", BUCKET, kind="SageMaker Transform Job State Change")
    with unheard(client("events"), BUCKET, settling=0):
        assert states() == {"ours": "DISABLED", "another's": "ENABLED", "of jobs": "ENABLED"}
    assert set(states().values()) == {"ENABLED"}


def test_rules_hear_again_also_where_putting_fails() -> None:
    a_rule("ours", BUCKET)
    with pytest.raises(OSError, match="cannot be put"), unheard(client("events"), BUCKET, settling=0):
        raise OSError("it cannot be put")
    assert states() == {"ours": "ENABLED"}


def test_pictures_are_not_put_where_no_rule_hears_of_them() -> None:
    with pytest.raises(CommandError) as refusal, unheard(client("events"), BUCKET, settling=0):
        raise AssertionError("pictures would be put")
    assert refusal.value.code == "rule_missing"


def verify_aws(folder: Path, *options: str, typed: str = "") -> Any:
    arguments = ["verify-aws", "--region", REGION, "--folder", str(folder), *options]
    return CliRunner().invoke(app, arguments, input=typed)


@pytest.fixture
def untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    def take(*_: object, **__: object) -> None:
        raise AssertionError("a command was run")

    monkeypatch.setattr("scripts.verify_aws.trial.run", take)


@pytest.mark.usefixtures("untouched", "empty")
def test_nothing_is_done_without_consent_or_above_the_limit(tmp_path: Path) -> None:
    answer = verify_aws(tmp_path, typed="no\n")
    assert isinstance(answer.exception, CommandError)
    assert answer.exception.code == "not_confirmed"
    assert "Estimated for 3 hours: 0.35 USD" in answer.output
    assert f"{VERIFY.name} in the account 123456789012, {REGION}" in answer.output

    answer = verify_aws(tmp_path, "--limit", "0.2", "--yes")
    assert isinstance(answer.exception, CommandError)
    assert answer.exception.code == "limit_too_low"


@pytest.mark.usefixtures("untouched", "standing")
def test_another_trial_that_stands_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    answer = verify_aws(tmp_path, "--yes")
    assert isinstance(answer.exception, CommandError)
    assert answer.exception.code == "trial_unknown"


def test_the_environment_is_one_of_its_own(tmp_path: Path) -> None:
    site: Site = in_aws(REGION, folder=tmp_path)
    assert site.environment == VERIFY.name
    assert not VERIFY.retain_data
    assert VERIFY.empty_buckets
