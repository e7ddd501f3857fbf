"""Signing in by the browser: where to, who comes back, and how the tokens are kept."""

import base64
import hashlib
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from typer.testing import CliRunner

from scripts.cli import app
from scripts.errors import CommandError
from scripts.login.browser import Attempt, Return
from scripts.login.challenge import SignIn, find_sign_in
from scripts.login.store import forget_tokens, read_tokens, save_tokens, saved_login
from stacks.settings.users import LOGIN_ADDRESSES
from tests.logins import API, SIGN_IN, a_login
from tests.ports import free_ports

PLACE = SignIn(address=SIGN_IN, client_id="c", scope="imagesearch/search")


def challenged(challenge: str | None, status: int = 401) -> httpx.Client:
    """An API that answers so to who asks without a token."""
    headers = {"www-authenticate": challenge} if challenge else {}
    return httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(status, headers=headers)))


@pytest.fixture
def back() -> Iterator[Return]:
    """Waits on a port that no other test uses."""
    with Return([f"http://localhost:{free_ports(1)[0]}/"]) as back:
        yield back


def come_back(back: Return, *queries: str) -> threading.Thread:
    """A browser that opens the address it came from with each of these, one after the other."""
    address = back.redirect.replace("localhost", "127.0.0.1")

    def visit() -> None:
        for query in queries:
            httpx.get(f"{address}?{query}", timeout=10)

    browser = threading.Thread(target=visit)
    browser.start()
    return browser


def test_the_api_says_itself_where_to_sign_in() -> None:
    told = f'Bearer realm="r", scope="imagesearch/search", sign_in="{SIGN_IN}/", client_id="c"'

    with challenged(told) as http:
        assert find_sign_in(API, http=http) == PLACE


@pytest.mark.parametrize("challenge", [None, 'Basic realm="r"', 'Bearer realm="r", scope="s"'])
def test_an_api_that_names_no_sign_in_is_told_with_what_it_may_ask_for(challenge: str | None) -> None:
    with challenged(challenge, 403) as http, pytest.raises(CommandError, match="IMAGESEARCH_API_KEY") as said:
        find_sign_in(API, http=http)

    assert said.value.code == "sign_in_unknown"


def test_nobody_is_sent_to_a_sign_in_without_tls() -> None:
    told = 'Bearer scope="s", sign_in="http://sign-in.example", client_id="c"'

    with challenged(told) as http, pytest.raises(CommandError, match="no https") as raised:
        find_sign_in(API, http=http)

    assert raised.value.code == "sign_in_unsafe"


def test_an_api_that_does_not_answer_is_one_sentence() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with (
        httpx.Client(transport=httpx.MockTransport(refuse)) as http,
        pytest.raises(CommandError, match="does not answer") as raised,
    ):
        find_sign_in(API, http=http)

    assert raised.value.code == "api_unreachable"


