"""The search page, and where it is served."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from stacks.settings.checks import require

PriceClass = Literal["100", "200", "all"]

_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")
_CERTIFICATE = re.compile(r"arn:aws[a-z-]*:acm:us-east-1:\d{12}:certificate/[\w-]+")


@dataclass(frozen=True, kw_only=True)
class WebSettings:
    """The page's distribution, which is the API's too, under `/api`.

    It answers under a name of CloudFront's, or under `domain_name` with the certificate of `certificate_arn`;
    the name's DNS record is its owner's to make. `price_class` is where it answers from: North America and
    Europe ("100"), most of the world without South America and Oceania ("200"), or everywhere. Who signs in
    may come back to `further_addresses` besides its own, such as this machine's.
    """

    domain_name: str | None = None
    certificate_arn: str | None = None
    price_class: PriceClass = "100"
    further_addresses: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the name, and that it comes with a certificate that CloudFront can use."""
        together = (self.domain_name is None) == (self.certificate_arn is None)
        require(together, "web.domain_name and web.certificate_arn go together: set both or none")
        if self.domain_name is not None:
            named = _DOMAIN.fullmatch(self.domain_name)
            require(bool(named), f"web.domain_name must be such as search.example, not {self.domain_name!r}")
        if self.certificate_arn is not None:
            known = _CERTIFICATE.fullmatch(self.certificate_arn)
            require(
                bool(known),
                "web.certificate_arn must be a certificate of ACM in us-east-1, where CloudFront looks for "
                f"it, not {self.certificate_arn!r}",
            )
        classes = get_args(PriceClass)
        require(self.price_class in classes, f"web.price_class must be one of {', '.join(classes)}")

    @property
    def origin(self) -> str:
        """The page's origin as buckets admit it: a name of CloudFront's is not known before it is made."""
        return f"https://{self.domain_name or '*.cloudfront.net'}"
