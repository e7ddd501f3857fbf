"""Vectors that go into an index as the model wrote them are searched like their numbers."""

from dataclasses import replace

import pytest

from imagesearch.vectors import WrittenVector
from tests.builders import an_image, embedded
from tests.contract.indices import Under, keys

EAST = WrittenVector(text=b"[1.00000000,-0.00000000,0.00000000,0.00000000]")
ASLANT = WrittenVector(text=b"[-0.60000000,0.80000000,0.00000000,0.00000000]")


def test_written_vectors_are_found_by_their_numbers_however_they_came(under: Under) -> None:
    name = under.created()
    under.index.put_image(name, embedded(an_image("a", caption="a dog"), EAST, ASLANT))
    under.index.put_many(name, [embedded(an_image("b", caption="a dog"), ASLANT, EAST)])
    described = replace(an_image("a", caption="a cat"), sidecar="s2")
    assert under.index.describe(name, described, EAST)
    under.settle()
    best = under.nearest(name, (-0.6, 0.8, 0.0, 0.0), k=2)
    assert keys(best) == ["b", "a"]
    assert [match.score for match in best] == pytest.approx([1, 0.2])
    by_caption = under.nearest(name, EAST, k=2, part="caption")
    assert sorted(keys(by_caption)) == ["a", "b"]
    assert [match.score for match in by_caption] == pytest.approx([1, 1])
