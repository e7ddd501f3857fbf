"""A typed client of the query API.

with ImageSearchClient(url, credentials) as client:
    for hit in client.search("a dog", unlike=["a beach"], k=20).hits:
        print(hit.score, hit.key, hit.url)

The credentials are what the API asks for: a key (its text will do), ``SigV4()``, ``ClientCredentials(…)`` or
``SignedIn(…)``.
"""

from imagesearch_client.answers import Count, Duplicate, Fault, Health, Hit, ImageState, SearchResult
from imagesearch_client.authorisation import ApiKey, ClientCredentials, SignedIn, SigV4, Tokens
from imagesearch_client.client import ImageSearchClient
from imagesearch_client.errors import (
    ApiError,
    ClientError,
    PictureUnusableError,
    RequestUnwritableError,
    SignInError,
    UnreachableError,
    UploadRefusedError,
)
from imagesearch_client.examples import Example, Indexed, Linked, Picture, Uploaded, Weighted
from imagesearch_client.options import Filter, RankingOptions, SearchOptions

__all__ = [
    "ApiError",
    "ApiKey",
    "ClientCredentials",
    "ClientError",
    "Count",
    "Duplicate",
    "Example",
    "Fault",
    "Filter",
    "Health",
    "Hit",
    "ImageSearchClient",
    "ImageState",
    "Indexed",
    "Linked",
    "Picture",
    "PictureUnusableError",
    "RankingOptions",
    "RequestUnwritableError",
    "SearchOptions",
    "SearchResult",
    "SigV4",
    "SignInError",
    "SignedIn",
    "Tokens",
    "UnreachableError",
    "UploadRefusedError",
    "Uploaded",
    "Weighted",
]
