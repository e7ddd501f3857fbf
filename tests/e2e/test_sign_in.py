"""The deployed API where it asks for tokens: who is let in, by which way, and who is not."""

import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import httpx
import pytest
from playwright.sync_api import Browser, expect

from imagesearch.entrypoints.openapi import document
from imagesearch.entrypoints.routes import ROUTES, Route
from imagesearch.models import document_id
from imagesearch_client import ClientCredentials, ImageSearchClient
from imagesearch_client.authorisation import SEARCH_SCOPE
from scripts.target import LOCAL_CREDENTIALS, Target, client_of
from tests.browser import patient_browser, visitor
from tests.deployed import deployed, own_command
from tests.e2e.canary import canary_answer
from tests.e2e.command import Command
from tests.e2e.library import Library
from tests.pictures import jpeg
from tests.waiting import PATIENCE_SECONDS

IDENTIFIER = document_id("never/uploaded.jpg")
EMAIL, PASSWORD = "ada@example.com", "Correct-horse-7-battery"

pytestmark = pytest.mark.verified(
    "Tokens: user pool → access token with a scope → API; sign-in of people, programs and the page",
    on="emulator",
)


@dataclass(frozen=True)
class Pool:
    """The user pool of the deployed environment, as its operator sees it."""

    cognito: Any
    id: str
    token_url: str

    def machine(self, *, server: str, scope: str) -> tuple[str, str]:
        """The id and secret of another machine, which may ask for this scope of another resource server."""
        self.cognito.create_resource_server(
            UserPoolId=self.id,
            Identifier=server,
            Name=server,
            Scopes=[{"ScopeName": scope, "ScopeDescription": scope}],
        )
        client = self.cognito.create_user_pool_client(
            UserPoolId=self.id,
            ClientName=server,
            GenerateSecret=True,
            AllowedOAuthFlows=["client_credentials"],
            AllowedOAuthFlowsUserPoolClient=True,
            AllowedOAuthScopes=[f"{server}/{scope}"],
        )["UserPoolClient"]
        return client["ClientId"], client["ClientSecret"]

    def invite(self, email: str, password: str) -> None:
        """Make somebody's account, with a password that is theirs already."""
        self.cognito.admin_create_user(UserPoolId=self.id, Username=email, MessageAction="SUPPRESS")
        self.cognito.admin_set_user_password(
            UserPoolId=self.id, Username=email, Password=password, Permanent=True
        )


@pytest.fixture(scope="module")
def imagesearch(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The command line with an environment of its own, and nobody's sign-ins."""
    command = own_command(tmp_path_factory.mktemp("tokens"))
    settings = str(tmp_path_factory.mktemp("config"))
    return Command(command.program, {**command.variables, "XDG_CONFIG_HOME": settings})


@pytest.fixture(scope="module")
def deployment(imagesearch: Command) -> Iterator[Target]:
    """The environment, whose API asks for tokens."""
    with deployed(imagesearch, "--authorisation", "cognito") as target:
        yield target


@pytest.fixture(scope="module")
def client(deployment: Target) -> Iterator[ImageSearchClient]:
    with client_of(deployment) as client:
        yield client


@pytest.fixture(scope="module")
def pool(deployment: Target) -> Pool:
    cognito = boto3.client(
        "cognito-idp",
        endpoint_url=deployment.aws_endpoint_url,
        region_name=deployment.region,
        **LOCAL_CREDENTIALS,
    )
    (found,) = cognito.list_user_pools(MaxResults=10)["UserPools"]
    pool = Pool(cognito, found["Id"], f"{deployment.aws_endpoint_url}/oauth2/token")
    pool.invite(EMAIL, PASSWORD)
    return pool


def _asked(deployment: Target, route: Route, headers: dict[str, str]) -> httpx.Response:
    return httpx.request(
        route.method,
        deployment.url.rstrip("/") + route.path.replace("{id}", IDENTIFIER),
        json={"text": "x"} if route.body else None,
        headers=headers,
        timeout=PATIENCE_SECONDS,
    )


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer nonsense"}, {"authorization": "Basic YTpi"}, {"x-api-key": "a-key"}],
    ids=str,
)
@pytest.mark.parametrize("route", [r for r in ROUTES if r.guarded], ids=lambda route: route.operation)
def test_no_guarded_route_answers_without_a_token(
    deployment: Target, route: Route, headers: dict[str, str]
) -> None:
    response = _asked(deployment, route, headers)

    assert (response.status_code, response.json()["error"]["code"]) == (401, "token_invalid")
    assert f'scope="{SEARCH_SCOPE}"' in response.headers["www-authenticate"]


@pytest.mark.parametrize("route", [r for r in ROUTES if r.guarded], ids=lambda route: route.operation)
def test_a_token_without_the_scope_is_refused(deployment: Target, pool: Pool, route: Route) -> None:
    other = uuid4().hex
    identifier, secret = pool.machine(server=other, scope="read")
    machine = ClientCredentials(pool.token_url, identifier, secret, scopes=[f"{other}/read"])

    with httpx.Client(auth=machine, timeout=PATIENCE_SECONDS) as http:
        body = {"text": "x"} if route.body else None
        address = deployment.url + route.path.replace("{id}", IDENTIFIER)
        response = http.request(route.method, address, json=body)

    assert (response.status_code, response.json()["error"]["code"]) == (401, "token_invalid")


