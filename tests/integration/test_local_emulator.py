"""The emulator's process with the stand-in in it: CloudFormation deploys an endpoint, clients invoke it."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, WaiterError

from scripts.local.settings import REGION, LocalSettings
from scripts.target import LOCAL_CREDENTIALS
from tests.emulators import running_emulator
from tests.waiting import wait_for

pytestmark = pytest.mark.verified("SageMaker: models, endpoint configurations, endpoints", on="stand-in")

STACK, BUCKET, ENDPOINT = "integration", "integration-artifacts", "integration-endpoint"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSettings]:
    with running_emulator(tmp_path_factory.mktemp("local"), model_server_port=18280) as settings:
        yield settings


@pytest.fixture(scope="module")
def session() -> boto3.Session:
    return boto3.Session(region_name=REGION, **LOCAL_CREDENTIALS)


@pytest.fixture(scope="module")
def endpoint(settings: LocalSettings, session: boto3.Session, echo_artifact: Path) -> str:
    """The name of an endpoint that CloudFormation made from an artifact in the emulator's S3."""
    artifact = echo_artifact.read_bytes()
    key = f"models/{hashlib.sha256(artifact).hexdigest()}/model.tar.gz"
    s3 = session.client("s3", endpoint_url=settings.emulator_url)
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=key, Body=artifact)
    deploy(settings, session, STACK, template(f"s3://{BUCKET}/{key}"))
    return ENDPOINT


def template(model_data: str) -> dict[str, Any]:
    container = {"Image": "ignored", "ModelDataUrl": model_data, "Environment": {"GREETING": "deployed"}}
    variant = {
        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
        "VariantName": "main",
        "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 1},
    }
    config_name = {"Fn::GetAtt": ["Config", "EndpointConfigName"]}
    return {
        "Model": {"Type": "AWS::SageMaker::Model", "Properties": {"PrimaryContainer": container}},
        "Config": {"Type": "AWS::SageMaker::EndpointConfig", "Properties": {"ProductionVariants": [variant]}},
        "Endpoint": {
            "Type": "AWS::SageMaker::Endpoint",
            "Properties": {"EndpointName": ENDPOINT, "EndpointConfigName": config_name},
        },
    }


def deploy(settings: LocalSettings, session: boto3.Session, name: str, resources: dict[str, Any]) -> None:
    client = session.client("cloudformation", endpoint_url=settings.emulator_url)
    client.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
    waiter = client.get_waiter("stack_create_complete")
    waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})


def test_a_client_gets_the_containers_answer_with_its_content_type(
    settings: LocalSettings, session: boto3.Session, endpoint: str
) -> None:
    runtime = session.client("sagemaker-runtime", endpoint_url=settings.emulator_url)
    answer = runtime.invoke_endpoint(EndpointName=endpoint, Body=b"{}", ContentType="application/json")
    assert answer["ContentType"] == "application/json"
    assert answer["InvokedProductionVariant"] == "main"
    assert json.loads(answer["Body"].read())["greeting"] == "deployed"
    raw = runtime.invoke_endpoint(
        EndpointName=endpoint, Body=b"\xff\x00", ContentType="image/png", Accept="application/x-npy"
    )
    assert (raw["ContentType"], raw["Body"].read()) == ("application/x-npy", b"\xff\x00")


def test_a_containers_refusal_reaches_a_client_as_model_error(
    settings: LocalSettings, session: boto3.Session, endpoint: str
) -> None:
    runtime = session.client("sagemaker-runtime", endpoint_url=settings.emulator_url)
    with pytest.raises(ClientError) as raised:
        runtime.invoke_endpoint(EndpointName=endpoint, Body=b"refuse", ContentType="image/png")
    assert raised.value.response["Error"]["Code"] == "ModelError"
    response: dict[str, Any] = dict(raised.value.response)
    assert response["OriginalStatusCode"] == 415


def test_the_endpoint_is_in_service_and_an_unknown_one_is_not_found(
    settings: LocalSettings, session: boto3.Session, endpoint: str
) -> None:
    sagemaker: Any = session.client("sagemaker", endpoint_url=settings.emulator_url)
    assert sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "InService"
    with pytest.raises(ClientError, match="Could not find endpoint"):
        sagemaker.describe_endpoint(EndpointName="missing")


def test_a_tampered_artifact_fails_the_stack(settings: LocalSettings, session: boto3.Session) -> None:
    s3 = session.client("s3", endpoint_url=settings.emulator_url)
    key = f"models/{'0' * 64}/model.tar.gz"
    s3.create_bucket(Bucket="tampered")
    s3.put_object(Bucket="tampered", Key=key, Body=b"another model")
    resources = template(f"s3://tampered/{key}")
    resources["Endpoint"]["Properties"]["EndpointName"] = "tampered"
    with pytest.raises(WaiterError):
        deploy(settings, session, "tampered", resources)
    client = session.client("cloudformation", endpoint_url=settings.emulator_url)
    events = client.describe_stack_events(StackName="tampered")["StackEvents"]
    assert any("does not have the digest" in event.get("ResourceStatusReason", "") for event in events)


def test_buckets_carry_the_tags_of_their_template(settings: LocalSettings, session: boto3.Session) -> None:
    tags = [{"Key": "aws-cdk:auto-delete-objects", "Value": "true"}]
    properties = {"BucketName": "integration-tagged", "Tags": tags}
    deploy(settings, session, "tagged", {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": properties}})
    s3 = session.client("s3", endpoint_url=settings.emulator_url)
    assert s3.get_bucket_tagging(Bucket="integration-tagged")["TagSet"] == tags


def test_a_call_ends_in_the_function_as_it_was_when_that_is_changed_meanwhile(
    settings: LocalSettings, session: boto3.Session
) -> None:
    functions = session.client("lambda", endpoint_url=settings.emulator_url)
    s3 = session.client("s3", endpoint_url=settings.emulator_url)
    s3.create_bucket(Bucket="integration-calls")
    create_function(
        functions,
        "changing",
        "import os, time, urllib.request\n"
        "def handler(*_):\n"
        "    place = os.environ['AWS_ENDPOINT_URL'] + '/integration-calls/'\n"
        "    urllib.request.urlopen(urllib.request.Request(place + 'begun', data=b'', method='PUT'))\n"
        "    time.sleep(1)\n"
        "    return os.environ['VERSION']\n",
        VERSION="before",
    )
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(functions.invoke, FunctionName="changing")
        wait_for(lambda: s3.list_objects_v2(Bucket="integration-calls").get("Contents"), "the call to begin")
        functions.update_function_configuration(
            FunctionName="changing", Environment={"Variables": {"VERSION": "after"}}
        )
        assert json.load(call.result()["Payload"]) == "before"
    assert json.load(functions.invoke(FunctionName="changing")["Payload"]) == "after"


def create_function(functions: Any, name: str, code: str, **variables: str) -> None:
    """A Lambda function whose handler is the one of this code."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("place.py", code)
    functions.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role="arn:aws:iam::000000000000:role/any",
        Handler="place.handler",
        Timeout=30,
        Code={"ZipFile": content.getvalue()},
        Environment={"Variables": variables},
    )


def test_functions_of_the_same_code_read_it_in_one_place(
    settings: LocalSettings, session: boto3.Session
) -> None:
    code = "import os\ndef handler(*_): return os.path.realpath(__file__)"
    functions = session.client("lambda", endpoint_url=settings.emulator_url)
    places = set()
    for name in ("first", "second"):
        create_function(functions, name, code)
        places.add(functions.invoke(FunctionName=name)["Payload"].read())
    assert len(places) == 1
    assert b"/place.py" in places.pop()
