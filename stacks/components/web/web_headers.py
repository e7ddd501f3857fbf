"""What the page's distribution says with every answer: what a browser may load, and from where."""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudfront as cloudfront
from constructs import Construct

from stacks import names
from stacks.settings import Settings

_TWO_YEARS = cdk.Duration.days(730)
# What a page of pictures needs: a camera to search with, and nothing else of the device.
_PERMISSIONS = "camera=(self), geolocation=(), microphone=(), payment=(), usb=()"


def response_headers(scope: Construct, *, settings: Settings) -> cloudfront.ResponseHeadersPolicy:
    """Return the policy of security headers; what an origin says itself is replaced."""
    return cloudfront.ResponseHeadersPolicy(
        scope,
        "Headers",
        # An account has these in common to all regions.
        response_headers_policy_name=f"{settings.endpoint_prefix}web-{settings.region}",
        security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
            content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                content_security_policy=content_security_policy(settings), override=True
            ),
            content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
            frame_options=cloudfront.ResponseHeadersFrameOptions(
                frame_option=cloudfront.HeadersFrameOption.DENY, override=True
            ),
            referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
                referrer_policy=cloudfront.HeadersReferrerPolicy.NO_REFERRER, override=True
            ),
            strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                access_control_max_age=_TWO_YEARS, include_subdomains=True, override=True
            ),
        ),
        custom_headers_behavior=cloudfront.ResponseCustomHeadersBehavior(
            custom_headers=[
                cloudfront.ResponseCustomHeader(header=name, value=value, override=True)
                for name, value in _OTHERS.items()
            ]
        ),
    )


_OTHERS: Mapping[str, str] = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": _PERMISSIONS,
}


def content_security_policy(settings: Settings) -> str:
    """Return what the page may load: itself, the API beside it, pictures of the bucket, and the sign-in."""
    bucket = image_bucket_origins(settings)
    sign_in = [names.sign_in_url(settings)] if settings.api.authorisation == "cognito" else []
    directives: Mapping[str, Sequence[str]] = {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:", *bucket],
        "connect-src": ["'self'", *bucket, *sign_in],
        "manifest-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
        "require-trusted-types-for": ["'script'"],
    }
    return "; ".join(" ".join([name, *values]) for name, values in directives.items())


def image_bucket_origins(settings: Settings) -> list[str]:
    """Return the origins that presigned links and forms of the image bucket lead to."""
    if settings.emulator_url is not None:
        return [settings.emulator_url]
    bucket = names.image_bucket(settings)
    hosts = [f"{bucket}.s3.{settings.region}.{cdk.Aws.URL_SUFFIX}"]
    # There the SDK signs links to S3's oldest address, which names no region.
    hosts += [f"{bucket}.s3.{cdk.Aws.URL_SUFFIX}"] if settings.region == "us-east-1" else []
    return [f"https://{host}" for host in hosts]
