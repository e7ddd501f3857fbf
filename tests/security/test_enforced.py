"""The main job where IAM is enforced and everything goes by TLS: with every grant it works, without one not.

Who acts is what it is in AWS: functions, the model's container and its transform jobs are their roles, the
person is a user with a policy. The tests of the main job are those of ``tests/e2e``.
"""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

import boto3
import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from imagesearch_client import ApiError, ImageSearchClient
from scripts.local.settings import REGION
from scripts.target import Target, client_of
from tests.e2e.canary import canary_answer
from tests.e2e.command import Command
from tests.e2e.house import House
from tests.e2e.library import Library
from tests.e2e.test_bulk import (
    found_again,  # noqa: F401
    test_a_library_that_the_index_had_lost_is_found_again,  # noqa: F401
    test_every_planned_picture_is_indexed_or_rejected,  # noqa: F401
)
from tests.e2e.test_main_job import (
    test_a_deleted_picture_is_no_longer_found,  # noqa: F401
    test_a_hit_carries_an_address_that_serves_the_picture,  # noqa: F401
    test_a_picture_is_findable_by_itself_after_it_was_put,  # noqa: F401
    test_a_replaced_picture_is_found_by_what_it_shows_now,  # noqa: F401
    test_the_command_line_ingests_a_folder_and_searches_it,  # noqa: F401
)
from tests.e2e.test_uploads_thumbnails import (
    api,  # noqa: F401
    first_hit,
    test_a_link_that_was_tampered_with_shows_nothing,  # noqa: F401
    test_a_thumbnail_is_kept_until_its_picture_is_another,  # noqa: F401
    test_an_upload_into_the_library_becomes_findable,  # noqa: F401
    test_an_uploaded_picture_is_searched_by_and_never_indexed,  # noqa: F401
    thumbnail,
)
from tests.pictures import jpeg
from tests.security.enforced import OPERATOR, Enforced
from tests.waiting import wait_for

pytestmark = [
    pytest.mark.verified(
        "IAM: what each role and the operator's policy must allow, and no less", on="emulator"
    ),
    pytest.mark.verified("IAM of SageMaker and of the domain: the stand-ins ask the emulator", on="stand-in"),
]


def fresh_text() -> str:
    """A text that no function keeps the vector of."""
    return f"a picture of {uuid4().hex}"


def refused(ask: Callable[[], object]) -> ApiError:
    """What the API refuses a request with."""
    with pytest.raises(ApiError) as caught:
        ask()
    return caught.value


@pytest.fixture
def impatient(deployment: Target) -> ImageSearchClient:
    """A client that is told of every refusal at once."""
    return client_of(deployment, patience=0)


def test_a_query_function_that_may_not_invoke_the_endpoint_encodes_nothing(
    enforced: Enforced, impatient: ImageSearchClient
) -> None:
    with enforced.without("QueryRole", "sagemaker:InvokeEndpoint"):
        assert refused(lambda: impatient.search(fresh_text())).status == 500
    impatient.search(fresh_text())


@pytest.mark.parametrize(
    ("action", "ask"),
    [
        ("es:ESHttpGet", lambda client: client.image("never/uploaded.jpg")),
        ("es:ESHttpPost", lambda client: client.search(fresh_text())),
    ],
    ids=["reads of documents", "searches"],
)
def test_a_query_function_that_may_not_read_the_domain_finds_nothing(
    enforced: Enforced,
    impatient: ImageSearchClient,
    action: str,
    ask: Callable[[ImageSearchClient], object],
) -> None:
    with enforced.without("QueryRole", action):
        assert refused(lambda: ask(impatient)).code == "search_unavailable"
    ask(impatient)


def test_links_are_worth_what_the_query_function_may_read(
    enforced: Enforced, client: ImageSearchClient, library: Library
) -> None:
    library.put("a.jpg", jpeg(seed=31))
    library.wait_until_indexed("a.jpg")
    (hit,) = client.search("x", prefix=library.prefix).hits
    with enforced.without("QueryRole", "s3:GetObject"):
        assert httpx.get(hit.url).status_code == 403
    assert httpx.get(hit.url).status_code == 200


