"""The stack of the search page."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from stacks import names
from stacks.components.api.user_pool import people_client
from stacks.components.web.web_distribution import API_PATH, WebDistribution
from stacks.components.web.web_files import WebFiles
from stacks.settings import Settings
from stacks.settings.web import WebSettings

LANGUAGES = ("en", "zh")


class WebStack(cdk.Stack):
    """The page, and the API under `/api` of the same domain, where `web` of the settings says so.

    `pool` are the users of an API that asks for tokens. Outputs: `PageUrl`, `DistributionId`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        web: WebSettings,
        api_id: str,
        pool: cognito.IUserPool | None,
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        served = WebDistribution(self, "Page", settings=settings, web=web, api_id=api_id)
        configuration: dict[str, Any] = {
            "api": API_PATH,
            "environment": settings.name,
            "authorisation": settings.api.authorisation,
            "languages": list(LANGUAGES),
        }
        if pool is not None:
            client = people_client(
                self,
                "Visitors",
                pool=pool,
                settings=settings,
                addresses=[served.address, *web.further_addresses],
            )
            configuration["sign_in"] = {
                "domain": names.sign_in_url(settings),
                "client_id": client.user_pool_client_id,
                "scopes": [names.SEARCH_SCOPE],
            }
        WebFiles(self, "Files", settings=settings, bucket=served.bucket, configuration=configuration)
        cdk.CfnOutput(self, "PageUrl", value=served.address)
        cdk.CfnOutput(self, "DistributionId", value=served.distribution.distribution_id)
