"""The distribution of the search page: the page's bucket behind `/`, the API behind `/api`."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

import aws_cdk as cdk
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks import limits, names
from stacks.components.foundations.permissions import acknowledge
from stacks.components.web.web_headers import response_headers
from stacks.settings import Settings
from stacks.settings.web import PriceClass, WebSettings

API_PATH = "/api"
"""Where the page finds the API on its own domain; the API's own paths do not begin with it."""
ENTRY = "index.html"
_WITHOUT_PREFIX = f"""\
function handler(event) {{
  var request = event.request;
  request.uri = request.uri.slice({len(API_PATH)});
  return request;
}}
"""


class WebDistribution(Construct):
    """The private bucket `bucket`, and `distribution` before it and before the API called `api_id`.

    `address` is the page's, ending in a slash.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, web: WebSettings, api_id: str
    ) -> None:
        super().__init__(scope, construct_id)
        self.bucket = _bucket(self, settings)
        headers = response_headers(self, settings=settings)
        self.distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"Search page and API of {settings.name}",
            default_root_object=ENTRY,
            default_behavior=self._page(settings, headers),
            additional_behaviors={f"{API_PATH}/*": self._api(settings, api_id, headers)},
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            price_class=_PRICE_CLASSES[web.price_class],
            **self._own_name(web),
        )
        self.address = f"https://{web.domain_name or self.distribution.distribution_domain_name}/"
        acknowledge(self.distribution, _findings(settings, web))

    def _own_name(self, web: WebSettings) -> dict[str, Any]:
        if web.certificate_arn is None:
            return {}
        return {
            "domain_names": [web.domain_name],
            "certificate": acm.Certificate.from_certificate_arn(self, "Certificate", web.certificate_arn),
            "minimum_protocol_version": cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
        }

    def _page(
        self, settings: Settings, headers: cloudfront.ResponseHeadersPolicy
    ) -> cloudfront.BehaviorOptions:
        access = cloudfront.S3OriginAccessControl(
            self, "Access", origin_access_control_name=f"{settings.endpoint_prefix}web-{settings.region}"
        )
        return cloudfront.BehaviorOptions(
            origin=origins.S3BucketOrigin.with_origin_access_control(
                self.bucket, origin_access_control=access
            ),
            allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD,
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
            # The files say `no-cache`, which holds here after a second.
            cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
            response_headers_policy=headers,
            compress=True,
        )

    def _api(
        self, settings: Settings, api_id: str, headers: cloudfront.ResponseHeadersPolicy
    ) -> cloudfront.BehaviorOptions:
        without_prefix = cloudfront.Function(
            self,
            "WithoutPrefix",
            comment=f"Asks the API of {settings.name} for its own paths, which lack {API_PATH}",
            code=cloudfront.FunctionCode.from_inline(_WITHOUT_PREFIX),
            runtime=cloudfront.FunctionRuntime.JS_2_0,
        )
        return cloudfront.BehaviorOptions(
            origin=_api_origin(settings, api_id),
            allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
            # A request that has come by plain http has told its key already: it is not led on.
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
            cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
            # API Gateway finds the API by Host.
            origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
            response_headers_policy=headers,
            function_associations=[
                cloudfront.FunctionAssociation(
                    function=without_prefix, event_type=cloudfront.FunctionEventType.VIEWER_REQUEST
                )
            ],
        )


def _bucket(scope: Construct, settings: Settings) -> s3.Bucket:
    # Nothing in it is kept: whoever removes the stack has the files in the repository.
    bucket = s3.Bucket(
        scope,
        "Bucket",
        bucket_name=names.web_bucket(settings),
        encryption=s3.BucketEncryption.S3_MANAGED,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        server_access_logs_bucket=s3.Bucket.from_bucket_name(scope, "Logs", names.log_bucket(settings)),
        server_access_logs_prefix=names.WEB_LOGS,
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
    reason = "The stack of the bucket of logs lets S3 write them."
    acknowledge(bucket, {"Annotation::@aws-cdk/aws-s3:accessLogsPolicyNotAdded": reason})
    return bucket


def _api_origin(settings: Settings, api_id: str) -> origins.HttpOrigin:
    if settings.emulator_url is not None:
        return _emulated_origin(urlsplit(settings.emulator_url), api_id)
    return origins.HttpOrigin(
        f"{api_id}.execute-api.{settings.region}.{cdk.Aws.URL_SUFFIX}",
        origin_path=f"/{names.API_STAGE}",
        protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
        origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
        # The API says itself that a search took too long.
        read_timeout=cdk.Duration.seconds(limits.API_SECONDS.value + 1),
    )


def _emulated_origin(emulator: SplitResult, api_id: str) -> origins.HttpOrigin:
    policy = cloudfront.OriginProtocolPolicy
    return origins.HttpOrigin(
        # An origin is called by a name.
        "localhost",
        http_port=emulator.port,
        https_port=emulator.port,
        origin_path=f"/restapis/{api_id}/{names.API_STAGE}/_user_request_",
        protocol_policy=policy.HTTPS_ONLY if emulator.scheme == "https" else policy.HTTP_ONLY,
    )


_PRICE_CLASSES: Mapping[PriceClass, cloudfront.PriceClass] = {
    "100": cloudfront.PriceClass.PRICE_CLASS_100,
    "200": cloudfront.PriceClass.PRICE_CLASS_200,
    "all": cloudfront.PriceClass.PRICE_CLASS_ALL,
}


def _findings(settings: Settings, web: WebSettings) -> dict[str, str]:
    findings = {
        "AwsSolutions-CFR1": "Who may search is decided by key or sign-in, not by country.",
        "AwsSolutions-CFR2": "The page is static; the API behind it has its own web ACL where settings ask.",
        "AwsSolutions-CFR3": "The bucket logs what it is asked for, and the API every request for data.",
    }
    if web.domain_name is None:
        findings["AwsSolutions-CFR4"] = "CloudFront's own name comes with its own choice of TLS versions."
    if settings.emulator_url is not None:
        findings["AwsSolutions-CFR5"] = "The emulator, which is the origin, is asked on this machine only."
    return findings
