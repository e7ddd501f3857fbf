"""What is looked at in every environment, who is told, and that the runbook knows each alarm."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import aws_cdk as cdk
import pytest

from imagesearch.figures import Figure, unit_of
from stacks.model_lock import LockedModel
from stacks.monitoring import MonitoringStack
from stacks.settings import DEV, ENVIRONMENTS, LOCAL, PROD, Settings, SettingsError
from stacks.settings.monitoring import MonitoringSettings
from tests.infrastructure.assembly import ROOT, Synthesized, flat, listed, resources

RUNBOOK = ROOT / "docs" / "operations.md"
WATCHED = [env for env, settings in ENVIRONMENTS.items() if settings.monitoring is not None]
ALARMED = [env for env in WATCHED if ENVIRONMENTS[env].monitoring.alarms]  # type: ignore[union-attr]
REPORTING = {"query": "Api", "ingest": "Ingest", "bulk_finish": "Bulk", "canary": "Api"}
MODEL = LockedModel(digest="d1" * 32, fingerprint="f1" * 32, dimension=512, python="3.12")


def _alarms(template: dict[str, Any], env: str) -> dict[str, dict[str, Any]]:
    """Return the alarms by what the runbook calls them."""
    alarms = [alarm["Properties"] for alarm in resources(template, "AWS::CloudWatch::Alarm")]
    return {alarm["AlarmName"].removeprefix(f"imagesearch-{env}-"): alarm for alarm in alarms}


def _template(settings: Settings) -> dict[str, Any]:
    app = cdk.App()
    assert settings.monitoring is not None
    MonitoringStack(
        app,
        "Monitoring",
        settings=settings,
        monitoring=settings.monitoring,
        models=dict.fromkeys(settings.models, MODEL),
    )
    read: dict[str, Any] = json.loads(json.dumps(app.synth().get_stack_by_name("Monitoring").template))
    return read


def _runbook(title: str) -> list[str]:
    """Return the headings of a chapter of the runbook."""
    chapters = re.split(r"^## ", RUNBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (chapter,) = [each for each in chapters if each.startswith(f"{title}\n")]
    return re.findall(r"^### (.+)$", chapter, flags=re.MULTILINE)


def test_what_wakes_people_is_there_where_people_are_to_be_woken(synthesized: Synthesized) -> None:
    assert ALARMED == ["staging", "prod"]
    alarmed = {
        env
        for env, stack, template in synthesized.all()
        if resources(template, "AWS::CloudWatch::Alarm") and stack == "Monitoring"
    }
    assert alarmed == set(ALARMED)


@pytest.mark.parametrize("env", ALARMED)
def test_every_alarm_tells_the_topic_when_it_is_raised_and_when_it_is_over(
    synthesized: Synthesized, env: str
) -> None:
    template = synthesized.templates[env]["Monitoring"]
    (topic,) = [name for name, each in template["Resources"].items() if each["Type"] == "AWS::SNS::Topic"]
    alarms = _alarms(template, env)
    assert len(alarms) > 15
    for name, alarm in alarms.items():
        told = [{"Ref": topic}]
        assert (alarm["AlarmActions"], alarm["OKActions"]) == (told, told), name
        assert alarm.get("ActionsEnabled", True), name


def test_the_runbook_has_an_entry_for_every_alarm_and_no_other(synthesized: Synthesized) -> None:
    alarms = {name for env in ALARMED for name in _alarms(synthesized.templates[env]["Monitoring"], env)}
    entries = _runbook("Alarms")
    assert sorted(alarms) == sorted(entries)


@pytest.mark.parametrize("env", ALARMED)
def test_an_alarm_says_what_is_wrong_and_where_it_is_told_what_to_do(
    synthesized: Synthesized, env: str
) -> None:
    for name, alarm in _alarms(synthesized.templates[env]["Monitoring"], env).items():
        assert alarm["AlarmDescription"].endswith(f". What to do: docs/operations.md, {name}.")


def test_the_runbook_names_every_saved_query(synthesized: Synthesized) -> None:
    queries = {
        each["Properties"]["Name"].removeprefix("imagesearch/prod/")
        for each in resources(synthesized.templates["prod"]["Monitoring"], "AWS::Logs::QueryDefinition")
    }
    text = RUNBOOK.read_text(encoding="utf-8")
    assert queries == set(re.findall(r"^\| `([^`]+)` \|", text, flags=re.MULTILINE)) & queries
    assert len(queries) == 5


def _metrics(node: Any) -> Iterator[tuple[str, str, tuple[tuple[str, str], ...]]]:
    """Yield namespace, name and dimensions of every metric of alarms and dashboard."""
    match node:
        case {"Namespace": namespace, "MetricName": name, "Dimensions": dimensions}:
            yield namespace, name, tuple((each["Name"], flat(each["Value"])) for each in dimensions)
        case {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": body}}:
            yield from _graphed(json.loads(flat(body)))
        case dict():
            for value in node.values():
                yield from _metrics(value)
        case list():
            for value in node:
                yield from _metrics(value)


def _graphed(body: dict[str, Any]) -> Iterator[tuple[str, str, tuple[tuple[str, str], ...]]]:
    for widget in body["widgets"]:
        for row in widget["properties"].get("metrics", []):
            namespace, name, *rest = [each for each in row if isinstance(each, str)]
            yield namespace, name, tuple(zip(rest[::2], rest[1::2], strict=True))


@pytest.mark.parametrize("env", WATCHED)
def test_the_figures_that_are_looked_at_are_those_that_functions_report(
    synthesized: Synthesized, env: str
) -> None:
    seen = {
        (name, dict(dimensions)["service"])
        for namespace, name, dimensions in _metrics(synthesized.templates[env]["Monitoring"])
        if namespace == f"ImageSearch/{env}"
    }
    assert {name for name, _ in seen} == set(Figure)
    assert {service for _, service in seen} == REPORTING.keys()
    assert all(unit_of(figure) for figure in Figure)


@pytest.mark.parametrize("env", WATCHED)
def test_reporting_functions_write_where_it_is_looked(synthesized: Synthesized, env: str) -> None:
    for service, stack in REPORTING.items():
        (variables,) = [
            function["Properties"]["Environment"]["Variables"]
            for function in resources(synthesized.templates[env][stack], "AWS::Lambda::Function")
            if function["Properties"]["Handler"] == f"imagesearch.entrypoints.{service}.handler"
        ]
        assert variables["POWERTOOLS_METRICS_NAMESPACE"] == f"ImageSearch/{env}"
        assert variables["POWERTOOLS_SERVICE_NAME"] == service


def _named(stacks: dict[str, dict[str, Any]], kind: str, name: str) -> set[str]:
    return {
        flat(each["Properties"][name])
        for template in stacks.values()
        for each in resources(template, kind)
        if name in each["Properties"]
    }


@pytest.mark.parametrize("env", WATCHED)
def test_what_is_looked_at_is_there_under_that_name(synthesized: Synthesized, env: str) -> None:
    stacks = dict(synthesized.templates[env])
    looked: dict[str, set[str]] = {}
    for _, _, dimensions in _metrics(stacks["Monitoring"]):
        for dimension, value in dimensions:
            looked.setdefault(dimension, set()).add(value)
    assert looked["FunctionName"] <= _named(stacks, "AWS::Lambda::Function", "FunctionName")
    assert looked["QueueName"] == _named(stacks, "AWS::SQS::Queue", "QueueName")
    assert looked["DomainName"] == _named(stacks, "AWS::OpenSearchService::Domain", "DomainName")
    assert looked["EndpointName"] == _named(stacks, "AWS::SageMaker::Endpoint", "EndpointName")
    assert looked["ApiName"] == _named(stacks, "AWS::ApiGateway::RestApi", "Name")
    assert looked["Stage"] == _named(stacks, "AWS::ApiGateway::Stage", "StageName")
    machines = _named(stacks, "AWS::StepFunctions::StateMachine", "StateMachineName")
    assert {arn.rpartition(":")[2] for arn in looked["StateMachineArn"]} <= machines


@pytest.mark.parametrize("env", WATCHED)
def test_the_saved_queries_ask_logs_that_there_are(synthesized: Synthesized, env: str) -> None:
    stacks = dict(synthesized.templates[env])
    groups = _named(stacks, "AWS::Logs::LogGroup", "LogGroupName")
    asked = {
        group
        for query in resources(stacks["Monitoring"], "AWS::Logs::QueryDefinition")
        for group in query["Properties"]["LogGroupNames"]
    }
    assert asked
    assert asked <= groups


@pytest.mark.parametrize("env", WATCHED)
def test_the_dashboard_shows_every_alarm(synthesized: Synthesized, env: str) -> None:
    template = synthesized.templates[env]["Monitoring"]
    (dashboard,) = resources(template, "AWS::CloudWatch::Dashboard")
    body = json.loads(flat(dashboard["Properties"]["DashboardBody"]))
    shown = [
        arn
        for widget in body["widgets"]
        if widget["type"] == "alarm"
        for arn in widget["properties"]["alarms"]
    ]
    assert len(shown) == len(_alarms(template, env))
    assert dashboard["Properties"]["DashboardName"] == f"imagesearch-{env}"


@pytest.mark.parametrize("env", WATCHED)
def test_the_canary_searches_as_often_as_its_alarm_looks(synthesized: Synthesized, env: str) -> None:
    monitoring = ENVIRONMENTS[env].monitoring
    assert monitoring is not None
    rates = [
        rule["Properties"]["ScheduleExpression"]
        for rule in resources(synthesized.templates[env]["Api"], "AWS::Events::Rule")
    ]
    minutes = monitoring.canary_minutes
    assert rates == ([] if minutes is None else [f"rate({minutes} minutes)"])
    alarm = _alarms(synthesized.templates[env]["Monitoring"], env).get("canary-failing")
    assert (alarm is None) == (minutes is None)
    if alarm is not None and minutes is not None:
        watched = alarm["Period"], alarm["EvaluationPeriods"], alarm["TreatMissingData"]
        assert watched == (minutes * 60, 2, "breaching")


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_canary_may_get_its_own_credentials_and_nothing_else(synthesized: Synthesized, env: str) -> None:
    template = synthesized.templates[env]["Api"]
    (canary,) = [
        function["Properties"]
        for function in resources(template, "AWS::Lambda::Function")
        if function["Properties"]["Handler"] == "imagesearch.entrypoints.canary.handler"
    ]
    role = canary["Role"]["Fn::GetAtt"][0]
    granted = {
        action
        for policy in resources(template, "AWS::IAM::Policy")
        if {"Ref": role} in policy["Properties"]["Roles"]
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        for action in listed(statement["Action"])
    }
    own = {"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTraceSegments", "xray:PutTelemetryRecords"}
    credentials = {
        "key": "apigateway:GET",
        "iam": "execute-api:Invoke",
        "cognito": "cognito-idp:DescribeUserPoolClient",
    }
    assert granted - own == {credentials[ENVIRONMENTS[env].api.authorisation]}
    # Callers come from outside, and so does the canary.
    assert "VpcConfig" not in canary


def test_alarms_are_encrypted_on_their_way_with_a_key_that_cloudwatch_may_use() -> None:
    managed = replace(DEV, monitoring=MonitoringSettings(notify=("on-call@search.example",)))
    template = _template(managed)
    (topic,) = resources(template, "AWS::SNS::Topic")
    (key,) = resources(template, "AWS::KMS::Key")
    assert "KmsMasterKeyId" in topic["Properties"]
    allowed = [
        statement
        for statement in key["Properties"]["KeyPolicy"]["Statement"]
        if statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    ]
    assert [sorted(statement["Action"]) for statement in allowed] == [["kms:Decrypt", "kms:GenerateDataKey"]]


def test_an_environments_own_key_encrypts_its_alarms(synthesized: Synthesized) -> None:
    for env in ALARMED:
        template = synthesized.templates[env]["Monitoring"]
        (topic,) = resources(template, "AWS::SNS::Topic")
        assert ENVIRONMENTS[env].encryption == "customer"
        assert "KmsMasterKeyId" in topic["Properties"]
        assert resources(template, "AWS::KMS::Key") == []


def test_addresses_of_the_settings_hear_of_alarms() -> None:
    addresses = ("one@search.example", "two@search.example")
    template = _template(replace(PROD, monitoring=MonitoringSettings(notify=addresses)))
    told = [each["Properties"] for each in resources(template, "AWS::SNS::Subscription")]
    assert [(each["Protocol"], each["Endpoint"]) for each in told] == [("email", each) for each in addresses]


def test_an_alarm_looks_at_every_deployed_model() -> None:
    template = _template(replace(PROD, models=("old", "new")))
    alarm = _alarms(template, "prod")["endpoint-failing"]
    assert sum("MetricStat" in each for each in alarm["Metrics"]) == 2


def test_vectors_memory_is_watched_where_vectors_have_memory_of_their_own() -> None:
    lucene = _alarms(_template(replace(PROD, index=replace(PROD.index, engine="lucene"))), "prod")
    assert _alarms(_template(PROD), "prod").keys() - lucene.keys() == {"vectors-memory", "vectors-breaker"}


def test_this_machine_watches_nothing(synthesized: Synthesized) -> None:
    assert LOCAL.monitoring is None
    assert "Monitoring" not in synthesized.templates["local"]
    assert "AWS::CloudWatch::Alarm" not in json.dumps(synthesized.templates["local"])


@pytest.mark.parametrize(
    "changes",
    [
        {"notify": ("nobody",)},
        {"notify": ("a@b.example",), "alarms": False},
        {"canary_minutes": 0},
        {"canary_minutes": 721},
        {"slow_search_ms": 0},
        {"slow_search_ms": 30_000},
        {"late_ingest_seconds": 59},
    ],
)
def test_unusable_settings_of_monitoring_are_refused(changes: dict[str, Any]) -> None:
    (name, *_) = changes
    with pytest.raises(SettingsError, match=f"monitoring.{name}"):
        MonitoringSettings(**changes)