def test_a_token_with_another_signature_is_refused(deployment: Target) -> None:
    address = f"{deployment.url}/health"
    with httpx.Client(auth=deployment.credentials, timeout=PATIENCE_SECONDS) as http:
        taken = http.get(address)
    assert taken.status_code == 200
    head, claims, signature = taken.request.headers["authorization"].split(".")

    forged = {"authorization": f"{head}.{claims}.{signature[::-1]}"}

    assert httpx.get(address, headers=forged, timeout=PATIENCE_SECONDS).status_code == 401


def test_a_program_gets_its_token_by_itself_and_finds_a_picture(
    deployment: Target, client: ImageSearchClient
) -> None:
    library = Library(
        client=client, s3=deployment.s3(), bucket=deployment.image_bucket(), prefix=f"{uuid4().hex}/"
    )
    library.put("a.jpg", jpeg(seed=1))
    library.wait_until_indexed("a.jpg")

    (hit,) = client.search(picture=jpeg(seed=1), prefix=library.prefix).hits
    assert hit.key == library.key("a.jpg")
    assert client.thumbnail(hit).startswith(b"RIFF"), "its link is signed and asks for no token"


def test_the_canary_gets_a_token_by_itself(deployment: Target) -> None:
    functions = boto3.client(
        "lambda",
        endpoint_url=deployment.aws_endpoint_url,
        region_name=deployment.region,
        **LOCAL_CREDENTIALS,
    )
    assert canary_answer(functions)["answered"] is True


def test_the_deployed_api_shows_a_document_that_tells_of_tokens_only(deployment: Target) -> None:
    with httpx.Client(auth=deployment.credentials, timeout=PATIENCE_SECONDS) as http:
        assert http.get(f"{deployment.url}/openapi.json").json() == document("cognito")


def test_a_person_signs_in_searches_and_signs_out(
    deployment: Target, imagesearch: Command, pool: Pool
) -> None:
    login = imagesearch.start("login", deployment.url, "--no-browser")
    assert login.stdout is not None
    said = iter(login.stdout.readline, "")
    address = next(line.strip() for line in said if "/oauth2/authorize" in line)

    _sign_in(address)

    rest, complaints = login.communicate(timeout=PATIENCE_SECONDS)
    assert login.returncode == 0, complaints
    assert "Signed in" in rest
    named = Command(imagesearch.program, {**imagesearch.variables, "IMAGESEARCH_URL": deployment.url})
    (file,) = Path(named.variables["XDG_CONFIG_HOME"]).rglob("*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert named("search", "a dog", "--json", check=True).stdout.startswith("{")

    assert "Signed out" in named("logout", check=True).stdout
    refused = named("search", "a dog")
    assert (refused.returncode, "imagesearch login" in refused.stderr) == (1, True)


def test_an_api_that_asks_for_no_token_has_no_sign_in_to_offer(
    imagesearch: Command, deployment: Target
) -> None:
    elsewhere = f"{deployment.aws_endpoint_url}/_ministack"

    refused = imagesearch("login", elsewhere, "--no-browser")

    assert refused.returncode == 1
    assert "sign_in_unknown" in refused.stderr


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with patient_browser() as running:
        yield running


@pytest.mark.page
def test_a_visitor_of_the_page_signs_in_searches_and_signs_out(
    imagesearch: Command, deployment: Target, pool: Pool, browser: Browser
) -> None:
    shown = f"{_page_url(imagesearch)}?q=a+dog"
    page = visitor(browser).new_page()
    page.goto(shown)
    page.click("#sign-in")
    page.fill("#username", EMAIL)
    page.fill("#password", PASSWORD)

    with page.expect_response(lambda answer: answer.url.endswith("/api/search")) as found:
        page.click("button[type=submit]")

    assert found.value.status == 200
    assert page.url == shown, "no code is left in the address"
    page.evaluate(_EXPIRE)
    with page.expect_response(lambda answer: answer.url.endswith("/api/search")) as found:
        page.reload()
    assert found.value.status == 200, "the token was renewed"
    page.click("#sign-out")
    expect(page.locator("#sign-in")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


@pytest.mark.page
def test_a_code_that_the_page_did_not_ask_for_signs_nobody_in(
    imagesearch: Command, deployment: Target, browser: Browser
) -> None:
    page = visitor(browser).new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto(f"{_page_url(imagesearch)}?code=of-an-attacker&state=theirs")

    expect(page.locator("#sign-in")).to_be_visible()
    assert page.url == _page_url(imagesearch), "neither is left in the address"
    assert not [url for url in asked if "/oauth2/token" in url]


_EXPIRE = """() => {
  const kept = JSON.parse(sessionStorage.getItem("imagesearch.tokens"));
  sessionStorage.setItem("imagesearch.tokens", JSON.stringify({ ...kept, access: "old", until: 0 }));
}"""


def _page_url(imagesearch: Command) -> str:
    folder = Path(imagesearch.variables["IMAGESEARCH_LOCAL_DIR"])
    return str(json.loads((folder / "environment.json").read_text())["page_url"])


class _Form(HTMLParser):
    """The hidden fields of the sign-in's form."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input" and given.get("type") == "hidden":
            self.fields[str(given["name"])] = given.get("value") or ""


def _sign_in(address: str) -> None:
    """Do in the browser what a person does there."""
    with httpx.Client(follow_redirects=False, timeout=PATIENCE_SECONDS) as browser:
        form = browser.get(address).raise_for_status()
        fields = _Form(form.text).fields | {"username": EMAIL, "password": PASSWORD}
        done = browser.post(httpx.URL(address).copy_with(path="/login", query=b""), data=fields)
        assert done.status_code == 302, done.text
        browser.get(done.headers["location"]).raise_for_status()