def test_an_altered_link_is_refused_by_s3_itself(client: ImageSearchClient, library: Library) -> None:
    for name in ("a.jpg", "b.jpg"):
        library.put(name, jpeg(seed=32))
    library.wait_until_indexed("a.jpg", "b.jpg")
    one, other = client.search("x", prefix=library.prefix).hits
    path, _, query = one.url.partition("?")
    signed = dict(parse_qsl(query))
    assert httpx.get(one.url).status_code == 200
    for altered in (
        f"{path}?{urlencode({**signed, 'X-Amz-Expires': '604800'})}",
        f"{path}?{urlencode({**signed, 'X-Amz-Signature': '0' * 64})}",
        f"{other.url.partition('?')[0]}?{query}",
        path,
    ):
        assert httpx.get(altered).status_code == 403, altered


def test_an_expired_link_is_refused(deployment: Target, library: Library) -> None:
    library.put("a.jpg", jpeg(seed=33))
    named = {"Bucket": library.bucket, "Key": library.key("a.jpg")}
    link = deployment.s3().generate_presigned_url("get_object", Params=named, ExpiresIn=2)
    assert httpx.get(link).status_code == 200
    wait_for(lambda: httpx.get(link).status_code == 403 or None, "the link to expire")


@pytest.mark.parametrize(
    ("role", "action"),
    [
        ("IngestRole", "s3:GetObject"),
        ("IngestRole", "sagemaker:InvokeEndpoint"),
        ("IngestRole", "es:ESHttpPut"),
        ("Model-demoRole", "s3:GetObject"),
    ],
)
def test_ingest_does_not_work_without_any_of_its_grants(
    enforced: Enforced, library: Library, role: str, action: str
) -> None:
    # A key of its own: the event of the put, which is handled meanwhile, must not do the work.
    name = f"{uuid4().hex}.jpg"
    with enforced.without(role, action):
        library.put(name, jpeg(seed=34))
        assert ingest(enforced, library.bucket, library.key(name)) == 1
    assert ingest(enforced, library.bucket, library.key(name)) == 0
    library.wait_until_indexed(name)


def ingest(enforced: Enforced, bucket: str, key: str) -> int:
    """Hand the ingest function a message about a key; how many messages it hands back."""
    event = {
        "id": uuid4().hex,
        "time": "2026-01-01T00:00:00Z",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": bucket}, "object": {"key": key}},
    }
    record = {"messageId": "1", "body": json.dumps(event), "eventSource": "aws:sqs", "attributes": {}}
    answer = enforced.root("lambda").invoke(
        FunctionName=enforced.function("IngestRole"), Payload=json.dumps({"Records": [record]})
    )
    said = json.loads(answer["Payload"].read())
    return len(said["batchItemFailures"])


def test_the_thumbnail_function_keeps_nothing_where_it_may_not_write(
    enforced: Enforced,
    api: httpx.Client,  # noqa: F811
    deployment: Target,
    library: Library,
) -> None:
    library.put("a.jpg", jpeg((640, 480), seed=35))
    library.wait_until_indexed("a.jpg")
    link = first_hit(api, library)["thumbnail_url"]
    with enforced.without("ThumbnailRole", "s3:PutObject"):
        assert thumbnail(deployment, link).status_code == 500
    assert thumbnail(deployment, link).status_code == 200


@pytest.mark.parametrize(
    ("role", "action"),
    [("RunRole", "sagemaker:CreateTransformJob"), ("Model-demoRole", "s3:PutObject")],
)
def test_a_bulk_run_fails_without_any_of_its_grants(
    enforced: Enforced, library: Library, imagesearch: Command, house: House, role: str, action: str
) -> None:
    with house.without_events():
        library.put("a.jpg", jpeg(seed=36))
    with enforced.without(role, action):
        failed = imagesearch("bulk", library.prefix, "--json")
    assert failed.returncode == 1, failed.stdout
    assert json.loads(failed.stdout)["status"] == "failed"

    resumed = imagesearch("bulk", "--resume", json.loads(failed.stdout)["run"], "--json")
    assert json.loads(resumed.stdout)["status"] == "complete", resumed.stdout


