"""The doctor: what each check says of an account, against moto, and answers of services that moto lacks."""

import json
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from botocore.stub import Stubber
from huggingface_hub import constants
from moto import mock_aws

from scripts.doctor import account, models, quotas
from scripts.doctor.cli import checks_of, status_of
from scripts.doctor.context import Context
from scripts.doctor.findings import Check, Finding, examine, passed
from stacks.model_lock import LockedModel, ModelLock
from stacks.settings import DEV, PROD, Settings
from stacks.settings.model import ContainerSettings, ServerlessEndpoint
from tests.accounts import REGION, an_account, answering

SERVERLESS_CODE, TRANSFORM_CODE, ENDPOINT_CODE = "L-96300102", "L-008FE00D", "L-11111111"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield


def context(
    settings: Settings = PROD, *, lock: Path = Path("nowhere.lock"), region: str = REGION, **stubbed: Any
) -> Context:
    return Context(
        settings=replace(settings, region=region),
        account=an_account(region=region, **stubbed),
        lock=lock,
    )


def found(checks: Iterable[Check], name: str) -> list[Finding]:
    (check,) = [each for each in checks if each.name == name]
    return list(examine([check]))


def the(checks: Iterable[Check], name: str) -> Finding:
    (finding,) = found(checks, name)
    return finding


def quota(name: str, value: float, code: str = "L-00000000") -> dict[str, Any]:
    return {"QuotaName": name, "QuotaCode": code, "Value": value}


# What becomes of checks that go wrong.


def test_a_check_that_breaks_hides_no_other() -> None:
    def breaks() -> Iterator[Finding]:
        raise RuntimeError("no idea")
        yield

    first, second = examine(
        [Check(name="one", look=breaks), Check(name="two", look=lambda: [passed("two", "well")])]
    )
    assert (first.state, first.message) == ("unknown", "could not look: RuntimeError: no idea")
    assert second == passed("two", "well")


def test_a_check_that_hangs_is_given_up_in_time() -> None:
    released = threading.Event()

    def hangs() -> list[Finding]:
        released.wait()
        return []

    try:
        first, second = examine(
            [
                Check(name="one", look=hangs, seconds=0.1),
                Check(name="two", look=lambda: [passed("two", "well")]),
            ]
        )
    finally:
        released.set()
    assert (first.state, first.check) == ("unknown", "one")
    assert second.state == "passed"


@pytest.mark.parametrize(
    "message",
    ["User: arn:aws:iam::1:user/ada is not authorized to perform: es:ListDomainNames on resource: *", "No."],
)
def test_a_right_that_is_missing_is_named(message: str) -> None:
    def denied() -> list[Finding]:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": message}}, "ListDomainNames")

    (finding,) = examine([Check(name="domain", look=denied, prefix="es")])
    assert finding.state == "unknown"
    assert finding.message == "could not look: it needs es:ListDomainNames"
    assert finding.mend is not None
    assert "es:ListDomainNames" in finding.mend


@pytest.mark.parametrize(
    ("code", "mend"),
    [
        ("ExpiredToken", "aws configure sso"),
        ("ThrottlingException", "AWS is asked too often: run the same command again in a minute"),
        ("InvalidRequestException", "name another one with --region"),
    ],
)
def test_what_aws_does_not_answer_is_mended_by_its_cause(code: str, mend: str) -> None:
    def troubled() -> list[Finding]:
        raise ClientError({"Error": {"Code": code, "Message": "No."}}, "ListDomainNames")

    (finding,) = examine([Check(name="domain", look=troubled, prefix="es")])
    assert (finding.state, finding.message) == ("unknown", f"could not look: {code}: No.")
    assert finding.mend is not None
    assert finding.mend.endswith(mend)


def test_without_credentials_the_way_to_some_is_told() -> None:
    def nobody() -> list[Finding]:
        raise NoCredentialsError()

    (finding,) = examine([Check(name="credentials", look=nobody)])
    assert (finding.state, finding.mend) == ("unknown", "aws configure sso")


def test_the_exit_status_says_the_worst() -> None:
    states = {"passed": 0, "warned": 0, "unknown": 2, "failed": 1}
    for state, status in states.items():
        finding: Any = Finding(check="one", state=state, message="")  # type: ignore[arg-type]
        assert status_of([passed("two", "well"), finding]) == status


# Account and region.


