"""The commands `login` and `logout`."""

import webbrowser
from typing import Annotated

import httpx
import typer

from imagesearch_client.authorisation import tokens_of_code
from scripts.errors import CommandError
from scripts.login.browser import Attempt, Return
from scripts.login.challenge import find_sign_in
from scripts.login.store import forget_tokens, read_tokens, save_tokens
from scripts.render import console
from stacks.settings.users import LOGIN_ADDRESSES

WAIT_SECONDS = 300.0
"""How long somebody may take to sign in, a second factor included."""

Url = Annotated[str, typer.Argument(envvar="IMAGESEARCH_URL", help="The API's URL; else IMAGESEARCH_URL.")]


def login_command(
    url: Url,
    browser: Annotated[bool, typer.Option(help="Open the address in a browser.")] = True,
) -> None:
    """Sign in to the API at URL, in the browser; later commands with that URL call it in your name.

    The tokens are kept in your configuration folder, and renewed until the sign-in ends.
    """
    with httpx.Client(timeout=30) as http, Return(LOGIN_ADDRESSES) as back:
        place = find_sign_in(url, http=http)
        attempt = Attempt(redirect=back.redirect)
        address = attempt.address(place)
        console.print(f"Sign in here:\n{address}", soft_wrap=True, highlight=False)
        if browser:
            webbrowser.open(address)
        code = back.code(attempt, seconds=WAIT_SECONDS)
        try:
            tokens = tokens_of_code(
                sign_in=place.address,
                client_id=place.client_id,
                code=code,
                verifier=attempt.verifier,
                redirect=attempt.redirect,
                http=http,
            )
        except httpx.TransportError as error:
            raise CommandError(
                "sign_in_unreachable", f"The sign-in at {place.address} does not answer: {error}."
            ) from error
    save_tokens(url, tokens)
    console.print(f"Signed in. Go on with\n\n  export IMAGESEARCH_URL={url}", soft_wrap=True, highlight=False)


def logout_command(url: Url) -> None:
    """Forget the sign-in to the API at URL, here and where it was given."""
    tokens = read_tokens(url)
    if tokens is None:
        console.print("Nobody was signed in.")
        return
    forget_tokens(url)
    revoke = tokens.token_url.removesuffix("/token") + "/revoke"
    form = {"token": tokens.refresh_token, "client_id": tokens.client_id}
    try:
        ended = httpx.post(revoke, data=form, timeout=30).is_success
    except httpx.TransportError:
        ended = False
    console.print(
        "Signed out."
        if ended
        else "Signed out on this machine. The sign-in did not confirm that it ended the session: its access "
        "token works until it expires."
    )