def test_the_browser_is_sent_with_a_challenge_whose_verifier_stays_here() -> None:
    attempt = Attempt(redirect="http://localhost:1/")
    address = urlsplit(attempt.address(PLACE))
    query = {name: values[0] for name, values in parse_qs(address.query).items()}

    digest = hashlib.sha256(attempt.verifier.encode()).digest()
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{SIGN_IN}/oauth2/authorize"
    assert query == {
        "response_type": "code",
        "client_id": "c",
        "redirect_uri": "http://localhost:1/",
        "scope": "imagesearch/search",
        "state": attempt.state,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    assert attempt.verifier not in attempt.address(PLACE)


def test_no_two_attempts_share_a_secret() -> None:
    one, other = Attempt(redirect="r"), Attempt(redirect="r")

    assert one.state != other.state
    assert one.verifier != other.verifier


def test_who_comes_back_with_our_state_brings_the_code(back: Return) -> None:
    attempt = Attempt(redirect=back.redirect)
    browser = come_back(back, f"code=the-code&state={attempt.state}")

    assert back.code(attempt, seconds=10) == "the-code"
    browser.join()


def test_who_comes_back_with_another_state_is_ignored(back: Return) -> None:
    attempt = Attempt(redirect=back.redirect)
    browser = come_back(
        back, "code=of-an-attacker&state=another", "favicon", f"code=ours&state={attempt.state}"
    )

    assert back.code(attempt, seconds=10) == "ours"
    browser.join()


def test_a_refused_sign_in_is_told_in_its_words(back: Return) -> None:
    attempt = Attempt(redirect=back.redirect)
    query = f"error=access_denied&error_description=User+is+disabled&state={attempt.state}"
    browser = come_back(back, query)

    with pytest.raises(CommandError, match="User is disabled") as raised:
        back.code(attempt, seconds=10)

    assert raised.value.code == "login_refused"
    browser.join()


def test_a_sign_in_that_nobody_finishes_ends(back: Return) -> None:
    with pytest.raises(CommandError, match="try again") as raised:
        back.code(Attempt(redirect=back.redirect), seconds=0.05)

    assert raised.value.code == "login_timeout"


def test_a_port_that_is_taken_is_passed_over(back: Return) -> None:
    free = f"http://localhost:{free_ports(1)[0]}/"

    with Return([back.redirect, free]) as second:
        assert second.redirect == free
    with pytest.raises(CommandError, match="End what listens") as raised:
        Return([back.redirect])

    assert raised.value.code == "login_ports_busy"


def test_the_addresses_to_come_back_to_are_of_this_machine_only() -> None:
    assert {urlsplit(address).hostname for address in LOGIN_ADDRESSES} == {"localhost"}


def test_tokens_are_kept_for_their_api_and_readable_by_their_owner_only(tmp_path: Path) -> None:
    variables = {"XDG_CONFIG_HOME": str(tmp_path)}
    previous = os.umask(0)
    try:
        save_tokens(API, a_login(), variables=variables)
    finally:
        os.umask(previous)

    (file,) = (each for each in tmp_path.rglob("*") if each.is_file())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert read_tokens(f"{API}/", variables=variables) == a_login()
    assert read_tokens("http://other", variables=variables) is None


def test_renewed_tokens_take_the_place_of_the_old_ones(tmp_path: Path) -> None:
    variables = {"XDG_CONFIG_HOME": str(tmp_path)}
    save_tokens(API, a_login(use_until=0.0), variables=variables)
    answer = {"access_token": "second", "expires_in": 3600}

    with httpx.Client(
        transport=httpx.MockTransport(lambda request: httpx.Response(200, json=answer)),
        auth=saved_login(API, variables=variables),
    ) as http:
        assert http.get(API).request.headers["authorization"] == "Bearer second"

    kept = read_tokens(API, variables=variables)
    assert kept is not None
    assert (kept.access_token, kept.refresh_token) == ("second", "again")


@pytest.mark.parametrize("content", ["", "{}", '{"tokens": {"access_token": "x"}}', "[]"])
def test_a_damaged_file_says_to_sign_in_again(tmp_path: Path, content: str) -> None:
    variables = {"XDG_CONFIG_HOME": str(tmp_path)}
    save_tokens(API, a_login(), variables=variables)
    (file,) = (each for each in tmp_path.rglob("*") if each.is_file())
    file.write_text(content)

    with pytest.raises(CommandError, match="imagesearch login") as raised:
        read_tokens(API, variables=variables)

    assert raised.value.code == "login_unreadable"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "imagesearch").write_text("a file where the folder belongs")

    with pytest.raises(CommandError, match="cannot be written") as raised:
        save_tokens(API, a_login(), variables={"XDG_CONFIG_HOME": str(tmp_path)})

    assert raised.value.code == "login_unwritable"


def test_forgotten_tokens_are_gone(tmp_path: Path) -> None:
    variables = {"XDG_CONFIG_HOME": str(tmp_path)}
    save_tokens(API, a_login(), variables=variables)
    forget_tokens(API, variables=variables)
    forget_tokens(API, variables=variables)

    assert saved_login(API, variables=variables) is None


def test_who_signs_out_where_the_sign_in_is_gone_is_told_what_still_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    save_tokens(API, a_login(token_url=f"http://127.0.0.1:{free_ports(1)[0]}/oauth2/token"))

    done = CliRunner().invoke(app, ["logout", API])

    assert (done.exit_code, "until it expires" in done.stdout.replace("\n", " ")) == (0, True)
    assert saved_login(API) is None
    assert "Nobody" in CliRunner().invoke(app, ["logout", API]).stdout