def test_credentials_of_another_account_fail() -> None:
    settings = replace(DEV, account="999999999999")
    finding = the(account.account_checks(context(settings)), "credentials")
    assert (finding.state, "123456789012" in finding.message) == ("failed", True)
    assert the(account.account_checks(context(DEV)), "credentials").state == "passed"


def test_what_a_region_lacks_is_told_with_the_setting_that_does_without_it() -> None:
    findings = found(account.account_checks(context(PROD, region="cn-north-1")), "region")
    mends = {finding.message: finding.mend for finding in findings}
    (cognito,) = [mend for message, mend in mends.items() if "cognito-idp" in message]
    assert cognito is not None
    assert 'api.authorisation="iam"' in cognito
    assert "PROD" in cognito
    assert {finding.state for finding in findings} == {"failed"}


def test_settings_that_do_without_what_china_lacks_pass_there() -> None:
    settings = replace(PROD, web=None, api=replace(PROD.api, authorisation="iam"))
    assert the(account.account_checks(context(settings, region="cn-north-1")), "region").state == "passed"


SLIM = replace(DEV, container=ContainerSettings(image="slim"))


def test_a_region_without_codebuild_is_told_from_which_image_the_models_run_there() -> None:
    finding = the(account.account_checks(context(SLIM, region="ca-west-1")), "region")
    assert (finding.state, "codebuild" in finding.message) == ("failed", True)
    assert 'container.image="huggingface"' in str(finding.mend)


@pytest.mark.parametrize(
    ("service", "settings", "setting", "without"),
    [
        (
            "cognito-idp",
            PROD,
            'api.authorisation="iam"',
            replace(PROD, web=None, api=replace(PROD.api, authorisation="iam")),
        ),
        ("wafv2", PROD, "api.firewall=False", replace(PROD, api=replace(PROD.api, firewall=False))),
        ("kms", PROD, 'encryption="aws"', replace(PROD, encryption="aws")),
        ("codebuild", SLIM, 'container.image="huggingface"', DEV),
    ],
)
def test_the_setting_that_is_named_does_without_the_service(
    service: str, settings: Settings, setting: str, without: Settings
) -> None:
    assert account.services(context(settings))[service] == setting
    assert service not in account.services(context(without))


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_a_region_that_has_everything_passes(region: str) -> None:
    assert the(account.account_checks(context(PROD, region=region)), "region").state == "passed"


def test_a_region_that_there_is_not_fails() -> None:
    assert the(account.account_checks(context(DEV, region="mars-north-1")), "region").state == "failed"


@pytest.mark.parametrize(("version", "state"), [("30", "passed"), ("5", "failed"), (None, "failed")])
def test_the_bootstrap_of_the_cdk_is_looked_for(version: str | None, state: str) -> None:
    if version is not None:
        ssm = boto3.client("ssm", region_name=REGION)
        ssm.put_parameter(Name=account.BOOTSTRAP, Value=version, Type="String")
    finding = the(account.account_checks(context(DEV)), "bootstrap")
    assert finding.state == state
    assert state == "passed" or finding.mend == f"npx cdk bootstrap aws://ACCOUNT/{REGION}"


