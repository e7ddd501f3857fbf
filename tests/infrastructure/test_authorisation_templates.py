"""What the API asks of its callers in each mode, the user pool behind it, and the firewall before it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from imagesearch.entrypoints.openapi import CREDENTIAL_ERRORS
from imagesearch.entrypoints.routes import ROUTES
from imagesearch_client.authorisation import SEARCH_SCOPE
from scripts.costs.estimate import FIREWALL_RULES
from stacks import names
from stacks.components.api.web_acl import BODY_RULES, LINK_RULES, label_of
from stacks.settings import ENVIRONMENTS, PROD, STAGING
from stacks.settings.users import LOGIN_ADDRESSES
from tests.infrastructure.assembly import Synthesized, flat, resources
from tests.infrastructure.modes import MODES, synthesize_modes
from tests.infrastructure.test_api_templates import methods_of

GUARDS: dict[str, dict[str, Any]] = {
    "key": {"ApiKeyRequired": True, "AuthorizationType": "NONE"},
    "iam": {"ApiKeyRequired": None, "AuthorizationType": "AWS_IAM"},
    "cognito": {
        "ApiKeyRequired": None,
        "AuthorizationType": "COGNITO_USER_POOLS",
        "AuthorizationScopes": ["imagesearch/search"],
    },
}


@pytest.fixture(scope="module")
def modes(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    return synthesize_modes(tmp_path_factory.mktemp("modes"))


@pytest.mark.parametrize("mode", MODES)
def test_every_route_but_thumbnails_asks_who_calls_in_the_one_way_of_its_mode(
    modes: Synthesized, mode: str
) -> None:
    methods = methods_of(modes.templates[mode]["Api"])
    guarded = {(route.method.value, route.path) for route in ROUTES if route.guarded}

    for called, method in methods.items():
        asked = {name: method.get(name) for name in GUARDS[mode]}
        assert (asked == GUARDS[mode]) is (called in guarded), called
    assert {path for _, path in methods.keys() - guarded} == {"/thumbnails/{id}"}


@pytest.mark.parametrize("mode", MODES)
def test_who_is_not_let_in_is_told_in_the_applications_shape(modes: Synthesized, mode: Any) -> None:
    found = {
        (answer["StatusCode"], json.loads(answer["ResponseTemplates"]["application/json"])["error"]["code"])
        for answer in _gateway_responses(modes.templates[mode]["Api"]).values()
        if "StatusCode" in answer
    }
    assert {(str(status), code) for status, code, _ in CREDENTIAL_ERRORS[mode]} <= found
    others = {code for other in MODES if other != mode for _, code, _ in CREDENTIAL_ERRORS[other]}
    assert not others & {code for _, code in found}


def test_a_refused_caller_without_a_token_is_told_where_to_sign_in(modes: Synthesized) -> None:
    refusal = _gateway_responses(modes.templates["cognito"]["Api"])["UNAUTHORIZED"]
    challenge = flat(refusal["ResponseParameters"]["gatewayresponse.header.WWW-Authenticate"])

    assert challenge == (
        '\'Bearer realm="imagesearch-dev-api", scope="imagesearch/search", '
        'sign_in="https://imagesearch-dev-reference.auth.us-east-1.amazoncognito.com", '
        'client_id="reference"\''
    )


def test_only_the_mode_of_keys_has_a_key_and_only_that_of_tokens_has_users(modes: Synthesized) -> None:
    assert [bool(resources(modes.templates[m]["Api"], "AWS::ApiGateway::ApiKey")) for m in MODES] == [
        True,
        False,
        False,
    ]
    assert ["Users" in modes.templates[mode] for mode in MODES] == [False, False, True]
    outputs = {mode: modes.templates[mode]["Api"]["Outputs"] for mode in MODES}
    assert {mode: outputs[mode]["ApiAuthorisation"]["Value"] for mode in MODES} == {m: m for m in MODES}
    assert "ApiKeyId" in outputs["key"]
    assert "ApiCallersPolicyArn" in outputs["iam"]


def test_the_policy_of_those_who_sign_names_every_guarded_method_and_no_other(modes: Synthesized) -> None:
    (policy,) = resources(modes.templates["iam"]["Api"], "AWS::IAM::ManagedPolicy")
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]

    assert statement["Action"] == "execute-api:Invoke"
    named = {flat(arn).partition("/prod/")[2] for arn in statement["Resource"]}
    assert named == {f"{r.method}{r.path.replace('{id}', '*')}" for r in ROUTES if r.guarded}


def test_nobody_gets_an_account_uninvited_or_keeps_a_weak_password(modes: Synthesized) -> None:
    pool = _pool(modes.templates["cognito"])

    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert pool["Policies"]["PasswordPolicy"]["MinimumLength"] >= 12
    assert pool["EnabledMfas"] == ["SOFTWARE_TOKEN_MFA"]


def test_the_users_of_prod_are_kept_and_have_a_second_factor_and_protection(synthesized: Synthesized) -> None:
    template = synthesized.templates["prod"]["Users"]
    (resource,) = resources(template, "AWS::Cognito::UserPool")
    pool = resource["Properties"]

    assert (pool["DeletionProtection"], resource["DeletionPolicy"]) == ("ACTIVE", "Retain")
    assert (pool["MfaConfiguration"], pool["UserPoolTier"]) == ("ON", "PLUS")
    assert pool["UserPoolAddOns"] == {"AdvancedSecurityMode": "ENFORCED"}
    assert _pool(synthesized.templates["staging"])["DeletionProtection"] == "INACTIVE"


def test_machines_have_a_secret_that_no_output_tells_and_people_have_none(modes: Synthesized) -> None:
    template = modes.templates["cognito"]["Users"]
    clients = {
        tuple(client["Properties"]["AllowedOAuthFlows"]): client["Properties"]
        for client in resources(template, "AWS::Cognito::UserPoolClient")
    }

    assert clients.keys() == {("client_credentials",), ("code",)}
    assert clients["client_credentials",]["GenerateSecret"] is True
    assert clients["code",]["GenerateSecret"] is False
    assert clients["code",]["CallbackURLs"] == list(LOGIN_ADDRESSES)
    for client in clients.values():
        assert client["AllowedOAuthScopes"] == [names.SEARCH_SCOPE] == [SEARCH_SCOPE]
        assert client["ExplicitAuthFlows"] == ["ALLOW_REFRESH_TOKEN_AUTH"], "no client takes passwords"
    assert "ClientSecret" not in json.dumps(modes.templates["cognito"])


def test_a_token_that_has_expired_is_taken_for_a_minute_at_most(modes: Synthesized) -> None:
    (authorizer,) = resources(modes.templates["cognito"]["Api"], "AWS::ApiGateway::Authorizer")

    assert authorizer["Properties"]["AuthorizerResultTtlInSeconds"] <= 60
    assert authorizer["Properties"]["IdentitySource"] == "method.request.header.Authorization"


def test_staging_asks_what_prod_asks() -> None:
    assert STAGING.api.authorisation == PROD.api.authorisation == "cognito"
    assert STAGING.api.firewall
    assert PROD.api.firewall


def test_a_firewall_stands_before_the_api_where_the_settings_say(synthesized: Synthesized) -> None:
    for env, stacks in synthesized.templates.items():
        associations = resources(stacks["Api"], "AWS::WAFv2::WebACLAssociation")
        assert len(associations) == ENVIRONMENTS[env].api.firewall, env
    assert "restapis" in json.dumps(
        resources(synthesized.templates["prod"]["Api"], "AWS::WAFv2::WebACLAssociation")
    )


def test_rules_that_pictures_trip_count_and_label_in_the_managed_groups(modes: Synthesized) -> None:
    counted = {
        group["Name"]: {each["Name"] for each in group.get("RuleActionOverrides", [])}
        for rule in _rules(modes).values()
        if (group := rule["Statement"].get("ManagedRuleGroupStatement"))
    }

    assert counted == {
        "AWSManagedRulesAmazonIpReputationList": set(),
        "AWSManagedRulesCommonRuleSet": {
            "SizeRestrictions_BODY",
            "EC2MetaDataSSRF_BODY",
            "GenericLFI_BODY",
            "GenericRFI_BODY",
            "CrossSiteScripting_BODY",
            "SizeRestrictions_QUERYSTRING",
        },
        "AWSManagedRulesKnownBadInputsRuleSet": {
            "JavaDeserializationRCE_BODY",
            "Log4JRCE_BODY",
            "ReactJSRCE_BODY",
        },
    }
    for rule in _rules(modes).values():
        for override in rule["Statement"].get("ManagedRuleGroupStatement", {}).get("RuleActionOverrides", []):
            assert override["ActionToUse"] == {"Count": {}}


@pytest.mark.parametrize(
    ("method", "path", "rule", "blocked"),
    [
        ("POST", "/prod/search", "SizeRestrictions_BODY", False),
        ("POST", "/search", "CrossSiteScripting_BODY", False),
        ("POST", "/prod/search", "Log4JRCE_BODY", False),
        ("POST", "/prod/uploads", "SizeRestrictions_BODY", True),
        ("POST", "/prod/uploads", "GenericRFI_BODY", True),
        ("GET", "/prod/search", "CrossSiteScripting_BODY", True),
        ("POST", "/prod/search/more", "ReactJSRCE_BODY", True),
        ("GET", "/prod/thumbnails/5e", "SizeRestrictions_QUERYSTRING", False),
        ("GET", "/prod/search", "SizeRestrictions_QUERYSTRING", True),
        ("POST", "/prod/thumbnails/5e", "SizeRestrictions_QUERYSTRING", True),
        ("GET", "/prod/thumbnails/5e", "SizeRestrictions_BODY", True),
    ],
)
def test_what_is_only_counted_for_pictures_is_blocked_everywhere_else(
    modes: Synthesized, method: str, path: str, rule: str, blocked: bool
) -> None:
    labels = {
        label_of(group, name)
        for rules in (BODY_RULES, LINK_RULES)
        for group, named in rules.items()
        for name in named
        if name == rule
    }
    request = {"method": method, "path": path, "labels": labels, "via": ""}
    own = [rule for rule in _rules(modes).values() if "Block" in rule.get("Action", {})]

    assert any(_holds(rule["Statement"], request) for rule in own) is blocked


def test_the_estimate_of_costs_knows_how_many_rules_are_paid_for(modes: Synthesized) -> None:
    assert len(_rules(modes)) == FIREWALL_RULES


def test_labels_are_looked_at_after_the_groups_that_put_them(modes: Synthesized) -> None:
    rules = _rules(modes)
    managed = [r["Priority"] for r in rules.values() if "ManagedRuleGroupStatement" in r["Statement"]]

    assert max(managed) < min(rules["Bodies"]["Priority"], rules["QueryStrings"]["Priority"])


@pytest.mark.parametrize(
    ("via", "counted_by"), [("", "Rate"), ("2.0 abc.cloudfront.net (CloudFront)", "RateThroughPage")]
)
def test_each_caller_is_held_to_a_rate_also_behind_the_page(
    modes: Synthesized, via: str, counted_by: str
) -> None:
    rates = {
        name: rule["Statement"]["RateBasedStatement"]
        for name, rule in _rules(modes).items()
        if "RateBasedStatement" in rule["Statement"]
    }
    request = {"method": "GET", "path": "/prod/search", "labels": set(), "via": via}

    assert [name for name, r in rates.items() if _holds(r["ScopeDownStatement"], request)] == [counted_by]
    assert {rate["Limit"] for rate in rates.values()} == {ENVIRONMENTS["dev"].api.requests_per_address}
    assert rates["Rate"]["AggregateKeyType"] == "IP"
    assert rates["RateThroughPage"]["ForwardedIPConfig"]["HeaderName"] == "X-Forwarded-For"


def test_who_asks_too_often_is_told_so_in_the_applications_shape(modes: Synthesized) -> None:
    (acl,) = resources(modes.templates["key"]["Api"], "AWS::WAFv2::WebACL")
    answer = _rules(modes)["Rate"]["Action"]["Block"]["CustomResponse"]
    body = acl["Properties"]["CustomResponseBodies"][answer["CustomResponseBodyKey"]]

    assert (answer["ResponseCode"], json.loads(body["Content"])["error"]["code"]) == (429, "throttled")
    assert {"Name": "Retry-After", "Value": "300"} in answer["ResponseHeaders"]


def test_the_firewalls_log_holds_what_it_blocked_without_credentials(modes: Synthesized) -> None:
    (logging,) = resources(modes.templates["cognito"]["Api"], "AWS::WAFv2::LoggingConfiguration")
    redacted = {field["SingleHeader"]["Name"] for field in logging["Properties"]["RedactedFields"]}

    assert redacted == {"authorization", "x-api-key"}
    assert logging["Properties"]["LoggingFilter"]["DefaultBehavior"] == "DROP"


_PLACES: dict[str, Callable[[str, str], bool]] = {
    "EXACTLY": str.__eq__,
    "ENDS_WITH": str.endswith,
    "CONTAINS": str.__contains__,
}


def _holds(statement: dict[str, Any], request: dict[str, Any]) -> bool:
    """Whether the firewall's statement holds for a request, as far as ours use the language."""
    ((kind, said),) = statement.items()
    match kind:
        case "AndStatement":
            return all(_holds(each, request) for each in said["Statements"])
        case "OrStatement":
            return any(_holds(each, request) for each in said["Statements"])
        case "NotStatement":
            return not _holds(said["Statement"], request)
        case "LabelMatchStatement":
            return said["Key"] in request["labels"]
        case "ByteMatchStatement":
            (field,) = said["FieldToMatch"]
            text = request[{"Method": "method", "UriPath": "path", "SingleHeader": "via"}[field]]
            sought = str(said["SearchString"])
            return bool(_PLACES[said["PositionalConstraint"]](text, sought))
        case "RateBasedStatement":
            return False
    raise AssertionError(f"no statement of ours: {kind}")


def _rules(modes: Synthesized) -> dict[str, dict[str, Any]]:
    (acl,) = resources(modes.templates["key"]["Api"], "AWS::WAFv2::WebACL")
    return {rule["Name"]: rule for rule in acl["Properties"]["Rules"]}


def _gateway_responses(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = resources(template, "AWS::ApiGateway::GatewayResponse")
    return {each["Properties"]["ResponseType"]: each["Properties"] for each in found}


def _pool(stacks: Any) -> dict[str, Any]:
    (pool,) = resources(stacks["Users"], "AWS::Cognito::UserPool")
    properties: dict[str, Any] = pool["Properties"]
    return properties
