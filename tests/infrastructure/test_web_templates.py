"""What serves the search page: who can read it, what browsers are told, and how the API is reached."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from stacks.components.web.web_headers import content_security_policy, image_bucket_origins
from stacks.settings import DEV, ENVIRONMENTS, LOCAL, Settings, SettingsError
from stacks.settings.web import WebSettings
from tests.infrastructure.assembly import Synthesized, flat, listed, resources

CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"


@pytest.fixture(params=ENVIRONMENTS)
def env(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def template(synthesized: Synthesized, env: str) -> dict[str, Any]:
    return synthesized.templates[env]["Web"]


@pytest.fixture
def distribution(template: dict[str, Any]) -> dict[str, Any]:
    (resource,) = resources(template, "AWS::CloudFront::Distribution")
    config: dict[str, Any] = resource["Properties"]["DistributionConfig"]
    return config


def _origin(distribution: dict[str, Any], behavior: dict[str, Any]) -> dict[str, Any]:
    (origin,) = [each for each in distribution["Origins"] if each["Id"] == behavior["TargetOriginId"]]
    return dict(origin)


def _headers(template: dict[str, Any]) -> dict[str, Any]:
    (policy,) = resources(template, "AWS::CloudFront::ResponseHeadersPolicy")
    config: dict[str, Any] = policy["Properties"]["ResponseHeadersPolicyConfig"]
    return config


def test_the_page_can_be_read_through_its_distribution_only(
    template: dict[str, Any], distribution: dict[str, Any]
) -> None:
    (bucket,) = resources(template, "AWS::S3::Bucket")
    assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    assert "WebsiteConfiguration" not in bucket["Properties"]
    (policy,) = resources(template, "AWS::S3::BucketPolicy")
    allowed = [s for s in policy["Properties"]["PolicyDocument"]["Statement"] if s["Effect"] == "Allow"]
    (statement,) = allowed
    assert statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert listed(statement["Action"]) == ["s3:GetObject"]
    assert "distribution/" in flat(statement["Condition"]["StringEquals"]["AWS:SourceArn"])
    origin = _origin(distribution, distribution["DefaultCacheBehavior"])
    assert origin["S3OriginConfig"] == {"OriginAccessIdentity": ""}
    (control,) = resources(template, "AWS::CloudFront::OriginAccessControl")
    signing = control["Properties"]["OriginAccessControlConfig"]
    assert (signing["SigningBehavior"], signing["SigningProtocol"]) == ("always", "sigv4")
    assert origin["OriginAccessControlId"]


def test_the_page_is_found_at_the_root_by_https_compressed_and_without_cookies(
    distribution: dict[str, Any],
) -> None:
    page = distribution["DefaultCacheBehavior"]
    assert distribution["DefaultRootObject"] == "index.html"
    assert page["ViewerProtocolPolicy"] == "redirect-to-https"
    assert page["Compress"] is True
    assert set(page["AllowedMethods"]) == {"GET", "HEAD"}
    assert "OriginRequestPolicyId" not in page
    assert distribution["HttpVersion"] == "http2and3"


def test_the_api_lies_under_the_pages_domain_with_all_that_a_request_says_but_its_host(
    template: dict[str, Any], distribution: dict[str, Any], env: str
) -> None:
    (api,) = distribution["CacheBehaviors"]
    assert api["PathPattern"] == "/api/*"
    assert set(api["AllowedMethods"]) == {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}
    assert api["CachePolicyId"] == CACHING_DISABLED
    assert api["OriginRequestPolicyId"] == ALL_VIEWER_EXCEPT_HOST
    assert api["ViewerProtocolPolicy"] == "https-only"
    origin = _origin(distribution, api)
    if env == "local":
        assert origin["DomainName"] == "localhost"
        assert flat(origin["OriginPath"]) == "/restapis/reference/prod/_user_request_"
    else:
        assert flat(origin["DomainName"]) == "reference.execute-api.us-east-1.reference"
        assert flat(origin["OriginPath"]) == "/prod"
        custom = origin["CustomOriginConfig"]
        assert custom["OriginProtocolPolicy"] == "https-only"
        assert custom["OriginSSLProtocols"] == ["TLSv1.2"]
        assert custom["OriginReadTimeout"] > 29
    (function,) = resources(template, "AWS::CloudFront::Function")
    (association,) = api["FunctionAssociations"]
    assert association["EventType"] == "viewer-request"
    assert function["Properties"]["AutoPublish"] is True
    assert function["Properties"]["FunctionConfig"]["Runtime"] == "cloudfront-js-2.0"


def test_an_error_of_the_api_is_never_replaced_by_a_page(distribution: dict[str, Any]) -> None:
    assert "CustomErrorResponses" not in distribution


def test_every_answer_carries_the_security_headers(
    template: dict[str, Any], distribution: dict[str, Any]
) -> None:
    behaviors = [distribution["DefaultCacheBehavior"], *distribution["CacheBehaviors"]]
    assert all(behavior["ResponseHeadersPolicyId"] for behavior in behaviors)
    security = _headers(template)["SecurityHeadersConfig"]
    assert all(header["Override"] for header in security.values())
    assert security["StrictTransportSecurity"]["AccessControlMaxAgeSec"] == 730 * 86_400
    assert security["FrameOptions"]["FrameOption"] == "DENY"
    assert security["ReferrerPolicy"]["ReferrerPolicy"] == "no-referrer"
    assert "ContentTypeOptions" in security
    others = {h["Header"]: h["Value"] for h in _headers(template)["CustomHeadersConfig"]["Items"]}
    assert others["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "microphone=()" in others["Permissions-Policy"]


def _policy(template: dict[str, Any]) -> dict[str, list[str]]:
    security = _headers(template)["SecurityHeadersConfig"]
    text = flat(security["ContentSecurityPolicy"]["ContentSecurityPolicy"])
    return {name: values for name, *values in (directive.split() for directive in text.split("; "))}


def test_the_page_runs_nothing_but_its_own_files_and_speaks_to_bucket_and_sign_in_only(
    template: dict[str, Any], env: str
) -> None:
    policy = _policy(template)
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == ["'self'"]
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == ["'none'"]
    bucket = f"imagesearch-{env}-images-reference-us-east-1"
    buckets = {
        "local": ["http://127.0.0.1:4566"],
    }.get(env, [f"https://{bucket}.s3.us-east-1.reference", f"https://{bucket}.s3.reference"])
    assert policy["img-src"] == ["'self'", "blob:", "data:", *buckets]
    cognito = ENVIRONMENTS[env].api.authorisation == "cognito"
    sign_in = [f"https://imagesearch-{env}-reference.auth.us-east-1.amazoncognito.com"] if cognito else []
    assert policy["connect-src"] == ["'self'", *buckets, *sign_in]
    assert not any("unsafe" in value for values in policy.values() for value in values)


def test_a_bucket_of_another_region_is_reached_by_its_regions_address_only() -> None:
    origins = image_bucket_origins(replace(DEV, region="eu-central-1"))
    assert len(origins) == 1
    assert ".s3.eu-central-1." in origins[0]
    assert origins[0] in content_security_policy(replace(DEV, region="eu-central-1"))


def test_the_pages_files_come_from_the_repository_with_what_the_page_must_know(
    template: dict[str, Any], env: str
) -> None:
    (files,) = resources(template, "Custom::WebFiles")
    configuration = files["Properties"]["Configuration"]
    authorisation = ENVIRONMENTS[env].api.authorisation
    assert configuration["api"] == "/api"
    assert configuration["environment"] == env
    assert configuration["authorisation"] == authorisation
    assert configuration["languages"] == ["en", "zh"]
    assert ("sign_in" in configuration) == (authorisation == "cognito")
    assert flat(files["Properties"]["Archive"]).endswith(".zip")


def test_people_sign_in_by_a_client_without_a_secret_and_come_back_to_the_page(
    template: dict[str, Any], env: str
) -> None:
    clients = resources(template, "AWS::Cognito::UserPoolClient")
    if ENVIRONMENTS[env].api.authorisation != "cognito":
        assert clients == []
        return
    (client,) = clients
    properties = client["Properties"]
    assert properties["GenerateSecret"] is False
    assert properties["AllowedOAuthFlows"] == ["code"]
    page = flat(template["Outputs"]["PageUrl"]["Value"])
    assert [flat(address) for address in properties["CallbackURLs"]] == [page]
    (files,) = resources(template, "Custom::WebFiles")
    sign_in = files["Properties"]["Configuration"]["sign_in"]
    assert sign_in["scopes"] == ["imagesearch/search"]
    assert flat(sign_in["domain"]).endswith(".auth.us-east-1.amazoncognito.com")


def test_the_function_that_brings_the_files_reads_one_archive_and_writes_the_pages_bucket_only(
    template: dict[str, Any],
) -> None:
    granted = {
        (action, flat(resource).rpartition(":")[2])
        for policy in resources(template, "AWS::IAM::Policy")
        if policy["Properties"]["Roles"][0]["Ref"].startswith("FilesPublishRole")
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
        if action.startswith("s3:")
    }
    reading = {resource for action, resource in granted if action == "s3:GetObject"}
    assert len(reading) == 1
    assert reading.pop().endswith(".zip")
    assert {action: resource for action, resource in granted if action != "s3:GetObject"} == {
        "s3:ListBucket": "reference",
        "s3:PutObject": "reference/*",
        "s3:DeleteObject": "reference/*",
    }


def test_the_pages_bucket_logs_its_accesses_where_the_others_do(
    synthesized: Synthesized, template: dict[str, Any], env: str
) -> None:
    (bucket,) = resources(template, "AWS::S3::Bucket")
    logging = bucket["Properties"]["LoggingConfiguration"]
    assert flat(logging["DestinationBucketName"]) == f"imagesearch-{env}-logs-reference-us-east-1"
    policies = resources(synthesized.templates[env]["Data"], "AWS::S3::BucketPolicy")
    writers = [
        flat(statement["Condition"]["ArnLike"]["aws:SourceArn"])
        for policy in policies
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
        and "aws:SourceArn" in statement.get("Condition", {}).get("ArnLike", {})
    ]
    assert any(writer.endswith(f"imagesearch-{env}-web-reference-us-east-1") for writer in writers)


def test_the_image_bucket_admits_the_page(synthesized: Synthesized, env: str) -> None:
    rules = [
        rule
        for bucket in resources(synthesized.templates[env]["Data"], "AWS::S3::Bucket")
        for rule in bucket["Properties"].get("CorsConfiguration", {}).get("CorsRules", [])
    ]
    (rule,) = rules
    wanted = "http://127.0.0.1:*" if env == "local" else "https://*.cloudfront.net"
    assert wanted in rule["AllowedOrigins"]


def test_a_domain_of_ones_own_is_the_page_address_and_the_only_origin_that_the_bucket_admits() -> None:
    web = WebSettings(domain_name="search.example", certificate_arn=CERTIFICATE)
    assert replace(DEV, web=web).page_origins == ("https://search.example",)


def test_without_a_page_the_image_bucket_admits_no_origin() -> None:
    assert replace(DEV, web=None).page_origins == ()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WebSettings(domain_name="search.example"), "go together"),
        (lambda: WebSettings(domain_name="https://x.example", certificate_arn=CERTIFICATE), "such as search"),
        (
            lambda: WebSettings(
                domain_name="x.example", certificate_arn=CERTIFICATE.replace("us-east-1", "eu-west-1")
            ),
            "in us-east-1",
        ),
        (lambda: WebSettings(price_class="300"), "100, 200, all"),  # type: ignore[arg-type]
        (lambda: replace(DEV, api=replace(DEV.api, authorisation="iam")), "signs no requests"),
        (lambda: replace(DEV, emulator_url="http://127.0.0.1:4566"), "go together"),
        (lambda: replace(LOCAL, emulator_url="http://emulator.example"), "such as http"),
    ],
)
def test_settings_that_no_page_can_have_are_refused(
    make: Callable[[], WebSettings | Settings], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        make()


def test_an_environment_on_this_machine_that_asks_for_signatures_has_no_page() -> None:
    assert LOCAL.with_overrides(local_authorisation="iam").web is None
    assert LOCAL.with_overrides(local_authorisation="cognito").web is not None


def test_the_page_on_this_machine_asks_the_emulator_that_it_is_deployed_to() -> None:
    settings = LOCAL.with_overrides(emulator_url="http://127.0.0.1:20001")
    assert image_bucket_origins(settings) == ["http://127.0.0.1:20001"]
    assert DEV.with_overrides(emulator_url="http://127.0.0.1:20001").emulator_url is None
