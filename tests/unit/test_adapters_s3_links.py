"""Links to pictures: what boto would have signed at the same moment, and what thumbnails' links carry."""

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, parse_qsl, urlsplit

import boto3
import botocore.auth
import pytest
from botocore.credentials import Credentials, RefreshableCredentials

from imagesearch.adapters import s3_links
from imagesearch.adapters.s3 import S3PictureStore, s3_client
from imagesearch.adapters.s3_links import BucketAddress, LinkSigner, bucket_address, presigned_address
from imagesearch.errors import LinkExpiredError, StoreUnavailableError
from imagesearch.models import document_id

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "pictures-of-one-account"
KEYS = [
    "a.jpg",
    "Südsee 2026/ä #1?.jpg",
    "a+b&c=d%20.png",
    "%41%2F%.png",
    "'\"<>\\`{}|^[].png",
    "x/../y/./z",
    "/leading",
    "double//slash/",
    "~tilde-_.!*'();:@$,",
    "日本.webp",
    "\u2028\x7f",
]
ADDRESS = BucketAddress(base="https://pictures.example/", region="us-east-1")
QUARTER, WITHIN = datetime(2026, 3, 1, 12, 15, tzinfo=UTC), datetime(2026, 3, 1, 12, 29, 59, tzinfo=UTC)
TOKEN = "token/+=" * 100


PLACES = [("us-east-1", None), ("eu-central-1", None), ("us-east-1", "http://127.0.0.1:4566")]


def set_up(
    monkeypatch: pytest.MonkeyPatch,
    *,
    region: str = "us-east-1",
    endpoint: str | None = None,
    token: str | None = TOKEN,
) -> "S3Client":
    """A client of these credentials at this place."""
    variables = {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret/+=",
        "AWS_SESSION_TOKEN": token,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": endpoint,
    }
    for name, value in variables.items():
        if value:
            monkeypatch.setenv(name, value)
        else:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the credentials of the test before
    return s3_client()


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> "S3Client":
    return set_up(monkeypatch)


