"""The firewall before the API: the service's managed rules, without those that every picture trips."""

from collections.abc import Mapping, Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as waf
from constructs import Construct

from stacks.components.api.gateway_errors import error_body
from stacks.components.foundations.log_retention import RETENTION
from stacks.settings import Settings

_COMMON, _BAD_INPUTS = "AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet"
_REPUTATION = "AWSManagedRulesAmazonIpReputationList"
_LABELS = {
    _COMMON: "awswaf:managed:aws:core-rule-set:",
    _BAD_INPUTS: "awswaf:managed:aws:known-bad-inputs:",
}
# Rules that look into bodies, where a picture's bytes look like anything and exceed 8 KB. They count and
# label instead of blocking; a rule of ours blocks by label on every route but the one that takes pictures.
BODY_RULES: Mapping[str, Sequence[str]] = {
    _COMMON: (
        "SizeRestrictions_BODY",
        "EC2MetaDataSSRF_BODY",
        "GenericLFI_BODY",
        "GenericRFI_BODY",
        "CrossSiteScripting_BODY",
    ),
    _BAD_INPUTS: ("JavaDeserializationRCE_BODY", "Log4JRCE_BODY", "ReactJSRCE_BODY"),
}
# A link to a thumbnail carries a key, a signature and a session, which may exceed 2 KB together.
LINK_RULES: Mapping[str, Sequence[str]] = {_COMMON: ("SizeRestrictions_QUERYSTRING",)}
_SUFFIXES = {"BODY": "Body", "QUERYSTRING": "QueryString"}
_WINDOW_SECONDS = 300
_TOO_OFTEN = "Too many requests from this address. Wait five minutes and try again."
_CARRYING_CREDENTIALS = ("authorization", "x-api-key")

_Statement = waf.CfnWebACL.StatementProperty


