"""Destroying an environment: against moto, with a `cdk destroy` that a test stands for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws
from typer.testing import CliRunner

from scripts.cli import app
from scripts.destroy.aws import Place
from scripts.destroy.buckets import buckets, empty
from scripts.destroy.command import Destruction, Result
from scripts.destroy.leftovers import find_leftovers, remove_all
from scripts.destroy.work import stop_work
from scripts.errors import CommandError
from stacks.settings import DEV, PROD, Settings
from tests.accounts import ACCOUNT, REGION, an_account, answering

TAGS = [{"Key": "application", "Value": "semantic-image-search"}, {"Key": "environment", "Value": "dev"}]


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        yield


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]


def a_place(settings: Settings = DEV, *, stacks: tuple[str, ...] = (), **stubbed: Any) -> Place:
    """An environment of whose stacks these are there, however often they are looked for."""
    described = {
        "Stacks": [
            {"StackName": name, "StackStatus": "CREATE_COMPLETE", "CreationTime": "2026-01-01T00:00:00Z"}
            for name in stacks
        ]
    }
    cloudformation = answering("cloudformation", times=12, describe_stacks=described)
    cognito = answering("cognito-idp", list_user_pools={"UserPools": []})
    stubbed = {"cloudformation": cloudformation, "cognito-idp": cognito, **stubbed}
    return Place(settings=replace(settings, region=REGION), account=an_account(**stubbed))


def a_bucket(purpose: str = "images", *, environment: str = "dev", keys: int = 3) -> str:
    """A versioned bucket, each of whose objects was put twice and deleted once."""
    name = f"imagesearch-{environment}-{purpose}-{ACCOUNT}-{REGION}"
    s3 = client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for number in range(keys):
        for content in (b"first", b"second"):
            s3.put_object(Bucket=name, Key=f"{number}.jpg", Body=content)
        s3.delete_object(Bucket=name, Key=f"{number}.jpg")
    return name


@dataclass(kw_only=True)
class Desk:
    """Someone who destroys an environment; `take_down` is what `cdk destroy` does."""

    place: Place
    take_down: Callable[[], None] = lambda: None
    data: bool = False
    said: list[str] = field(default_factory=list)

    def destroy(self) -> Result:
        return Destruction(
            place=self.place, say=self.said.append, cdk_destroy=self.take_down, data=self.data
        ).run()


def kinds(result: Result) -> set[str]:
    return {leftover.kind for leftover in result.leftovers}


# Buckets.


def test_a_bucket_is_emptied_with_every_version(aws: None) -> None:
    name = a_bucket()
    assert empty(a_place(), name) == 9
    assert client("s3").list_object_versions(Bucket=name).get("Versions") is None
    client("s3").delete_bucket(Bucket=name)


def test_more_versions_than_one_request_takes_are_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.destroy.buckets.AT_ONCE", 4)
    name = a_bucket()
    assert empty(a_place(), name) == 9
    client("s3").delete_bucket(Bucket=name)


def test_only_the_environments_own_buckets_are_taken() -> None:
    own = {a_bucket("images"), a_bucket("artifacts")}
    others = [a_bucket(environment="prod"), a_bucket(environment="development")]
    foreign = "imagesearch-dev-images-of-somebody"
    client("s3").create_bucket(
        Bucket=foreign, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    assert set(buckets(a_place())) == own
    Desk(place=a_place()).destroy()
    left = {each["Name"] for each in client("s3").list_buckets()["Buckets"]}
    assert left == {*others, foreign}


def test_a_bucket_tells_nobody_while_it_is_emptied() -> None:
    name, s3 = a_bucket(), client("s3")
    s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    told: list[bool] = []

    def take_down() -> None:
        told.append("EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket=name))

    Desk(place=a_place(stacks=("dev-Data",)), take_down=take_down).destroy()
    assert told == [False]


# What runs.


def test_a_bulk_run_is_stopped_first() -> None:
    states = client("stepfunctions")
    role = f"arn:aws:iam::{ACCOUNT}:role/any"
    machine = states.create_state_machine(name="imagesearch-dev-bulk", definition="{}", roleArn=role)
    other = states.create_state_machine(name="somebody-elses", definition="{}", roleArn=role)
    run = states.start_execution(stateMachineArn=machine["stateMachineArn"], name="20260301-a")
    kept = states.start_execution(stateMachineArn=other["stateMachineArn"], name="theirs")
    said: list[str] = []
    stop_work(a_place(), said.append)
    assert states.describe_execution(executionArn=run["executionArn"])["status"] == "ABORTED"
    assert states.describe_execution(executionArn=kept["executionArn"])["status"] == "RUNNING"
    assert said == ["Stopped: bulk run 20260301-a"]


def test_a_transform_job_that_does_not_end_stops_the_destruction() -> None:
    going = {
        "TransformJobName": "imagesearch-dev-20260301",
        "TransformJobArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:transform-job/imagesearch-dev-20260301",
        "CreationTime": "2026-03-01T00:00:00Z",
        "TransformJobStatus": "InProgress",
    }
    sagemaker = answering("sagemaker", times=3, list_transform_jobs={"TransformJobSummaries": [going]})
    place = a_place(sagemaker=sagemaker)
    with pytest.raises(CommandError) as raised:
        stop_work(place, lambda _: None, seconds=-1)
    assert raised.value.code == "work_going_on"
    assert "imagesearch-dev-20260301" in raised.value.message


# Data that are retained.


def test_retained_data_are_not_touched_without_being_named() -> None:
    name = a_bucket(environment="prod")
    desk = Desk(place=a_place(PROD))
    with pytest.raises(CommandError) as raised:
        desk.destroy()
    assert raised.value.code == "data_retained"
    assert "--data" in raised.value.message
    assert client("s3").list_object_versions(Bucket=name)["Versions"]


def test_retained_data_go_where_they_are_named() -> None:
    name = a_bucket(environment="prod")
    result = Desk(place=a_place(PROD), data=True).destroy()
    assert result.is_clean, result
    assert name not in {each["Name"] for each in client("s3").list_buckets()["Buckets"]}


def test_the_protection_of_a_user_pool_is_lifted_before_it_goes() -> None:
    cognito = client("cognito-idp")
    stubber = Stubber(cognito)
    pool = {"Id": "eu-central-1_a", "Name": "imagesearch-prod-users"}
    described = {**pool, "DeletionProtection": "ACTIVE", "Domain": "imagesearch-prod-1"}
    stubber.add_response("list_user_pools", {"UserPools": [pool]})
    stubber.add_response("describe_user_pool", {"UserPool": described})
    lifted = {"UserPoolId": pool["Id"], "DeletionProtection": "INACTIVE"}
    stubber.add_response("update_user_pool", {}, lifted)
    stubber.add_response("delete_user_pool_domain", {})
    stubber.add_response("delete_user_pool", {}, {"UserPoolId": pool["Id"]})
    stubber.add_response("list_user_pools", {"UserPools": []})
    stubber.activate()
    assert Desk(place=a_place(PROD, **{"cognito-idp": cognito}), data=True).destroy().is_clean
    stubber.assert_no_pending_responses()


# What is left.


def test_nothing_is_left_of_an_environment_that_is_gone() -> None:
    assert Desk(place=a_place()).destroy().is_clean


def test_stacks_that_stay_are_told_with_the_command_that_removes_them() -> None:
    result = Desk(place=a_place(stacks=("dev-Data",))).destroy()
    (stack,) = result.leftovers
    assert stack.command == "aws cloudformation delete-stack --region eu-central-1 --stack-name dev-Data"


def test_what_no_stack_takes_along_is_found_and_removed() -> None:
    logs, sagemaker, kms = client("logs"), client("sagemaker"), client("kms")
    groups = ["/aws/lambda/dev-Data-CustomS3AutoDelete", "/aws/sagemaker/Endpoints/imagesearch-dev-5e5e"]
    for name in [*groups, "/aws/lambda/development-api", "/aws/lambda/prod-Data-x"]:
        logs.create_log_group(logGroupName=name)
    image = {"Image": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/a:b"}
    for name in ("imagesearch-dev-5e5e", "imagesearch-prod-5e5e"):
        sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/a", PrimaryContainer=image
        )
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/imagesearch-dev-data", TargetKeyId=key)
    a_bucket()

    found, unseen = find_leftovers(a_place())
    assert unseen == []
    assert {leftover.kind for leftover in found} == {"log group", "model", "key", "bucket"}
    assert all(leftover.command.startswith("aws ") for leftover in found)

    result = Desk(place=a_place()).destroy()
    assert result.is_clean, result
    left = {group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]}
    assert left == {"/aws/lambda/development-api", "/aws/lambda/prod-Data-x"}
    assert [model["ModelName"] for model in sagemaker.list_models()["Models"]] == ["imagesearch-prod-5e5e"]
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"


def test_what_only_carries_the_tags_is_told() -> None:
    sqs = client("sqs")
    sqs.create_queue(QueueName="dev-Ingest-Queue", tags={tag["Key"]: tag["Value"] for tag in TAGS})
    result = Desk(place=a_place()).destroy()
    (leftover,) = result.leftovers
    assert (leftover.kind, leftover.name.endswith("dev-Ingest-Queue")) == ("tagged resource", True)
    # The tagging API tells of what is gone for hours: that alone makes nothing unclean.
    assert result.is_clean


def test_what_refuses_to_be_removed_keeps_nothing_else() -> None:
    name = a_bucket()
    s3 = client("s3")
    s3.meta.events.register("before-call.s3.DeleteObjects", _refuse)
    logs = client("logs")
    logs.create_log_group(logGroupName="/aws/sagemaker/Endpoints/imagesearch-dev-0123456789ab")
    place = a_place(s3=s3)
    found, _ = find_leftovers(place)
    refused = remove_all(found)
    assert list(refused) == [name]
    assert logs.describe_log_groups()["logGroups"] == []


def _refuse(**_: Any) -> None:
    raise CommandError("bucket_not_emptied", "It keeps what it has.")


def test_a_domain_that_goes_while_it_is_looked_at_is_none() -> None:
    vanishing = client("opensearch")
    stubber = Stubber(vanishing)
    for _ in range(2):
        stubber.add_response("list_domain_names", {"DomainNames": [{"DomainName": "imagesearch-dev"}]})
    stubber.add_client_error("describe_domain", "ResourceNotFoundException", "It is gone.", 409)
    stubber.activate()
    assert find_leftovers(a_place(opensearch=vanishing)) == ([], [])


def test_a_domain_that_may_not_be_looked_at_hides_no_other() -> None:
    a_bucket()
    denied = client("opensearch")
    stubber = Stubber(denied)
    for _ in range(2):
        stubber.add_response("list_domain_names", {"DomainNames": [{"DomainName": "imagesearch-dev"}]})
    stubber.add_client_error("describe_domain", "AccessDeniedException", "No.")
    stubber.activate()
    found, unseen = find_leftovers(a_place(opensearch=denied))
    assert ([each.kind for each in found], [each.kind for each in unseen]) == (["bucket"], ["domains"])


def test_a_list_that_is_refused_hides_no_other() -> None:
    a_bucket()
    denied = client("sagemaker")
    stubber = Stubber(denied)
    for operation in ("list_endpoints", "list_endpoint_configs", "list_models"):
        stubber.add_client_error(operation, "AccessDeniedException", "No.")
    stubber.activate()
    found, unseen = find_leftovers(a_place(sagemaker=denied))
    assert [leftover.kind for leftover in found] == ["bucket"]
    assert [each.kind for each in unseen] == ["endpoints", "endpoint configurations", "models"]


def test_the_same_command_goes_on_after_a_failure() -> None:
    a_bucket()

    def fails() -> None:
        raise CommandError("cdk_failed", "It failed.")

    with pytest.raises(CommandError):
        Desk(place=a_place(stacks=("dev-Data",)), take_down=fails).destroy()
    assert Desk(place=a_place()).destroy().is_clean


def test_interfaces_that_nobody_uses_are_removed_from_a_network_that_does_not_go() -> None:
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/20", TagSpecifications=[{"ResourceType": "vpc", "Tags": TAGS}])[
        "Vpc"
    ]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    interface = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    tries: list[int] = []

    def take_down() -> None:
        tries.append(1)
        if ec2.describe_network_interfaces()["NetworkInterfaces"]:
            raise CommandError("cdk_failed", "The VPC is in use.")

    desk = Desk(place=a_place(stacks=("dev-Network",)), take_down=take_down)
    desk.destroy()
    assert len(tries) == 2
    assert any(interface in line for line in desk.said)


# The command.


def test_another_name_than_the_environments_stops_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    name = a_bucket()
    monkeypatch.setattr("scripts.destroy.cli.account_of", lambda *_: an_account())
    done = CliRunner().invoke(app, ["destroy", "dev", "--region", REGION], input="prod\n")
    assert isinstance(done.exception, CommandError)
    assert done.exception.code == "not_confirmed"
    assert client("s3").list_object_versions(Bucket=name)["Versions"]


def test_an_environment_that_there_is_not_is_refused() -> None:
    done = CliRunner().invoke(app, ["destroy", "nowhere", "--yes"])
    assert isinstance(done.exception, CommandError)
    assert done.exception.code == "environment_unknown"