def at(moment: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let boto sign at this moment, and our own signer believe that it is."""
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: moment.replace(tzinfo=None))
    monkeypatch.setattr(s3_links, "time", moment.timestamp)


def parts_of(url: str) -> tuple[str, dict[str, list[str]]]:
    """The address, and the parameters whatever their order."""
    address, _, query = url.partition("?")
    return address, parse_qs(query, strict_parsing=True)


@pytest.mark.parametrize("token", [None, TOKEN], ids=["lasting", "session"])
@pytest.mark.parametrize(("region", "endpoint"), PLACES)
def test_a_link_is_what_boto_signs_at_the_same_moment(
    region: str, endpoint: str | None, token: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = set_up(monkeypatch, region=region, endpoint=endpoint, token=token)
    store = S3PictureStore(client=client, bucket=BUCKET)
    at(QUARTER, monkeypatch)
    for key in KEYS:
        ours = store.links(key, ttl_seconds=900).url
        theirs = client.generate_presigned_url(
            "get_object", Params={"Bucket": BUCKET, "Key": key}, ExpiresIn=1800
        )
        assert parts_of(ours) == parts_of(theirs)


@pytest.mark.parametrize("token", [None, TOKEN], ids=["lasting", "session"])
def test_the_thumbnails_link_brings_back_the_very_link_to_the_picture(
    token: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = set_up(monkeypatch, token=token)
    store, address = S3PictureStore(client=client, bucket=BUCKET), bucket_address(client, BUCKET)
    for key in KEYS:
        links = store.links(key, ttl_seconds=900)
        path, _, query = links.thumbnail_url.partition("?")
        parameters = dict(parse_qsl(query, strict_parsing=True))
        assert path == f"thumbnails/{document_id(key)}"
        assert (parameters.pop("key"), parameters.pop("size")) == (key, "256")
        assert parts_of(presigned_address(address, key, parameters)) == parts_of(links.url)


def test_the_thumbnails_link_uses_none_of_s3s_names_and_has_no_host(client: "S3Client") -> None:
    links = S3PictureStore(client=client, bucket=BUCKET).links("a.jpg", ttl_seconds=900)
    assert "x-amz" not in links.thumbnail_url.lower()
    assert urlsplit(links.thumbnail_url).netloc == ""


def test_a_link_stays_the_same_for_a_quarter_of_an_hour_and_works_for_its_whole_time(
    client: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    store = S3PictureStore(client=client, bucket=BUCKET)
    at(QUARTER, monkeypatch)
    first = store.links("a.jpg", ttl_seconds=60)
    at(WITHIN, monkeypatch)
    assert store.links("a.jpg", ttl_seconds=60) == first
    query = parse_qs(urlsplit(first.url).query)
    assert query["X-Amz-Date"] == ["20260301T121500Z"]
    lives_on = int(query["X-Amz-Expires"][0]) - (WITHIN - QUARTER).total_seconds()
    assert lives_on >= 60
    at(datetime(2026, 3, 1, 12, 30, tzinfo=UTC), monkeypatch)
    assert store.links("a.jpg", ttl_seconds=60) != first


def test_no_link_lives_longer_than_s3_allows(client: "S3Client") -> None:
    url = S3PictureStore(client=client, bucket=BUCKET).links("a.jpg", ttl_seconds=604_800).url
    assert parse_qs(urlsplit(url).query)["X-Amz-Expires"] == ["604800"]


def test_every_key_and_every_time_has_a_signature_of_its_own(client: "S3Client") -> None:
    store = S3PictureStore(client=client, bucket=BUCKET)
    urls = {store.links(key, ttl_seconds=ttl).url for key in KEYS for ttl in (60, 900)}
    assert len(urls) == 2 * len(KEYS)


def test_a_link_is_signed_with_the_credentials_of_its_moment() -> None:
    renewals = iter("ABC")

    def renew() -> dict[str, str]:
        """Credentials so near to their end that they are renewed whenever they are asked for."""
        ends = datetime.now(UTC) + timedelta(minutes=1)
        name = next(renewals)
        return {"access_key": name, "secret_key": name, "token": name, "expiry_time": ends.isoformat()}

    signer = LinkSigner(ADDRESS, RefreshableCredentials.create_from_metadata(renew(), renew, method="test"))
    for name in "BC":
        expected = LinkSigner(ADDRESS, Credentials(name, name, name)).links("a.jpg", ttl_seconds=60)
        assert signer.links("a.jpg", ttl_seconds=60) == expected


@pytest.mark.parametrize("missing", ["credential", "date", "expires", "signature"])
def test_a_signature_that_is_not_whole_leads_nowhere(missing: str) -> None:
    whole = {"credential": "c", "date": "d", "expires": "e", "signature": "s"}
    assert presigned_address(ADDRESS, "a.jpg", whole)
    for parameters in ({**whole, missing: ""}, {n: v for n, v in whole.items() if n != missing}):
        with pytest.raises(LinkExpiredError):
            presigned_address(ADDRESS, "a.jpg", parameters)


def test_a_strangers_parameters_stay_within_their_values() -> None:
    """Whatever a link says, the request goes to the bucket, for that key, and is judged by its signature."""
    chance = random.Random(7)  # noqa: S311 - test data
    for _ in range(200):
        texts = ["".join(chance.choices("a/?#&=%@:\\\r\n ü", k=6)) for _ in range(5)]
        key, *values = texts
        signature = dict(zip(("credential", "date", "expires", "signature"), values, strict=True))
        signature |= {"host": "evil.example", "X-Amz-Algorithm": "none"}
        url = presigned_address(ADDRESS, key, signature)
        assert urlsplit(url).netloc == "pictures.example"
        query = parse_qs(urlsplit(url).query, keep_blank_values=True, strict_parsing=True)
        assert query["X-Amz-Signature"] == [values[3]]
        assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
        assert "host" not in query


def test_without_credentials_the_store_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    with pytest.raises(StoreUnavailableError):
        S3PictureStore(client=s3_client(), bucket=BUCKET).links("a.jpg", ttl_seconds=60)