class Firewall(Construct):
    """A web ACL on `stage`, which logs what it blocks.

    Order: the rate of each address, addresses of ill repute, inputs of known attacks, the common rules, and
    what the last two only labelled. Behind the page's distribution an address is the one that it tells of,
    for its own is shared by many; who forges its headers is left to the stage's throttle.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: apigateway.Stage, settings: Settings
    ) -> None:
        super().__init__(scope, construct_id)
        most = settings.api.requests_per_address
        rules = [
            _rate_rule("Rate", most, aggregate_key_type="IP", scope_down_statement=_not(_through_page())),
            _rate_rule(
                "RateThroughPage",
                most,
                aggregate_key_type="FORWARDED_IP",
                forwarded_ip_config=waf.CfnWebACL.ForwardedIPConfigurationProperty(
                    header_name="X-Forwarded-For", fallback_behavior="MATCH"
                ),
                scope_down_statement=_through_page(),
            ),
            _managed("Reputation", _REPUTATION),
            _managed("BadInputs", _BAD_INPUTS, counted=BODY_RULES[_BAD_INPUTS]),
            _managed("Common", _COMMON, counted=[*BODY_RULES[_COMMON], *LINK_RULES[_COMMON]]),
            _block("Bodies", labels=_labels(BODY_RULES), but=_is_picture_route()),
            _block("QueryStrings", labels=_labels(LINK_RULES), but=_is_thumbnail()),
        ]
        acl = waf.CfnWebACL(
            self,
            "Acl",
            name=f"{settings.endpoint_prefix}api",
            scope="REGIONAL",
            default_action=waf.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_visibility("Firewall"),
            custom_response_bodies={
                "TooOften": waf.CfnWebACL.CustomResponseBodyProperty(
                    content_type="APPLICATION_JSON",
                    # The firewall knows no ids of requests: it answers before there is one.
                    content=error_body("throttled", _TOO_OFTEN, request_id=""),
                )
            },
            rules=[waf.CfnWebACL.RuleProperty(priority=place, **rule) for place, rule in enumerate(rules)],
        )
        waf.CfnWebACLAssociation(self, "Association", resource_arn=stage.stage_arn, web_acl_arn=acl.attr_arn)
        self._log(acl, settings)

    def _log(self, acl: waf.CfnWebACL, settings: Settings) -> None:
        group = logs.LogGroup(
            self,
            "Log",
            # The service writes to groups of such names only.
            log_group_name=f"aws-waf-logs-{settings.endpoint_prefix}api",
            retention=RETENTION[settings.functions.log_retention_days],
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        blocked = {"ActionCondition": {"Action": "BLOCK"}}
        waf.CfnLoggingConfiguration(
            self,
            "Logging",
            resource_arn=acl.attr_arn,
            log_destination_configs=[
                cdk.Stack.of(self).format_arn(
                    service="logs",
                    resource="log-group",
                    resource_name=group.log_group_name,
                    arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
                )
            ],
            logging_filter={
                "DefaultBehavior": "DROP",
                "Filters": [{"Behavior": "KEEP", "Requirement": "MEETS_ANY", "Conditions": [blocked]}],
            },
            redacted_fields=[
                waf.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": name})
                for name in _CARRYING_CREDENTIALS
            ],
        ).node.add_dependency(group)


def label_of(group: str, rule: str) -> str:
    """Return the label that a managed rule puts on a request, which spells the part of it otherwise."""
    name, part = rule.rsplit("_", 1)
    return f"{_LABELS[group]}{name}_{_SUFFIXES[part]}"


def _labels(rules: Mapping[str, Sequence[str]]) -> list[str]:
    return [label_of(group, rule) for group, names in rules.items() for rule in names]


def _rate_rule(name: str, requests: int, **counted: Any) -> dict[str, Any]:
    """Return the rule that blocks who is `counted` more than `requests` times in the window."""
    statement = waf.CfnWebACL.RateBasedStatementProperty(
        limit=requests, evaluation_window_sec=_WINDOW_SECONDS, **counted
    )
    response = waf.CfnWebACL.CustomResponseProperty(
        response_code=429,
        custom_response_body_key="TooOften",
        response_headers=[
            waf.CfnWebACL.CustomHTTPHeaderProperty(name="Retry-After", value=str(_WINDOW_SECONDS))
        ],
    )
    return {
        "name": name,
        "statement": _Statement(rate_based_statement=statement),
        "action": waf.CfnWebACL.RuleActionProperty(
            block=waf.CfnWebACL.BlockActionProperty(custom_response=response)
        ),
        "visibility_config": _visibility(name),
    }


def _managed(name: str, group: str, *, counted: Sequence[str] = ()) -> dict[str, Any]:
    count = waf.CfnWebACL.RuleActionProperty(count={})
    statement = waf.CfnWebACL.ManagedRuleGroupStatementProperty(
        vendor_name="AWS",
        name=group,
        rule_action_overrides=[
            waf.CfnWebACL.RuleActionOverrideProperty(name=rule, action_to_use=count) for rule in counted
        ]
        or None,
    )
    return {
        "name": name,
        "statement": _Statement(managed_rule_group_statement=statement),
        "override_action": waf.CfnWebACL.OverrideActionProperty(none={}),
        "visibility_config": _visibility(name),
    }


def _block(name: str, *, labels: Sequence[str], but: waf.CfnWebACL.StatementProperty) -> dict[str, Any]:
    """Return the rule that blocks what has one of `labels`, unless the statement `but` holds."""
    found = [
        _Statement(label_match_statement=waf.CfnWebACL.LabelMatchStatementProperty(scope="LABEL", key=label))
        for label in labels
    ]
    any_of = (
        found[0]
        if len(found) == 1
        else _Statement(or_statement=waf.CfnWebACL.OrStatementProperty(statements=found))
    )
    return {
        "name": name,
        "statement": _all_of(any_of, _not(but)),
        "action": waf.CfnWebACL.RuleActionProperty(block=waf.CfnWebACL.BlockActionProperty()),
        "visibility_config": _visibility(name),
    }


def _is_picture_route() -> waf.CfnWebACL.StatementProperty:
    """Return the statement that holds for POST /search, whatever stands before it: a stage or a domain."""
    return _all_of(
        _matches({"method": {}}, "EXACTLY", "POST"), _matches({"uri_path": {}}, "ENDS_WITH", "/search")
    )


def _through_page() -> waf.CfnWebACL.StatementProperty:
    return _matches({"single_header": {"Name": "via"}}, "CONTAINS", "(CloudFront)")


def _is_thumbnail() -> waf.CfnWebACL.StatementProperty:
    return _all_of(
        _matches({"method": {}}, "EXACTLY", "GET"), _matches({"uri_path": {}}, "CONTAINS", "/thumbnails/")
    )


def _matches(field: dict[str, Any], how: str, text: str) -> waf.CfnWebACL.StatementProperty:
    return _Statement(
        byte_match_statement=waf.CfnWebACL.ByteMatchStatementProperty(
            field_to_match=waf.CfnWebACL.FieldToMatchProperty(**field),
            positional_constraint=how,
            search_string=text,
            text_transformations=[waf.CfnWebACL.TextTransformationProperty(priority=0, type="NONE")],
        )
    )


def _not(statement: waf.CfnWebACL.StatementProperty) -> waf.CfnWebACL.StatementProperty:
    return _Statement(not_statement=waf.CfnWebACL.NotStatementProperty(statement=statement))


def _all_of(*statements: waf.CfnWebACL.StatementProperty) -> waf.CfnWebACL.StatementProperty:
    return _Statement(and_statement=waf.CfnWebACL.AndStatementProperty(statements=list(statements)))


def _visibility(name: str) -> waf.CfnWebACL.VisibilityConfigProperty:
    # Samples would show bodies and credentials of requests in the console.
    return waf.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=False
    )