def test_a_state_machine_calls_no_function_that_its_role_may_not(
    enforced: Enforced, deployment: Target
) -> None:
    machines = deployment.step_functions()
    with enforced.without("RunRole", "lambda:InvokeFunction"):
        asked = json.dumps({"run": f"denied-{uuid4().hex[:8]}", "prefix": f"{uuid4().hex}/"})
        execution = machines.start_execution(stateMachineArn=deployment.bulk_state_machine(), input=asked)
        arn = execution["executionArn"]
        cause = wait_for(lambda: first_failure(enforced.root("stepfunctions"), arn), "the first task to fail")
        machines.stop_execution(executionArn=arn)
    assert "is not authorized to perform: lambda:InvokeFunction" in cause


def first_failure(machines: Any, execution: str) -> str | None:
    """The cause of the first task that failed, or None so far."""
    events = machines.get_execution_history(executionArn=execution)["events"]
    causes = (one["taskFailedEventDetails"]["cause"] for one in events if "taskFailedEventDetails" in one)
    return next(causes, None)


def test_the_api_asks_for_a_signature_and_for_the_right_to_call_it(
    enforced: Enforced, impatient: ImageSearchClient, deployment: Target
) -> None:
    unsigned = httpx.post(f"{deployment.url}/search", json={"text": "x"})
    assert (unsigned.status_code, unsigned.json()["error"]["code"]) == (403, "signature_missing")

    iam = enforced.root("iam")
    iam.detach_user_policy(UserName=OPERATOR, PolicyArn=enforced.callers_policy())
    try:
        assert refused(lambda: impatient.search("x")).status == 403
    finally:
        iam.attach_user_policy(UserName=OPERATOR, PolicyArn=enforced.callers_policy())
    impatient.search("x")


def test_the_canary_signs_as_its_role_and_notices_that_it_may_not_search(enforced: Enforced) -> None:
    functions = enforced.root("lambda")
    with enforced.without("CanaryRole", "execute-api:Invoke"):
        assert canary_answer(functions) == {"answered": False}
    assert canary_answer(functions)["answered"] is True


def test_the_operator_may_do_what_the_commands_do_and_no_more(enforced: Enforced, deployment: Target) -> None:
    artifacts = deployment.artifact_bucket()
    # A session of its own: boto3's keeps the credentials of whoever was the first to use it.
    session = boto3.Session()
    s3, functions, iam = session.client("s3"), session.client("lambda"), session.client("iam")
    denied: list[Callable[[], object]] = [
        lambda: s3.put_object(Bucket=artifacts, Key="thumbnails/forged.webp", Body=b""),
        lambda: s3.delete_bucket(Bucket=deployment.image_bucket()),
        functions.list_functions,
        iam.list_users,
        session.client("sagemaker").list_endpoints,
    ]
    for call in denied:
        with pytest.raises(ClientError, match=r"AccessDenied|not authorized"):
            call()


def test_a_wrong_secret_is_refused(deployment: Target, variables: dict[str, str]) -> None:
    forged = boto3.Session().client(
        "s3", aws_access_key_id=variables["AWS_ACCESS_KEY_ID"], aws_secret_access_key="guessed"
    )
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        forged.list_objects_v2(Bucket=deployment.image_bucket())


def test_a_bucket_shows_nothing_to_who_comes_without_a_signature(deployment: Target) -> None:
    anonymous = httpx.get(f"{deployment.s3().meta.endpoint_url}/{deployment.image_bucket()}")
    assert anonymous.status_code == 403


def test_the_domain_answers_nobody_without_a_signature_and_a_right(
    enforced: Enforced, variables: dict[str, str]
) -> None:
    query = enforced.root("lambda").get_function_configuration(FunctionName=enforced.function("QueryRole"))
    address = f"{query['Environment']['Variables']['SEARCH_ENDPOINT']}/images/_mapping"
    request = AWSRequest(method="GET", url=address)
    keys = Credentials(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"])
    SigV4Auth(keys, "es", REGION).add_auth(request)

    unsigned = httpx.get(address)
    signed = httpx.get(address, headers=dict(request.headers.items()))

    assert unsigned.status_code == 403
    assert "is not authorized to perform: es:ESHttpGet" in signed.json()["Message"]


def test_a_snapshot_is_taken_by_the_rights_of_the_function_that_takes_it(enforced: Enforced) -> None:
    snapshot = json.loads(enforced.run("backup", "create", "--json").stdout)
    assert snapshot["state"] == "complete"
    enforced.run("backup", "delete", snapshot["name"])
