"""Where the tokens of `imagesearch login` are kept: a file for each API, which only its owner can read."""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from imagesearch_client import SignedIn, Tokens
from scripts.errors import CommandError

OWNER_ONLY, OWNER_ONLY_FOLDER = 0o600, 0o700


def saved_login(url: str, *, variables: Mapping[str, str] = os.environ) -> SignedIn | None:
    """The person who has signed in to the API at ``url``; None when nobody has."""
    tokens = read_tokens(url, variables=variables)
    if tokens is None:
        return None
    return SignedIn(tokens, keep=lambda renewed: save_tokens(url, renewed, variables=variables))


def read_tokens(url: str, *, variables: Mapping[str, str] = os.environ) -> Tokens | None:
    """The tokens that were kept for ``url``. CommandError ``login_unreadable`` for what is no such file."""
    path = _path(url, variables)
    try:
        return Tokens(**json.loads(path.read_text("utf-8"))["tokens"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandError(
            "login_unreadable", f"{path} cannot be used ({error}): sign in again: imagesearch login {url}"
        ) from error


def save_tokens(url: str, tokens: Tokens, *, variables: Mapping[str, str] = os.environ) -> None:
    """Keep the tokens for ``url``. CommandError ``login_unwritable``."""
    path = _path(url, variables)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=OWNER_ONLY_FOLDER)
        # Never readable by others, not even for the moment between writing and changing its mode.
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY), "w") as file:
            json.dump({"url": url, "tokens": asdict(tokens)}, file, indent=1)
        unfinished.replace(path)
    except OSError as error:
        raise CommandError("login_unwritable", f"{path} cannot be written: {error.strerror}.") from error
    finally:
        with suppress(OSError):
            unfinished.unlink()


def forget_tokens(url: str, *, variables: Mapping[str, str] = os.environ) -> None:
    """Forget the tokens of ``url``, if there are any."""
    _path(url, variables).unlink(missing_ok=True)


def _path(url: str, variables: Mapping[str, str]) -> Path:
    configured = variables.get("XDG_CONFIG_HOME")
    folder = Path(configured) if configured else Path.home() / ".config"
    name = hashlib.sha256(url.rstrip("/").encode()).hexdigest()[:32]
    return folder / "imagesearch" / "logins" / f"{name}.json"
