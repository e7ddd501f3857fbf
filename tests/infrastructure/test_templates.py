"""What must hold for the templates of every environment."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stacks import limits
from stacks.settings import ENVIRONMENTS
from tests.infrastructure.assembly import MISLEADING, Synthesized, flat, listed, resources

STACKS = {"Data", "Model", "Ingest", "Bulk", "Migration", "Backup", "Api"}
# S3 keeps the CDK's own functions out of this: their policies are the CDK's.
NO_RESOURCES = {
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "ec2:UnassignPrivateIpAddresses",
    "cloudwatch:PutMetricData",
    "ecr:GetAuthorizationToken",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}


def _stacks(env: str) -> set[str]:
    """The stacks that every environment has, and those that its settings ask for."""
    settings = ENVIRONMENTS[env]
    asked = {
        "Encryption": settings.encryption == "customer",
        "Network": settings.network.is_private,
        "Users": settings.api.authorisation == "cognito",
        "Web": settings.web is not None,
        "Monitoring": settings.monitoring is not None,
    }
    return STACKS | {name for name, there in asked.items() if there}


def test_every_environment_synthesizes_the_stacks_that_its_settings_ask_for(synthesized: Synthesized) -> None:
    assert {env: set(stacks) for env, stacks in synthesized.templates.items()} == {
        env: _stacks(env) for env in ENVIRONMENTS
    }


def test_nothing_of_the_synthesizing_environment_reaches_an_assembly(synthesized: Synthesized) -> None:
    texts = [file.read_text(encoding="utf-8") for file in synthesized.folder.rglob("*.json")]
    leaked = {name for name, value in MISLEADING.items() for text in texts if value in text}
    assert leaked == set()


def test_cfn_lint_finds_nothing(synthesized: Synthesized) -> None:
    # W3005: the CDK names dependencies that a reference already makes.
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--ignore-checks", "W3005", "--"]
    files = [str(file) for file in synthesized.files()]
    run = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
    count = sum(len(_stacks(env)) for env in ENVIRONMENTS)
    assert (len(files), run.stdout, run.returncode) == (count, "", 0), run.stderr


def test_stacks_deploy_in_order(synthesized: Synthesized) -> None:
    for env in ENVIRONMENTS:
        manifest = json.loads((synthesized.folder / f"assembly-{env}" / "manifest.json").read_text())
        needs = {
            artifact["displayName"].split("/")[1].split(" ")[0]: artifact.get("dependencies", [])
            for artifact in manifest["artifacts"].values()
            if artifact["type"] == "aws:cloudformation:stack"
        }
        for first, then in (
            ("Data", "Model"),
            ("Model", "Ingest"),
            ("Ingest", "Bulk"),
            ("Ingest", "Migration"),
            ("Data", "Backup"),
            ("Ingest", "Api"),
        ):
            assert any(name.startswith(f"{env}{first}") for name in needs[then]), (env, then)


def test_no_stack_imports_an_export_of_another(synthesized: Synthesized) -> None:
    text = json.dumps(synthesized.templates)
    assert "Fn::ImportValue" not in text
    assert '"Export"' not in text


def test_buckets_are_private_encrypted_versioned_and_refuse_plain_http(synthesized: Synthesized) -> None:
    for env, stacks in synthesized.templates.items():
        buckets = resources(stacks["Data"], "AWS::S3::Bucket")
        assert len(buckets) == 3, env
        for bucket in buckets:
            properties = bucket["Properties"]
            assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
            assert len(properties["PublicAccessBlockConfiguration"]) == 4
            assert properties["BucketEncryption"]
        assert sum("VersioningConfiguration" in bucket["Properties"] for bucket in buckets) == 2
        policies = resources(stacks["Data"], "AWS::S3::BucketPolicy")
        assert sum(_denies_plain_http(policy) for policy in policies) == 3, env


def _denies_plain_http(policy: dict[str, Any]) -> bool:
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    refusal = {"Bool": {"aws:SecureTransport": "false"}}
    return any(s["Effect"] == "Deny" and s.get("Condition") == refusal for s in statements)


def test_only_the_image_bucket_sends_events(synthesized: Synthesized) -> None:
    for env, stacks in synthesized.templates.items():
        senders = [
            flat(bucket["Properties"]["BucketName"])
            for bucket in resources(stacks["Data"], "AWS::S3::Bucket")
            if "NotificationConfiguration" in bucket["Properties"]
        ]
        assert senders == [f"imagesearch-{env}-images-reference-us-east-1"]


def test_what_is_needed_for_a_moment_is_deleted_and_forgotten(synthesized: Synthesized) -> None:
    for stacks in synthesized.templates.values():
        passing = {
            rule["Prefix"]: (rule["ExpirationInDays"], rule["NoncurrentVersionExpiration"]["NoncurrentDays"])
            for bucket in resources(stacks["Data"], "AWS::S3::Bucket")
            for rule in bucket["Properties"]["LifecycleConfiguration"]["Rules"]
            if "Prefix" in rule
        }
        assert passing == {".queries/": (1, 1), "thumbnails/": (30, 1)}


def test_pages_of_the_settings_origins_and_no_others_may_use_the_image_bucket(
    synthesized: Synthesized,
) -> None:
    for env, stacks in synthesized.templates.items():
        admitted = {
            flat(bucket["Properties"]["BucketName"]).split("-")[2]: [
                (rule["AllowedOrigins"], rule["AllowedMethods"])
                for rule in bucket["Properties"]["CorsConfiguration"]["CorsRules"]
            ]
            for bucket in resources(stacks["Data"], "AWS::S3::Bucket")
            if "CorsConfiguration" in bucket["Properties"]
        }
        origins = ENVIRONMENTS[env].page_origins
        assert admitted == ({"images": [(list(origins), ["GET", "POST"])]} if origins else {})
        assert "*" not in origins


def test_the_domain_is_encrypted_everywhere_and_takes_only_tls(synthesized: Synthesized) -> None:
    for env, stacks in synthesized.templates.items():
        (domain,) = resources(stacks["Data"], "AWS::OpenSearchService::Domain")
        properties = domain["Properties"]
        assert properties["EngineVersion"] == ENVIRONMENTS[env].domain.engine_version
        assert properties["EncryptionAtRestOptions"]["Enabled"] is True
        assert properties["NodeToNodeEncryptionOptions"] == {"Enabled": True}
        assert properties["DomainEndpointOptions"]["EnforceHTTPS"] is True
        assert properties["DomainEndpointOptions"]["TLSSecurityPolicy"].startswith("Policy-Min-TLS-1-2")


def test_the_domain_admits_nobody_but_its_own_account(synthesized: Synthesized) -> None:
    for env, stacks in synthesized.templates.items():
        (domain,) = resources(stacks["Data"], "AWS::OpenSearchService::Domain")
        (statement,) = domain["Properties"]["AccessPolicies"]["Statement"]
        assert flat(statement["Principal"]["AWS"]).endswith(":iam::reference:root")
        assert flat(statement["Resource"]).endswith(f":domain/imagesearch-{env}/*")
        assert "es:ESHttp*" not in statement["Action"]


def test_prod_keeps_its_data_and_no_environment_relies_on_snapshots(synthesized: Synthesized) -> None:
    stateful = ("AWS::S3::Bucket", "AWS::OpenSearchService::Domain")
    for env, stacks in synthesized.templates.items():
        policies = {
            resource[policy]
            for kind in stateful
            for resource in resources(stacks["Data"], kind)
            for policy in ("DeletionPolicy", "UpdateReplacePolicy")
        }
        assert policies == {"Retain" if env == "prod" else "Delete"}
        assert '"Snapshot"' not in json.dumps(stacks)


def test_what_holds_prods_data_is_protected_from_deletion(synthesized: Synthesized) -> None:
    protected = {
        artifact["displayName"]
        for env in ENVIRONMENTS
        for artifact in json.loads((synthesized.folder / f"assembly-{env}" / "manifest.json").read_text())[
            "artifacts"
        ].values()
        if artifact.get("properties", {}).get("terminationProtection")
    }
    assert {name.split(" ")[0] for name in protected} >= {"prod/Data", "prod/Encryption"}
    assert all(name.startswith("prod/") for name in protected)


def test_events_that_fail_for_good_reach_a_dead_letter_queue(synthesized: Synthesized) -> None:
    for stacks in synthesized.templates.values():
        queues = resources(stacks["Ingest"], "AWS::SQS::Queue")
        redrives = [q["Properties"]["RedrivePolicy"] for q in queues if "RedrivePolicy" in q["Properties"]]
        assert [redrive["maxReceiveCount"] for redrive in redrives] == [21]
        (queue,) = [queue["Properties"] for queue in queues if "RedrivePolicy" in queue["Properties"]]
        tried = queue["VisibilityTimeout"] * redrives[0]["maxReceiveCount"]
        assert tried < queue["MessageRetentionPeriod"], "events would be lost before they are dead letters"
        (rule,) = resources(stacks["Ingest"], "AWS::Events::Rule")
        (target,) = rule["Properties"]["Targets"]
        assert target["DeadLetterConfig"]["Arn"] == redrives[0]["deadLetterTargetArn"]


def test_the_rule_matches_creation_and_deletion_in_the_image_bucket(synthesized: Synthesized) -> None:
    for env, stacks in synthesized.templates.items():
        (rule,) = resources(stacks["Ingest"], "AWS::Events::Rule")
        pattern = rule["Properties"]["EventPattern"]
        assert pattern["detail-type"] == ["Object Created", "Object Deleted"]
        assert pattern["detail"]["object"] == {"key": [{"anything-but": {"prefix": ".queries/"}}]}
        (name,) = pattern["detail"]["bucket"]["name"]
        assert flat(name) == f"imagesearch-{env}-images-reference-us-east-1"


def test_a_message_stays_hidden_for_six_times_the_functions_timeout(synthesized: Synthesized) -> None:
    for _, stacks in synthesized.templates.items():
        (function,) = _functions(stacks["Ingest"], "imagesearch.entrypoints.ingest.handler")
        visible = [
            queue["Properties"]["VisibilityTimeout"]
            for queue in resources(stacks["Ingest"], "AWS::SQS::Queue")
            if "VisibilityTimeout" in queue["Properties"]
        ]
        assert visible == [function["Properties"]["Timeout"] * limits.QUEUE_VISIBILITY_FACTOR.value]


def _functions(template: dict[str, Any], handler: str) -> list[dict[str, Any]]:
    return [
        function
        for function in resources(template, "AWS::Lambda::Function")
        if function["Properties"].get("Handler") == handler
    ]


def test_a_failed_message_does_not_fail_its_batch(synthesized: Synthesized) -> None:
    for _, stacks in synthesized.templates.items():
        (mapping,) = resources(stacks["Ingest"], "AWS::Lambda::EventSourceMapping")
        assert mapping["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["Properties"]["BatchSize"] <= limits.QUEUE_BATCH.value


def test_no_policy_holds_a_wildcard_action(synthesized: Synthesized) -> None:
    wild = [
        (env, stack, action)
        for env, stack, template in synthesized.all()
        for statement in _statements(template)
        for action in listed(statement["Action"])
        if "*" in action
    ]
    assert wild == []


def test_the_resource_wildcard_alone_stands_only_where_an_action_has_no_resources(
    synthesized: Synthesized,
) -> None:
    actions = {
        action
        for _, _, template in synthesized.all()
        for statement in _statements(template)
        if "*" in listed(statement["Resource"])
        for action in listed(statement["Action"])
    }
    assert actions == NO_RESOURCES


def _statements(template: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for policy in resources(template, "AWS::IAM::Policy"):
        yield from policy["Properties"]["PolicyDocument"]["Statement"]


def test_the_query_function_can_write_no_document(synthesized: Synthesized) -> None:
    for _, stacks in synthesized.templates.items():
        granted = {
            (action, flat(resource).split("/", 2)[2])
            for statement in _statements(stacks["Api"])
            for action in listed(statement["Action"])
            for resource in listed(statement["Resource"])
            if action.startswith("es:")
        }
        assert granted == {
            ("es:ESHttpGet", "images/_mapping"),
            ("es:ESHttpGet", "images-*/_doc/*"),
            ("es:ESHttpPost", "images-*/_count"),
            ("es:ESHttpPost", "images-*/_mget"),
            ("es:ESHttpPost", "images-*/_msearch"),
            ("es:ESHttpPost", "images-*/_search"),
        }


def _granted(template: dict[str, Any], role: str) -> set[tuple[str, str]]:
    """What a function's own role may do with S3: action, and resource behind the bucket's ARN."""
    return {
        (action, flat(resource).split(":::")[1])
        for policy in resources(template, "AWS::IAM::Policy")
        if policy["Properties"]["Roles"][0]["Ref"].startswith(role)
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
        if action.startswith("s3:")
    }


def test_the_thumbnail_function_reads_no_picture_by_rights_of_its_own(synthesized: Synthesized) -> None:
    for env, stacks in synthesized.templates.items():
        artifacts = f"imagesearch-{env}-artifacts-reference-us-east-1"
        assert _granted(stacks["Api"], "ThumbnailRole") == {
            ("s3:GetObject", f"{artifacts}/thumbnails/*"),
            ("s3:PutObject", f"{artifacts}/thumbnails/*"),
            ("s3:ListBucket", artifacts),
        }


def test_the_query_function_signs_links_and_forms_of_the_image_bucket_only(synthesized: Synthesized) -> None:
    for env, stacks in synthesized.templates.items():
        images = f"imagesearch-{env}-images-reference-us-east-1"
        granted = _granted(stacks["Api"], "QueryRole")
        assert granted >= {("s3:GetObject", f"{images}/*"), ("s3:PutObject", f"{images}/*")}
        assert {action for action, resource in granted if resource.startswith(images)} == {
            *("s3:GetObject", "s3:PutObject", "s3:ListBucket"),
        }


def test_ingest_reads_which_indices_are_kept_and_writes_documents_only(synthesized: Synthesized) -> None:
    for _, stacks in synthesized.templates.items():
        (policy,) = (
            policy["Properties"]
            for policy in resources(stacks["Ingest"], "AWS::IAM::Policy")
            if policy["Properties"]["Roles"][0]["Ref"].startswith("IngestRole")
        )
        granted = {
            (action, flat(resource).split("/", 2)[2])
            for statement in policy["PolicyDocument"]["Statement"]
            for action in listed(statement["Action"])
            for resource in listed(statement["Resource"])
            if action.startswith("es:")
        }
        assert granted == {
            ("es:ESHttpGet", "images/_mapping"),
            ("es:ESHttpGet", "images_written/_mapping"),
            ("es:ESHttpGet", "images-*/_doc/*"),
            ("es:ESHttpPut", "images-*/_doc/*"),
            ("es:ESHttpDelete", "images-*/_doc/*"),
        }


def test_another_declared_attribute_updates_the_index_resource(synthesized: Synthesized) -> None:
    for env, stacks in synthesized.templates.items():
        (index,) = resources(stacks["Ingest"], "Custom::SearchIndex")
        assert json.loads(index["Properties"]["Attributes"]) == ENVIRONMENTS[env].index.attributes


def test_functions_invoke_the_endpoints_of_their_own_environment_only(synthesized: Synthesized) -> None:
    for env, stacks in synthesized.templates.items():
        for stack in ("Ingest", "Bulk", "Api"):
            endpoints = {
                flat(resource).split(":")[-1]
                for statement in _statements(stacks[stack])
                if "sagemaker:InvokeEndpoint" in listed(statement["Action"])
                for resource in listed(statement["Resource"])
            }
            assert endpoints == {f"endpoint/imagesearch-{env}-*"}


def test_every_log_group_forgets(synthesized: Synthesized) -> None:
    for env, stack, template in synthesized.all():
        days = [g["Properties"].get("RetentionInDays") for g in resources(template, "AWS::Logs::LogGroup")]
        assert set(days) <= {ENVIRONMENTS[env].functions.log_retention_days}, (env, stack)


@pytest.mark.parametrize("stack", ["Data", "Bulk", "Api"])
def test_what_clients_look_up_is_among_the_outputs(synthesized: Synthesized, stack: str) -> None:
    wanted = {
        "Data": {"ImageBucketName", "ArtifactBucketName", "SearchEndpoint"},
        "Bulk": {"BulkStateMachineArn"},
        "Api": {"ApiUrl", "ApiId", "ApiAuthorisation"},
    }
    for env, stacks in synthesized.templates.items():
        outputs = set(stacks[stack]["Outputs"])
        assert wanted[stack] <= outputs
        asks_for_key = stack == "Api" and ENVIRONMENTS[env].api.authorisation == "key"
        assert ("ApiKeyId" in outputs) == asks_for_key


def test_only_the_local_environment_speaks_plain_http_to_its_domain(synthesized: Synthesized) -> None:
    schemes = {
        env: flat(stacks["Data"]["Outputs"]["SearchEndpoint"]["Value"]).split(":")[0]
        for env, stacks in synthesized.templates.items()
    }
    assert schemes == {"local": "http", "dev": "https", "staging": "https", "prod": "https"}
