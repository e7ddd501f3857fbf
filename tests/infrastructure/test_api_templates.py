"""The REST API of every environment."""

import json

from stacks.settings import ENVIRONMENTS
from tests.infrastructure.assembly import Synthesized, resources


def test_every_method_asks_for_a_key_and_is_validated(synthesized: Synthesized) -> None:
    for _, stacks in synthesized.templates.items():
        methods = [m["Properties"] for m in resources(stacks["Api"], "AWS::ApiGateway::Method")]
        assert sorted(method["HttpMethod"] for method in methods) == ["GET", "GET", "GET", "POST"]
        assert all(method["ApiKeyRequired"] and method["RequestValidatorId"] for method in methods)


def test_stage_and_usage_plan_are_throttled_as_the_settings_say(synthesized: Synthesized) -> None:
    for env, stacks in synthesized.templates.items():
        api = ENVIRONMENTS[env].api
        (stage,) = resources(stacks["Api"], "AWS::ApiGateway::Stage")
        (plan,) = resources(stacks["Api"], "AWS::ApiGateway::UsagePlan")
        (method,) = stage["Properties"]["MethodSettings"]
        assert (method["ThrottlingRateLimit"], method["ThrottlingBurstLimit"]) == (
            api.rate_per_second,
            api.burst,
        )
        assert plan["Properties"]["Throttle"] == {"RateLimit": api.rate_per_second, "BurstLimit": api.burst}
        assert stage["Properties"]["StageName"] == "prod"
        assert stage["Properties"]["AccessLogSetting"]["DestinationArn"]


def test_binary_types_are_listed_one_by_one(synthesized: Synthesized) -> None:
    for _, stacks in synthesized.templates.items():
        (api,) = resources(stacks["Api"], "AWS::ApiGateway::RestApi")
        types = api["Properties"]["BinaryMediaTypes"]
        assert "image/jpeg" in types
        assert not [name for name in types if "*" in name]


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
        assert codes["INVALID_API_KEY"] == ("403", "key_missing")
        assert codes["THROTTLED"] == ("429", "throttled")
        assert codes["REQUEST_TOO_LARGE"] == ("413", "request_too_large")
        assert codes["MISSING_AUTHENTICATION_TOKEN"] == ("404", "route_unknown")
        assert {"DEFAULT_4XX", "DEFAULT_5XX"} <= set(codes)
        assert "Retry-After" in json.dumps(answers["THROTTLED"]["ResponseParameters"])
