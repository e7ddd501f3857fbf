"""Recall, its confidence intervals, the split of the photographs, and the stored report."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from scripts.demo_model.evaluate import bootstrap_gain, bootstrap_recall, caption_ranks, recall
from scripts.demo_model.heads_file import HEADS, load_heads
from scripts.demo_model.split import held_half, training_half
from scripts.demo_model.training_free import class_names, top_probabilities

REPORT = HEADS.with_name("REPORT.json")
FILES = [f"photos/{number:012}.jpg" for number in range(72)]


def test_rank_counts_the_pictures_that_are_nearer() -> None:
    pictures = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    captions = np.array([[3.0, 0.1], [1.0, 0.9]])
    assert caption_ranks(captions, pictures, [0, 1]).tolist() == [0, 2]


def test_a_tie_counts_against_the_caption() -> None:
    assert caption_ranks(np.ones((1, 2)), np.ones((5, 2)), [0]).tolist() == [4]


def test_recall_is_the_share_found_among_the_first_k() -> None:
    ranks = np.array([0, 1, 4, 9])
    assert [recall(ranks, k) for k in (1, 5, 10)] == [0.25, 0.75, 1.0]


def test_interval_encloses_the_value_and_is_the_same_every_time() -> None:
    gold = np.repeat(np.arange(30), 5).tolist()
    ranks = np.random.default_rng(0).integers(0, 8, size=150)
    interval = bootstrap_recall(ranks, gold, 5)
    assert interval.low < interval.value < interval.high
    assert interval == bootstrap_recall(ranks, gold, 5)


def test_interval_is_that_of_the_pictures_and_not_of_the_captions() -> None:
    found = np.repeat(np.random.default_rng(0).integers(0, 2, size=40), 5)  # all five captions alike
    together = bootstrap_recall(found, np.repeat(np.arange(40), 5).tolist(), 1)
    apart = bootstrap_recall(found, list(range(200)), 1)
    assert together.high - together.low > 1.8 * (apart.high - apart.low)


def test_gain_over_itself_is_nothing() -> None:
    ranks = np.arange(10)
    gain = bootstrap_gain(ranks, ranks, list(range(10)), 5)
    assert (gain.low, gain.value, gain.high) == (0, 0, 0)


def test_halves_are_equal_disjoint_and_complete() -> None:
    training, held = training_half(FILES), held_half(FILES)
    assert len(training) == len(held) == 36
    assert sorted(training + held) == FILES


def test_halves_depend_on_the_names_alone() -> None:
    assert held_half(reversed(FILES)) == held_half(FILES)
    moved = [Path("elsewhere", Path(file).name).as_posix() for file in FILES]
    assert [Path(file).name for file in held_half(moved)] == [Path(file).name for file in held_half(FILES)]


def test_training_free_model_keeps_the_ten_most_probable_classes() -> None:
    kept = top_probabilities(np.random.default_rng(0).normal(size=(3, 1000)).astype(np.float32))
    assert ((kept > 0).sum(axis=1) == 10).all()
    assert (kept.sum(axis=1) < 1).all()


def test_there_is_a_name_for_every_class() -> None:
    names = class_names()
    assert len(names) == 1000
    assert (names[0], names[207], names[999]) == ("tench", "Golden Retriever", "toilet paper")


def test_report_is_about_the_stored_heads() -> None:
    report = json.loads(REPORT.read_text("utf-8"))
    assert report["heads_sha256"] == hashlib.sha256(HEADS.read_bytes()).hexdigest()


@pytest.mark.parametrize(("measure", "least"), [("trained", 0.85), ("gain", 0.0)])
def test_reported_recall_at_5_is_good_enough(measure: str, least: float) -> None:
    held = json.loads(REPORT.read_text("utf-8"))["held_half"]
    assert held[measure]["R@5"]["value"] >= least
    assert held["gain"]["R@1"]["value"] >= 0.05


def test_heads_are_small_and_finite() -> None:
    assert HEADS.stat().st_size < 2_200_000
    assert all(np.isfinite(array).all() for array in load_heads().arrays().values())
