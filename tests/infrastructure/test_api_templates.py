"""The REST API of every environment."""

import json
from typing import Any

from imagesearch.entrypoints.openapi import BODY_ERRORS, CREDENTIAL_ERRORS, GATEWAY_ERRORS
from imagesearch.entrypoints.request_types import PICTURE_TYPES
from imagesearch.entrypoints.routes import ROUTES
from stacks.settings import ENVIRONMENTS
from tests.infrastructure.assembly import Synthesized, resources


def test_the_gateway_has_the_routes_of_the_table_and_no_others(synthesized: Synthesized) -> None:
    table = {(route.method.value, route.path): route for route in ROUTES}
    for _, stacks in synthesized.templates.items():
        methods = methods_of(stacks["Api"])
        assert methods.keys() == table.keys()
        for called, method in methods.items():
            route = table[called]
            assert ("application/json" in method.get("RequestModels", {})) is (route.body is not None), called
            function = json.dumps(method["Integration"]["Uri"])
            assert route.function.title() in function, called


def test_every_method_is_validated(synthesized: Synthesized) -> None:
    for _, stacks in synthesized.templates.items():
        assert all(method["RequestValidatorId"] for method in methods_of(stacks["Api"]).values())


def test_stage_and_usage_plan_are_throttled_as_the_settings_say(synthesized: Synthesized) -> None:
    for env, stacks in synthesized.templates.items():
        api = ENVIRONMENTS[env].api
        (stage,) = resources(stacks["Api"], "AWS::ApiGateway::Stage")
        plans = resources(stacks["Api"], "AWS::ApiGateway::UsagePlan")
        throttles = {
            each["ResourcePath"]: (each["ThrottlingRateLimit"], each["ThrottlingBurstLimit"])
            for each in stage["Properties"]["MethodSettings"]
        }
        thumbnails = ENVIRONMENTS[env].thumbnails
        assert throttles == {
            "/*": (api.rate_per_second, api.burst),
            "/~1thumbnails~1{id}": (thumbnails.rate_per_second, thumbnails.burst),
        }
        limit = {"RateLimit": api.rate_per_second, "BurstLimit": api.burst}
        # A plan bounds keys; where nobody has one, the stage does it for all.
        assert [plan["Properties"]["Throttle"] for plan in plans] == (
            [limit] if api.authorisation == "key" else []
        )
        assert stage["Properties"]["StageName"] == "prod"
        assert stage["Properties"]["AccessLogSetting"]["DestinationArn"]


def test_binary_types_are_listed_one_by_one(synthesized: Synthesized) -> None:
    for _, stacks in synthesized.templates.items():
        (api,) = resources(stacks["Api"], "AWS::ApiGateway::RestApi")
        assert sorted(api["Properties"]["BinaryMediaTypes"]) == sorted(PICTURE_TYPES)
        assert "image/webp" in PICTURE_TYPES, "or thumbnails would be answered as base64"
        assert not [name for name in PICTURE_TYPES if "*" in name]


def test_the_gateways_own_errors_have_the_applications_shape(synthesized: Synthesized) -> None:
    for _, stacks in synthesized.templates.items():
        answers = {
            response["Properties"]["ResponseType"]: response["Properties"]
            for response in resources(stacks["Api"], "AWS::ApiGateway::GatewayResponse")
        }
        codes = {}
        for kind, answer in answers.items():
            body = json.loads(answer["ResponseTemplates"]["application/json"])
            assert set(body) == {"error", "request_id"}
            assert body["error"]["message"].endswith(".")
            codes[kind] = (answer.get("StatusCode"), body["error"]["code"])
        assert codes["THROTTLED"] == ("429", "throttled")
        assert codes["REQUEST_TOO_LARGE"] == ("413", "use_upload")
        assert codes["RESOURCE_NOT_FOUND"] == ("404", "route_unknown")
        assert codes["WAF_FILTERED"] == ("403", "request_blocked")
        assert {"DEFAULT_4XX", "DEFAULT_5XX"} <= set(codes)
        assert "Retry-After" in json.dumps(answers["THROTTLED"]["ResponseParameters"])


def test_the_gateways_own_errors_stand_in_the_openapi_document(synthesized: Synthesized) -> None:
    for env, stacks in synthesized.templates.items():
        of_credentials = CREDENTIAL_ERRORS[ENVIRONMENTS[env].api.authorisation]
        told = {(status, code) for status, code, _ in (*GATEWAY_ERRORS, *of_credentials, *BODY_ERRORS)}
        for response in resources(stacks["Api"], "AWS::ApiGateway::GatewayResponse"):
            answer = response["Properties"]
            code = json.loads(answer["ResponseTemplates"]["application/json"])["error"]["code"]
            if "StatusCode" in answer:
                assert (int(answer["StatusCode"]), code) in told, answer["ResponseType"]
            else:
                assert code in {known for _, known in told}


def methods_of(template: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the properties of each method of the API, by its name and its path."""
    found = template["Resources"].values()
    methods = [each["Properties"] for each in found if each["Type"] == "AWS::ApiGateway::Method"]
    return {(each["HttpMethod"], _path(template, each["ResourceId"])): each for each in methods}


def _path(template: dict[str, Any], reference: dict[str, Any]) -> str:
    if "Ref" not in reference:
        return ""
    resource = template["Resources"][reference["Ref"]]["Properties"]
    return f"{_path(template, resource['ParentId'])}/{resource['PathPart']}"