def test_a_bucket_that_an_earlier_environment_kept_stands_in_the_way() -> None:
    kept = f"imagesearch-prod-images-123456789012-{REGION}"
    s3 = boto3.client("s3", region_name=REGION)
    assert the(account.account_checks(context()), "names").state == "passed"
    s3.create_bucket(Bucket=kept, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    finding = the(account.account_checks(context()), "names")
    assert (finding.state, f"the bucket {kept} is there" in finding.message) == ("failed", True)
    # Buckets keep every version, which nothing simpler deletes; and nobody should by mistake.
    assert finding.mend == "take a copy of what you need, then: imagesearch destroy prod --data"


def test_a_domain_that_an_earlier_environment_kept_stands_in_the_way() -> None:
    boto3.client("opensearch", region_name=REGION).create_domain(DomainName="imagesearch-prod")
    finding = the(account.account_checks(context()), "names")
    assert (finding.state, "the domain imagesearch-prod is there" in finding.message) == ("failed", True)


def test_the_tenth_log_policy_of_somebody_else_fails() -> None:
    logs = boto3.client("logs", region_name=REGION)
    for number in range(10):
        assert the(account.account_checks(context()), "log policies").state == "passed"
        logs.put_resource_policy(policyName=f"other-{number}", policyDocument="{}")
    finding = the(account.account_checks(context()), "log policies")
    assert finding.state == "failed"
    assert finding.mend is not None
    assert "aws logs delete-resource-policy" in finding.mend


def test_an_own_log_policy_is_enough() -> None:
    logs = boto3.client("logs", region_name=REGION)
    for name in [*(f"other-{number}" for number in range(9)), "imagesearch-prod-domain"]:
        logs.put_resource_policy(policyName=name, policyDocument="{}")
    assert the(account.account_checks(context()), "log policies").state == "passed"


def test_a_domain_in_a_vpc_needs_its_service_linked_role() -> None:
    finding = the(account.account_checks(context(PROD)), "service-linked role")
    assert finding.mend is not None
    assert (finding.state, finding.mend.split()[2]) == ("failed", "create-service-linked-role")
    boto3.client("iam").create_role(RoleName=account.SEARCH_ROLE, AssumeRolePolicyDocument="{}")
    assert the(account.account_checks(context(PROD)), "service-linked role").state == "passed"
    assert "service-linked role" not in {each.name for each in account.account_checks(context(DEV))}


def test_zones_that_there_are_not_fail() -> None:
    assert the(account.account_checks(context(PROD)), "zones").state == "passed"
    network = replace(PROD.network, zones=2, zone_names=(f"{REGION}x", f"{REGION}y"))
    settings = replace(PROD, network=network, domain=replace(PROD.domain, data_nodes=4, availability_zones=2))
    finding = the(account.account_checks(context(settings)), "zones")
    assert (finding.state, f"{REGION}x" in finding.message) == ("failed", True)


# Instance types and quotas.


def types(*names: str) -> dict[str, Any]:
    details = [{"InstanceType": name, "InstanceRole": ["Data", "Master"]} for name in names]
    return {"InstanceTypeDetails": details}


def test_an_instance_type_that_the_region_lacks_fails() -> None:
    there = answering("opensearch", list_instance_type_details=types(PROD.domain.instance_type))
    data, manager = found(quotas.quota_checks(context(opensearch=there)), "domain")
    assert data.state == "passed"
    assert manager.state == "failed"
    assert manager.mend is not None
    assert "aws opensearch list-instance-type-details" in manager.mend
    assert "domain.manager_instance_type" in manager.mend


def test_an_edition_of_opensearch_that_the_region_lacks_fails() -> None:
    client = boto3.client("opensearch", region_name=REGION)
    with Stubber(client) as stubber:
        stubber.add_client_error("list_instance_type_details", "ValidationException", "Invalid version")
        (finding,) = found(quotas.quota_checks(context(opensearch=client)), "domain")
    assert (finding.state, finding.message) == ("failed", f"{REGION} has no {PROD.domain.engine_version}")
    assert finding.mend is not None
    assert finding.mend.startswith(f"aws opensearch list-versions --region {REGION}; then ")


def served(*listed: dict[str, Any]) -> list[Finding]:
    client = answering("service-quotas", list_service_quotas={"Quotas": list(listed)})
    settings = replace(DEV, endpoint=ServerlessEndpoint(memory_mb=4096, max_concurrency=20))
    return found(quotas.quota_checks(context(settings, **{"service-quotas": client})), "endpoint")


def test_quotas_that_suffice_pass() -> None:
    transform = quota(f"{DEV.bulk.instance_type} for transform job usage", 1, TRANSFORM_CODE)
    findings = served(quota(quotas.SERVERLESS, 20, SERVERLESS_CODE), transform)
    assert [finding.state for finding in findings] == ["passed", "passed"]


def test_a_quota_that_is_too_low_is_raised_by_the_command_that_is_told() -> None:
    transform = quota(f"{DEV.bulk.instance_type} for transform job usage", 0, TRANSFORM_CODE)
    endpoint, batch = served(quota(quotas.SERVERLESS, 5, SERVERLESS_CODE), transform)
    raise_it = f"aws service-quotas request-service-quota-increase --region {REGION} --service-code sagemaker"
    assert endpoint.mend == f"{raise_it} --quota-code {SERVERLESS_CODE} --desired-value 20"
    assert batch.mend == f"{raise_it} --quota-code {TRANSFORM_CODE} --desired-value 1"


def test_a_region_without_serverless_inference_knows_no_quota_of_it() -> None:
    endpoint, _ = served()
    assert endpoint.state == "failed"
    assert endpoint.mend is not None
    assert "RealTimeEndpoint" in endpoint.mend


def test_instances_count_up_to_where_they_scale_to() -> None:
    assert not isinstance(PROD.endpoint, ServerlessEndpoint)
    most = PROD.endpoint.scaling.maximum if PROD.endpoint.scaling else PROD.endpoint.instance_count
    name = f"{PROD.endpoint.instance_type} for endpoint usage"
    listed = [quota(name, most - 1, ENDPOINT_CODE)]
    client = answering("service-quotas", list_service_quotas={"Quotas": listed})
    endpoint, _ = found(quotas.quota_checks(context(**{"service-quotas": client})), "endpoint")
    assert endpoint.mend is not None
    assert endpoint.mend.endswith(f"--quota-code {ENDPOINT_CODE} --desired-value {most}")


@pytest.mark.parametrize(("free", "state"), [(10, "warned"), (1000, "passed")])
def test_a_new_accounts_ten_functions_at_once_are_too_few(free: int, state: str) -> None:
    limit = {"AccountLimit": {"UnreservedConcurrentExecutions": free}}
    client = answering("lambda", get_account_settings=limit)
    finding = the(quotas.quota_checks(context(**{"lambda": client})), "functions")
    assert finding.state == state
    assert state == "passed" or "L-B99A9384" in str(finding.mend)


# Models.


def test_a_model_that_is_published_passes(tmp_path: Path) -> None:
    model = LockedModel(digest="a" * 64, fingerprint="f" * 64, dimension=512, python="3.12")
    lock = tmp_path / "model.lock"
    ModelLock().with_model(PROD.models[0], model).save(lock)
    finding = the(models.model_checks(context(lock=lock)), "models")
    assert (finding.state, "no bucket yet" in finding.message) == ("passed", True)


def test_a_model_of_another_python_fails(tmp_path: Path) -> None:
    model = LockedModel(digest="a" * 64, fingerprint="f" * 64, dimension=512, python="3.9")
    lock = tmp_path / "model.lock"
    ModelLock().with_model(PROD.models[0], model).save(lock)
    finding = the(models.model_checks(context(lock=lock)), "models")
    assert finding.state == "failed"
    assert finding.mend == f"imagesearch publish-model --model {PROD.models[0]} --env prod"


@pytest.mark.parametrize(
    ("settings", "state", "words"),
    [(DEV, "failed", "is not made while"), (PROD, "warned", "takes it from staging")],
    ids=["the first environment", "one that follows another"],
)
def test_a_form_that_pictures_must_judge_is_published_before_the_deployment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Settings, state: str, words: str
) -> None:
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="artifacts")
    monkeypatch.setattr(models, "stack_outputs", lambda *_, **__: {"ArtifactBucketName": "artifacts"})
    fast = LockedModel("a" * 64, "f" * 64, 512, "3.12", precision="int8")
    ModelLock().with_model(settings.models[0], fast).save(tmp_path / "model.lock")
    finding = the(models.model_checks(context(settings, lock=tmp_path / "model.lock")), "models")
    assert (finding.state, words in finding.message) == (state, True)
    assert finding.mend is not None
    assert finding.mend.endswith("--runtime onnxruntime --precision int8 --pictures FOLDER")


def test_without_the_hub_the_files_can_come_from_a_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    finding = the(models.model_checks(context(lock=tmp_path / "model.lock")), "models")
    assert finding.state == "failed"
    assert finding.mend is not None
    assert "package-model --model clip-vit-b-32 --from FOLDER" in finding.mend


# The whole.


def test_every_check_of_an_environment_in_aws_answers_something(capsys: pytest.CaptureFixture[str]) -> None:
    checks = checks_of("prod", REGION)
    names = [check.name for check in checks]
    assert {"python", "cdk", "credentials", "region", "bootstrap", "domain", "endpoint", "models"} <= set(
        names
    )
    quick = [replace(check, seconds=20) for check in checks if check.name not in ("cdk", "models")]
    findings = list(examine(quick))
    assert {check.name for check in quick} <= {
        "endpoint" if finding.check == "batch transform" else finding.check for finding in findings
    }
    assert json.dumps([finding.mend for finding in findings])
