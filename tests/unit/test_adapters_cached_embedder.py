"""What is remembered of the model's answers."""

import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from imagesearch.adapters.cached_embedder import CachedEmbedder, normal_form
from imagesearch.adapters.in_memory import InMemoryEmbedder, InMemoryPictureStore
from imagesearch.errors import TextTooLongError
from imagesearch.models import Embedding, PictureEmbedding
from tests.builders import DIMENSION, FINGERPRINT, JPEG, OTHER_FINGERPRINT, PNG


@dataclass
class Asked:
    """An embedder that keeps what it was asked for, and answers as the model of `answers`, or as any."""

    answers: str | None = None
    requests: list[tuple[list[str], list[bytes]]] = field(default_factory=list)
    pictures: InMemoryPictureStore = field(default_factory=InMemoryPictureStore)

    def embed(
        self, *, fingerprint: str, texts: Sequence[str] = (), pictures: Sequence[bytes] = ()
    ) -> tuple[Embedding, ...]:
        self.requests.append((list(texts), list(pictures)))
        return self._model(fingerprint).embed(fingerprint=fingerprint, texts=texts, pictures=pictures)

    def embed_stored(self, *, fingerprint: str, key: str) -> PictureEmbedding:
        self.requests.append(([key], []))
        return self._model(fingerprint).embed_stored(fingerprint=fingerprint, key=key)

    def _model(self, fingerprint: str) -> InMemoryEmbedder:
        return InMemoryEmbedder(
            fingerprint=self.answers or fingerprint, dimension=DIMENSION, pictures=self.pictures
        )


def _texts(embedder: CachedEmbedder, *texts: str, fingerprint: str = FINGERPRINT) -> list[Embedding]:
    return list(embedder.embed(fingerprint=fingerprint, texts=texts))


@pytest.fixture
def model() -> Asked:
    return Asked()


@pytest.fixture
def embedder(model: Asked) -> CachedEmbedder:
    return CachedEmbedder(model, size=3)


def test_a_text_is_encoded_once(model: Asked, embedder: CachedEmbedder) -> None:
    first, second = (_texts(embedder, "a dog") for _ in range(2))
    assert first == second == list(Asked().embed(fingerprint=FINGERPRINT, texts=["a dog"]))
    assert model.requests == [(["a dog"], [])]


def test_a_picture_is_encoded_once(model: Asked, embedder: CachedEmbedder) -> None:
    first, second = (embedder.embed(fingerprint=FINGERPRINT, pictures=[PNG]) for _ in range(2))
    assert first == second
    assert len(model.requests) == 1


@pytest.mark.parametrize(
    "text", ["  S\u00fcdsee \n see", unicodedata.normalize("NFD", "S\u00fcdsee see"), "S\u00fcdsee\u3000see"]
)
def test_the_model_is_sent_the_very_form_that_is_remembered(
    model: Asked, embedder: CachedEmbedder, text: str
) -> None:
    assert _texts(embedder, text) == _texts(embedder, "S\u00fcdsee see")
    assert model.requests == [(["S\u00fcdsee see"], [])]


def test_texts_that_a_tokenizer_may_tell_apart_stay_apart(model: Asked, embedder: CachedEmbedder) -> None:
    texts = ["Dog", "dog", "dog."]
    assert len({each.vector for each in _texts(embedder, *texts)}) == 3
    assert [normal_form(text) for text in texts] == texts


def test_the_model_is_asked_once_for_all_that_is_missing(model: Asked, embedder: CachedEmbedder) -> None:
    embedder.embed(fingerprint=FINGERPRINT, texts=["sea"], pictures=[PNG])
    mixed = embedder.embed(fingerprint=FINGERPRINT, texts=["dog", "sea", "dog"], pictures=[JPEG, PNG])
    assert model.requests[1:] == [(["dog"], [JPEG])]
    fresh = Asked().embed(fingerprint=FINGERPRINT, texts=["dog", "sea", "dog"], pictures=[JPEG, PNG])
    assert mixed == fresh


def test_another_model_is_asked_anew(model: Asked, embedder: CachedEmbedder) -> None:
    answers = [
        _texts(embedder, "dog", fingerprint=each)[0].fingerprint for each in (FINGERPRINT, OTHER_FINGERPRINT)
    ]
    assert answers == [FINGERPRINT, OTHER_FINGERPRINT]
    assert len(model.requests) == 2


def test_the_answer_of_another_model_than_the_one_asked_is_not_remembered() -> None:
    model = Asked(answers=OTHER_FINGERPRINT)
    embedder = CachedEmbedder(model, size=3)
    assert {_texts(embedder, "dog")[0].fingerprint for _ in range(2)} == {OTHER_FINGERPRINT}
    assert len(model.requests) == 2


def test_what_was_not_asked_for_longest_is_forgotten(model: Asked, embedder: CachedEmbedder) -> None:
    for text in ("a", "b", "c", "a", "d"):
        _texts(embedder, text)
    model.requests.clear()
    _texts(embedder, "a", "c", "d", "b")
    assert model.requests == [(["b"], [])]


def test_one_request_may_hold_more_than_is_remembered(embedder: CachedEmbedder) -> None:
    texts = list("abcdef")
    assert len({each.vector for each in _texts(embedder, *texts)}) == len(texts)


def test_a_refusal_is_not_remembered() -> None:
    class Refusing(Asked):
        def embed(self, **_: object) -> tuple[Embedding, ...]:
            self.requests.append(([], []))
            raise TextTooLongError("The text is too long.")

    refusing = Refusing()
    embedder = CachedEmbedder(refusing, size=3)
    for _ in range(2):
        with pytest.raises(TextTooLongError):
            _texts(embedder, "dog")
    assert len(refusing.requests) == 2


def test_what_lies_under_a_key_is_read_each_time(model: Asked, embedder: CachedEmbedder) -> None:
    vectors = []
    for content in (PNG + b"1", PNG + b"2"):
        model.pictures.put("a.png", content)
        vectors.append(embedder.embed_stored(fingerprint=FINGERPRINT, key="a.png").vector)
    assert vectors[0] != vectors[1]


def test_threads_may_share_it(embedder: CachedEmbedder) -> None:
    texts = [str(number % 7) for number in range(400)]
    with ThreadPoolExecutor(8) as threads:
        vectors = list(threads.map(lambda text: _texts(embedder, text)[0].vector, texts))
    assert vectors == [each.vector for each in Asked().embed(fingerprint=FINGERPRINT, texts=texts)]
