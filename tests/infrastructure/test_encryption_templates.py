"""The environment's own key: on all that is stored, and in the hands of those who read and write it."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from stacks.components.foundations.encryption_key import volume_key
from stacks.settings import DEV, ENVIRONMENTS, PROD
from tests.infrastructure.assembly import Synthesized, flat, listed, resources

OWN_KEY = [env for env, settings in ENVIRONMENTS.items() if settings.encryption == "customer"]
AWS_KEYS = [env for env in ENVIRONMENTS if env not in OWN_KEY]
# What holds nothing but files of the page, which are public, and S3's own logs, which it encrypts itself.
PUBLIC_BUCKETS = ("web", "logs")


def _is_key(value: Any) -> bool:
    return isinstance(value, dict) and value.get("Fn::GetStackOutput", {}).get("StackName", "").endswith(
        "-Encryption"
    )


def test_the_environments_that_rehearse_and_serve_have_a_key_of_their_own() -> None:
    assert (AWS_KEYS, OWN_KEY) == (["local", "dev"], ["staging", "prod"])


@pytest.mark.parametrize("env", AWS_KEYS)
def test_the_others_use_the_keys_of_aws_and_grant_none(synthesized: Synthesized, env: str) -> None:
    assert "Encryption" not in synthesized.templates[env]
    assert list(_key_statements(synthesized.templates[env])) == []


@pytest.mark.parametrize("env", OWN_KEY)
def test_the_key_is_replaced_every_year_and_kept_with_the_data(synthesized: Synthesized, env: str) -> None:
    (key,) = resources(synthesized.templates[env]["Encryption"], "AWS::KMS::Key")
    assert key["Properties"]["EnableKeyRotation"] is True
    kept = "Retain" if ENVIRONMENTS[env].retain_data else "Delete"
    assert {key["DeletionPolicy"], key["UpdateReplacePolicy"]} == {kept}
    (alias,) = resources(synthesized.templates[env]["Encryption"], "AWS::KMS::Alias")
    assert alias["Properties"]["AliasName"] == f"alias/imagesearch-{env}-data"


@pytest.mark.parametrize("env", OWN_KEY)
def test_services_use_the_key_for_this_account_only(synthesized: Synthesized, env: str) -> None:
    (key,) = resources(synthesized.templates[env]["Encryption"], "AWS::KMS::Key")
    statements = [
        each for each in key["Properties"]["KeyPolicy"]["Statement"] if "Service" in each["Principal"]
    ]
    assert len(statements) == 2
    for statement in statements:
        assert not any("*" in action for action in statement["Action"])
        bound = [flat(value) for test in statement["Condition"].values() for value in test.values()]
        assert all("reference" in value for value in bound), "bound to the account"


@pytest.mark.parametrize("env", OWN_KEY)
def test_buckets_and_domain_are_encrypted_with_the_key(synthesized: Synthesized, env: str) -> None:
    data = synthesized.templates[env]["Data"]
    for bucket in resources(data, "AWS::S3::Bucket"):
        (rule,) = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        by_default = rule["ServerSideEncryptionByDefault"]
        if flat(bucket["Properties"]["BucketName"]).split("-")[2] in PUBLIC_BUCKETS:
            assert by_default == {"SSEAlgorithm": "AES256"}
            continue
        assert by_default["SSEAlgorithm"] == "aws:kms"
        assert _is_key(by_default["KMSMasterKeyID"])
        assert rule["BucketKeyEnabled"] is True
    (domain,) = resources(data, "AWS::OpenSearchService::Domain")
    assert _is_key(domain["Properties"]["EncryptionAtRestOptions"]["KmsKeyId"])


@pytest.mark.parametrize("env", OWN_KEY)
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("AWS::Logs::LogGroup", "KmsKeyId"),
        ("AWS::SQS::Queue", "KmsMasterKeyId"),
        ("AWS::SNS::Topic", "KmsMasterKeyId"),
    ],
)
def test_every_log_group_queue_and_topic_is_encrypted_with_the_key(
    synthesized: Synthesized, env: str, kind: str, name: str
) -> None:
    encrypted = [
        _is_key(resource["Properties"].get(name))
        for stack, template in synthesized.templates[env].items()
        if stack != "Encryption"
        for resource in resources(template, kind)
    ]
    assert len(encrypted) >= (0 if kind.endswith("Topic") else 2)
    assert all(encrypted)


@pytest.mark.parametrize("env", OWN_KEY)
def test_models_and_transform_jobs_work_on_volumes_encrypted_with_the_key(
    synthesized: Synthesized, env: str
) -> None:
    alias = f"alias/imagesearch-{env}-data"
    (configuration,) = resources(synthesized.templates[env]["Model"], "AWS::SageMaker::EndpointConfig")
    assert configuration["Properties"]["KmsKeyId"] == alias
    (machine,) = resources(synthesized.templates[env]["Bulk"], "AWS::StepFunctions::StateMachine")
    text = flat(machine["Properties"]["DefinitionString"])
    assert f'"KmsKeyId":"{alias}"' in text
    assert f'"VolumeKmsKeyId":"{alias}"' in text


@pytest.mark.parametrize(
    ("instance_type", "takes_a_key"),
    [
        (None, True),
        *((f"ml.{kind}.xlarge", True) for kind in ("c6i", "m7i", "c7i", "m5", "inf2", "p3")),
        *((f"ml.{kind}.xlarge", False) for kind in ("c6id", "m5d", "g4dn", "g5", "g6", "g6e", "p4d", "p5")),
    ],
)
def test_instances_with_disks_of_their_own_encrypt_these_themselves(
    instance_type: str | None, takes_a_key: bool
) -> None:
    assert volume_key(PROD, instance_type) == ("alias/imagesearch-prod-data" if takes_a_key else None)
    assert volume_key(DEV, instance_type) is None


def _policies(stacks: Mapping[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for stack, template in stacks.items():
        for policy in resources(template, "AWS::IAM::Policy"):
            name = f"{stack}/{policy['Properties']['PolicyName']}"
            yield name, policy["Properties"]["PolicyDocument"]["Statement"]


def _key_statements(stacks: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for _, statements in _policies(stacks):
        for statement in statements:
            if any(action.startswith("kms:") for action in listed(statement["Action"])):
                yield statement


def _buckets(statement: Mapping[str, Any], action: str, env: str) -> set[str]:
    """The encrypted buckets on whose objects a statement allows `action`."""
    if action not in listed(statement["Action"]):
        return set()
    names = [flat(resource).split(":::")[-1].split("/")[0] for resource in listed(statement["Resource"])]
    return {
        name
        for name in names
        if name.startswith((f"imagesearch-{env}-images", f"imagesearch-{env}-artifacts"))
    }


def _unlocked(statement: Mapping[str, Any], action: str) -> set[str]:
    """The buckets for which a statement allows `action` of the key."""
    context = statement.get("Condition", {}).get("StringLike", {}).get("kms:EncryptionContext:aws:s3:arn", [])
    if action not in listed(statement["Action"]):
        return set()
    return {flat(arn).split(":::")[-1].split("/")[0] for arn in listed(context)}


# Manual snapshots are encrypted with S3's own keys, as the service asks.
WITHOUT_KEY = "Backup/SnapshotsRole"


@pytest.mark.parametrize("env", OWN_KEY)
@pytest.mark.parametrize(
    ("action", "needed"), [("s3:GetObject", "kms:Decrypt"), ("s3:PutObject", "kms:GenerateDataKey")]
)
def test_whoever_reads_or_writes_objects_may_use_the_key_for_them(
    synthesized: Synthesized, env: str, action: str, needed: str
) -> None:
    lacking = {}
    checked = 0
    for name, statements in _policies(synthesized.templates[env]):
        touched = set().union(*(_buckets(statement, action, env) for statement in statements))
        unlocked = set().union(*(_unlocked(statement, needed) for statement in statements))
        checked += bool(touched)
        if not touched <= unlocked and not name.startswith(WITHOUT_KEY):
            lacking[name] = touched - unlocked
    assert lacking == {}
    assert checked >= 5


@pytest.mark.parametrize("env", OWN_KEY)
def test_every_grant_of_the_key_is_bound_to_it_by_its_alias(synthesized: Synthesized, env: str) -> None:
    statements = list(_key_statements(synthesized.templates[env]))
    assert len(statements) >= 8
    for statement in statements:
        alias = statement["Condition"]["ForAnyValue:StringEquals"]["kms:ResourceAliases"]
        assert alias == f"alias/imagesearch-{env}-data"


@pytest.mark.parametrize("env", OWN_KEY)
def test_ingest_reads_its_encrypted_queue(synthesized: Synthesized, env: str) -> None:
    (statement,) = (
        statement
        for statement in _key_statements({"Ingest": synthesized.templates[env]["Ingest"]})
        if "kms:EncryptionContext:aws:sqs:arn" in statement["Condition"].get("StringEquals", {})
    )
    assert statement["Action"] == "kms:Decrypt"
