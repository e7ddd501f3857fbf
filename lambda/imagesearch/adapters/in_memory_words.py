"""Texts ranked by the words they share with a query, as OpenSearch ranks them, but for grammar."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping

_SATURATION, _LENGTH_SHARE = 1.2, 0.75
"""BM25's k1 and b, Lucene's own. Formula: Lucene, BM25Similarity."""


def bm25(query: str, texts: Mapping[str, str]) -> dict[str, float]:
    """Return the scores of those texts that share a word with the query, by the texts' names."""
    counts = {name: Counter(_words(text)) for name, text in texts.items()}
    counts = {name: words for name, words in counts.items() if words}
    mean = sum(words.total() for words in counts.values()) / max(1, len(counts))
    scores = dict[str, float]()
    for word in sorted(set(_words(query))):
        having = {name: words for name, words in counts.items() if word in words}
        rarity = math.log(1 + (len(counts) - len(having) + 0.5) / (len(having) + 0.5))
        for name, words in having.items():
            length = 1 - _LENGTH_SHARE + _LENGTH_SHARE * words.total() / mean
            weight = words[word] / (words[word] + _SATURATION * length)
            scores[name] = scores.get(name, 0.0) + rarity * weight
    return scores


def _words(text: str) -> Iterable[str]:
    return re.findall(r"\w+", text.lower())
