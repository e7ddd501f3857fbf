"""The emulated distribution before a private bucket, as browsers on this machine get it."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest

from scripts.local.settings import REGION, LocalSettings
from scripts.local.web_server import server
from scripts.target import LOCAL_CREDENTIALS
from tests.emulators import running_emulator
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.verified(
    "The page and its API under one domain, with security headers", on="emulator"
)

BUCKET, STACK, PAGE = "integration-page", "integration-web", b"<!doctype html>"
ARN = {"Fn::GetAtt": ["Bucket", "Arn"]}
OBJECTS = {"Fn::Join": ["", [ARN, "/*"]]}
PLAIN_HTTP = {
    "Effect": "Deny",
    "Principal": {"AWS": "*"},
    "Action": "s3:*",
    "Resource": [ARN, OBJECTS],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
DISTRIBUTION = {
    "Fn::Join": ["", ["arn:aws:cloudfront::", {"Ref": "AWS::AccountId"}, ":distribution/", {"Ref": "Page"}]]
}
CLOUDFRONT = {
    "Effect": "Allow",
    "Principal": {"Service": "cloudfront.amazonaws.com"},
    "Action": "s3:GetObject",
    "Resource": OBJECTS,
    "Condition": {"StringEquals": {"AWS:SourceArn": DISTRIBUTION}},
}


def template(*statements: dict[str, Any]) -> dict[str, Any]:
    origin = {
        "Id": "bucket",
        "DomainName": f"{BUCKET}.s3.{REGION}.amazonaws.com",
        "OriginAccessControlId": {"Fn::GetAtt": ["Access", "Id"]},
        "S3OriginConfig": {"OriginAccessIdentity": ""},
    }
    behavior = {
        "TargetOriginId": "bucket",
        "ViewerProtocolPolicy": "https-only",
        "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
    }
    distribution = {
        "Enabled": True,
        "DefaultRootObject": "index.html",
        "Origins": [origin],
        "DefaultCacheBehavior": behavior,
    }
    access = {
        "Name": STACK,
        "OriginAccessControlOriginType": "s3",
        "SigningBehavior": "always",
        "SigningProtocol": "sigv4",
    }
    resources = {
        "Bucket": ("AWS::S3::Bucket", {"BucketName": BUCKET}),
        "Access": ("AWS::CloudFront::OriginAccessControl", {"OriginAccessControlConfig": access}),
        "Page": ("AWS::CloudFront::Distribution", {"DistributionConfig": distribution}),
        "Policy": (
            "AWS::S3::BucketPolicy",
            {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": {"Statement": list(statements)}},
        ),
    }
    return {
        "Resources": {name: {"Type": kind, "Properties": said} for name, (kind, said) in resources.items()},
        "Outputs": {"Name": {"Value": {"Fn::GetAtt": ["Page", "DomainName"]}}},
    }


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSettings]:
    with running_emulator(tmp_path_factory.mktemp("local"), model_server_port=18680) as settings:
        yield settings


@pytest.fixture
def emulator(settings: LocalSettings) -> Iterator[Any]:
    """A client of CloudFormation; what it deploys is gone after the test."""
    session = boto3.Session(region_name=REGION, **LOCAL_CREDENTIALS)
    client = session.client("cloudformation", endpoint_url=settings.emulator_url)
    s3 = session.client("s3", endpoint_url=settings.emulator_url)
    yield client
    s3.delete_object(Bucket=BUCKET, Key="index.html")
    client.delete_stack(StackName=STACK)
    client.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})


def _seen(settings: LocalSettings, emulator: Any, *statements: dict[str, Any]) -> httpx.Response:
    """What a browser gets of the page, whose bucket has a policy of these statements."""
    emulator.create_stack(StackName=STACK, TemplateBody=json.dumps(template(*statements)))
    emulator.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
    (output,) = emulator.describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]
    session = boto3.Session(region_name=REGION, **LOCAL_CREDENTIALS)
    s3 = session.client("s3", endpoint_url=settings.emulator_url)
    s3.put_object(Bucket=BUCKET, Key="index.html", Body=PAGE, ContentType="text/html")
    with server(0, emulator_url=settings.emulator_url, host=output["OutputValue"]) as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            return httpx.get(
                f"http://127.0.0.1:{serving.server_port}/", trust_env=False, timeout=PATIENCE_SECONDS
            )
        finally:
            serving.shutdown()
            thread.join()


def test_a_page_whose_bucket_refuses_plain_http_is_served_to_browsers_of_this_machine(
    settings: LocalSettings, emulator: Any
) -> None:
    seen = _seen(settings, emulator, PLAIN_HTTP, CLOUDFRONT)
    assert (seen.status_code, seen.content) == (200, PAGE)
    assert "cloudfront" in seen.headers["via"]


def test_a_page_whose_bucket_does_not_admit_the_distribution_is_not_served(
    settings: LocalSettings, emulator: Any
) -> None:
    assert _seen(settings, emulator, PLAIN_HTTP).status_code == 403
