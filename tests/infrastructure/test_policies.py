"""Who may do what, in every template of every environment."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.infrastructure.assembly import Synthesized
from tests.infrastructure.policies import CHECKS, statements

ACCOUNT = "arn:aws:iam::111122223333:root"


def _allow(action: str, resource: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def _policy(*content: dict[str, Any]) -> dict[str, Any]:
    return {"Type": "AWS::IAM::Policy", "Properties": {"PolicyDocument": {"Statement": list(content)}}}


def _role(principal: Any, **more: Any) -> dict[str, Any]:
    trust = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}]}
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust, **more}}


def _managed(name: str) -> dict[str, Any]:
    arns = [{"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, f":iam::aws:policy/{name}"]]}]
    return _role({"Service": "lambda.amazonaws.com"}, ManagedPolicyArns=arns)


def _key(principal: Any, **more: Any) -> dict[str, Any]:
    document = {"Statement": [_allow("kms:*", "*", Principal=principal)]}
    return {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": document, **more}}


def _function(**variables: str) -> dict[str, Any]:
    return {"Type": "AWS::Lambda::Function", "Properties": {"Environment": {"Variables": variables}}}


WITHOUT_LOG_GROUPS = ("CustomS3AutoDeleteObjects", "CustomVpcRestrictDefaultSG")
"""Functions of the CDK's own, which offers no setting for their logs."""
BLOCKED = dict.fromkeys(
    ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
)
BAD = [
    ("wildcard_action", _policy(_allow("s3:Get*", "arn:aws:s3:::ours/*"))),
    ("wildcard_action", _policy(_allow("*", "*"))),
    ("wildcard_action", _policy({"Effect": "Allow", "NotAction": "iam:PassRole", "Resource": "*"})),
    ("wildcard_action", _key({"AWS": "arn:aws:iam::111122223333:role/other"})),
    ("resource_of_any_name", _policy(_allow("s3:GetObject", "arn:aws:s3:::*"))),
    ("resource_of_any_name", _policy(_allow("sagemaker:InvokeEndpoint", "arn:aws:sagemaker:r:a:endpoint/*"))),
    ("resource_of_any_name", _policy(_allow("lambda:InvokeFunction", "arn:aws:lambda:r:a:function:*"))),
    ("resource_of_any_name", _policy({"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "x"})),
    ("managed_policy", _managed("AmazonSageMakerFullAccess")),
    ("managed_policy", _managed("AdministratorAccess")),
    ("role_passed_to_anyone", _policy(_allow("iam:PassRole", "arn:aws:iam::a:role/ours"))),
    (
        "role_passed_to_anyone",
        _policy(_allow("iam:PassRole", "*", Condition={"StringEquals": {"iam:PassedToService": "x"}})),
    ),
    ("open_trust", _role({"AWS": "*"})),
    ("open_trust", _role({"AWS": ACCOUNT})),
    ("open_trust", _role({"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]})),
    ("open_trust", _role({"Service": "states.amazonaws.com"})),
    (
        "open_resource",
        {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {"PolicyDocument": {"Statement": [_allow("sqs:SendMessage", "q", Principal="*")]}},
        },
    ),
    ("open_resource", {"Type": "AWS::Lambda::Permission", "Properties": {"Principal": "s3.amazonaws.com"}}),
    (
        "open_bucket",
        {"Type": "AWS::S3::Bucket", "Properties": {"PublicAccessBlockConfiguration": {**BLOCKED}}},
    ),
    ("open_bucket", {"Type": "AWS::S3::Bucket", "Properties": {"BucketEncryption": {}}}),
    ("open_queue", {"Type": "AWS::SQS::Queue"}),
    ("open_queue", {"Type": "AWS::SNS::Topic"}),
    ("key_without_rotation", _key({"AWS": ACCOUNT}, EnableKeyRotation=False)),
    ("endless_logs", {"Type": "AWS::Logs::LogGroup", "Properties": {}}),
    ("secret_in_plain_text", _function(API_SECRET="hunter2")),
    ("secret_in_plain_text", _function(OTHER="x=aB3dE5fG7hI9jK1lM2nO4pQ6rS8tU0vW")),
    (
        "secret_in_plain_text",
        {"Type": "AWS::ApiGateway::ApiKey", "Properties": {"MasterPassword": "correct horse"}},
    ),
]
GOOD = {
    "Policy": _policy(_allow("s3:GetObject", "arn:aws:s3:::ours/*"), _allow("xray:PutTraceSegments", "*")),
    "Role": _managed("service-role/AWSLambdaBasicExecutionRole"),
    "Key": _key({"AWS": ACCOUNT}, EnableKeyRotation=True),
    "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7}},
    "Function": _function(IMAGE_BUCKET="imagesearch-dev-images", DIGEST="d1" * 32),
}


@pytest.mark.parametrize("name", CHECKS)
def test_no_template_of_any_environment_has_this_fault(synthesized: Synthesized, name: str) -> None:
    found = [
        f"{env}/{stack}: {fault}"
        for env, stack, template in synthesized.all()
        for fault in CHECKS[name](template)
    ]
    assert found == []


@pytest.mark.parametrize("name", CHECKS)
def test_no_template_of_what_is_built_on_request_has_this_fault(requested: Synthesized, name: str) -> None:
    assert [fault for _, _, template in requested.all() for fault in CHECKS[name](template)] == []


@pytest.mark.parametrize("name", CHECKS)
def test_no_template_of_the_models_own_image_has_this_fault(slim: Synthesized, name: str) -> None:
    assert [fault for _, _, template in slim.all() for fault in CHECKS[name](template)] == []


@pytest.mark.parametrize(("name", "resource"), BAD, ids=lambda value: value if isinstance(value, str) else "")
def test_the_fault_would_be_found(name: str, resource: dict[str, Any]) -> None:
    assert list(CHECKS[name]({"Resources": {"Bad": resource}}))


@pytest.mark.parametrize("name", CHECKS)
def test_what_is_right_is_not_taken_for_a_fault(name: str) -> None:
    assert list(CHECKS[name]({"Resources": GOOD})) == []


def test_every_check_has_a_template_in_which_it_finds_its_fault() -> None:
    assert {name for name, _ in BAD} == set(CHECKS)


def test_statements_are_found_wherever_a_resource_holds_them(synthesized: Synthesized) -> None:
    kinds = {(one.kind, one.type) for _, _, template in synthesized.all() for one in statements(template)}
    assert {
        ("identity", "AWS::IAM::Policy"),
        ("trust", "AWS::IAM::Role"),
        ("resource", "AWS::S3::BucketPolicy"),
        ("resource", "AWS::SQS::QueuePolicy"),
        ("resource", "AWS::OpenSearchService::Domain"),
    } <= kinds


def _functions(template: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Lambda::Function":
            yield name, resource["Properties"]


def test_every_function_writes_into_a_log_group_of_the_template(synthesized: Synthesized) -> None:
    without = {
        f"{env}/{stack}: {name}"
        for env, stack, template in synthesized.all()
        for name, properties in _functions(template)
        if "LogGroup" not in properties.get("LoggingConfig", {}) and not name.startswith(WITHOUT_LOG_GROUPS)
    }
    assert without == set()
