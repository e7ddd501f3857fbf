"""The page's words: every language has all of them, and every error of the API has a sentence."""

import re

import pytest

from imagesearch.entrypoints.routes import ROUTES
from stacks.components.api.gateway_errors import GATEWAY_ERRORS
from tests.page.acting import WEB, words

LANGUAGES = ("en", "zh")
_NAME = re.compile(r"\bt\(\s*\"([a-z][a-z.-]*)\"")
_CHOSEN = re.compile(r"\bt\([^()]*? \? \"([a-z.-]+)\" : \"([a-z.-]+)\"")
_MADE = re.compile(r"\bt\(`([a-z.-]+)\.\$\{")
_MARKED = re.compile(r"data-(?:text|label|placeholder)=\"([a-z.-]+)\"")
_FAILURE = re.compile(r"new Failure\(\"([a-z_]+)\"")
_PLACES = re.compile(r"\{\w+\}")
_COUNTED = re.compile(r"\.(one|other)$")


def sources() -> str:
    return "\n".join(path.read_text("utf-8") for path in sorted(WEB.glob("*.js")))


def names_of(language: str) -> set[str]:
    """The names of words, whatever they count."""
    return {_COUNTED.sub("", name) for name in words(language)}


def test_every_language_has_the_same_words_with_the_same_places() -> None:
    english, chinese = words("en"), words("zh")
    assert names_of("en") == names_of("zh")
    for name, text in chinese.items():
        assert set(_PLACES.findall(text)) == set(_PLACES.findall(english[name])), name


def test_the_languages_are_those_of_the_page() -> None:
    assert {path.stem for path in (WEB / "strings").glob("*.json")} == set(LANGUAGES)
    assert all(f"  {language}:" in sources() or f" {language}:" in sources() for language in LANGUAGES)


def test_every_name_that_the_page_uses_has_words() -> None:
    used = {name for pair in _CHOSEN.findall(sources()) for name in pair}
    used |= set(_NAME.findall(sources())) | set(_MARKED.findall((WEB / "index.html").read_text("utf-8")))
    assert len(used) > 60
    assert used <= names_of("en")
    assert {f"errors.{code}" for code in _FAILURE.findall(sources())} <= names_of("en")


def test_no_words_are_left_that_nothing_uses() -> None:
    everything = sources() + (WEB / "index.html").read_text("utf-8")
    made = tuple(f"{name}." for name in [*_MADE.findall(everything), "errors", "field"])
    unused = {name for name in names_of("en") if f'"{name}"' not in everything and not name.startswith(made)}
    assert unused == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_error_that_the_api_can_answer_has_a_sentence(language: str) -> None:
    codes = {error.code for route in ROUTES for error in route.errors} | {"internal", "route_unknown"}
    assert {f"errors.{code}" for code in codes} <= set(words(language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_error_of_the_gateway_has_a_sentence(language: str) -> None:
    codes = {code for _, code, _ in GATEWAY_ERRORS.values()} | {"key_missing", "token_invalid"}
    assert {f"errors.{code}" for code in codes} <= set(words(language))
