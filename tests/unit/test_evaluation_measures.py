"""Measures, their intervals, and what two runs have to do with each other."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts.errors import CommandError
from scripts.evaluation.figures import Minimum, compare, failures, figures, minimum_of, missed
from scripts.evaluation.intervals import Interval, interval
from scripts.evaluation.measures import ndcg, recall, reciprocal_rank
from scripts.evaluation.runs import Asked, Found, Run, load_run, save_run

GRADES = {"a": 3.0, "b": 1.0, "c": 2.0}


def a_query(query: str, ranking: Sequence[str], relevant: dict[str, float] | None = None) -> Asked:
    hits = tuple(Found(key=key, score=0.5, url=f"http://pictures/{key}") for key in ranking)
    return Asked(kind="text", query=query, relevant=relevant or {"a": 1.0}, hits=hits)


def a_run(*queries: Asked, name: str = "labels", k: int = 3) -> Run:
    return Run(name=name, index="images-1", fingerprint="5e" * 32, k=k, settings={}, queries=queries)


def test_recall_is_the_share_of_the_relevant_that_was_found() -> None:
    assert recall(["x", "a", "y", "b"], GRADES, 4) == pytest.approx(2 / 3)
    assert recall(["x", "a", "y", "b"], GRADES, 2) == pytest.approx(1 / 3)
    assert recall([], GRADES, 4) == 0
    assert recall(["a"], GRADES, 1) == pytest.approx(1 / 3)


def test_ndcg_of_the_best_ranking_is_one_and_later_places_count_less() -> None:
    assert ndcg(["a", "c", "b"], GRADES, 3) == pytest.approx(1)
    best = 3 + 2 / math.log2(3) + 1 / 2
    assert ndcg(["x", "b", "a"], GRADES, 3) == pytest.approx((1 / math.log2(3) + 3 / 2) / best)
    assert ndcg(["a"], GRADES, 1) == pytest.approx(1)
    assert ndcg(["x"], GRADES, 1) == 0


def test_the_reciprocal_rank_is_that_of_the_first_relevant_picture() -> None:
    assert reciprocal_rank(["x", "y", "b", "a"], GRADES, 4) == pytest.approx(1 / 3)
    assert reciprocal_rank(["x", "y", "b"], GRADES, 2) == 0
    assert reciprocal_rank([], GRADES, 2) == 0


def test_an_interval_is_the_same_for_the_same_values_and_narrows_with_more() -> None:
    few, many = [0.0, 1.0] * 10, [0.0, 1.0] * 500
    assert interval(few) == interval(few)
    assert interval(few).low < interval(many).low < 0.5 < interval(many).high < interval(few).high
    assert interval([1.0]) == Interval(mean=1.0, low=1.0, high=1.0)


def test_the_interval_of_a_share_is_about_the_binomial_distributions() -> None:
    found = interval([1.0] * 80 + [0.0] * 20)
    assert (found.low, found.high) == pytest.approx((0.8 - 1.96 * 0.04, 0.8 + 1.96 * 0.04), abs=0.015)


def test_a_run_has_every_measure_and_its_worst_queries_first() -> None:
    run = a_run(
        a_query("good", ["a"]), a_query("late", ["x", "a"]), a_query("bad", ["x"]), a_query("none", [])
    )
    found = figures(run)
    assert list(found) == ["recall@3", "ndcg@3", "mrr@3"]
    assert found["recall@3"].mean == 0.5
    assert found["mrr@3"].mean == 0.375
    assert [asked.query for asked, _ in failures(run)] == ["bad", "none", "late"]


def test_two_runs_are_compared_query_by_query_over_those_that_both_asked() -> None:
    before = a_run(a_query("one", ["a"]), a_query("two", ["x"]), a_query("gone", ["a"]))
    now = a_run(a_query("two", ["a"]), a_query("one", ["x", "a"]), a_query("new", ["a"]))
    found = compare(now, before)
    assert found.queries == 2
    _, _, gain = found.figures["recall@3"]
    assert (gain.mean, gain.excludes_zero) == (0.5, False)
    assert [change.query.query for change in found.worse] == ["one"]
    assert [change.query.query for change in found.better] == ["two"]
    assert found.better[0].difference == 1


def test_a_difference_that_every_query_shows_is_no_chance() -> None:
    before = a_run(*(a_query(f"{number}", ["x", "a"]) for number in range(20)))
    now = a_run(*(a_query(f"{number}", ["a"]) for number in range(20)))
    assert compare(now, before).figures["mrr@3"][2].excludes_zero
    assert compare(before, before).worse == compare(before, before).better == []


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (a_run(a_query("one", ["a"]), k=5), "same --k"),
        (a_run(a_query("another", ["a"])), "no query in common"),
        (a_run(a_query("one", ["a"], {"b": 1.0})), "labels of 1 queries"),
    ],
)
def test_runs_that_cannot_be_compared_say_why(other: Run, message: str) -> None:
    with pytest.raises(CommandError, match=message) as raised:
        compare(a_run(a_query("one", ["a"])), other)
    assert raised.value.code == "runs_differ"


def test_a_minimum_is_missed_by_the_mean_alone() -> None:
    found = {"recall@10": Interval(mean=0.8, low=0.5, high=0.9)}
    assert missed(found, [Minimum(name="recall@10", least=0.8)]) == []
    (line,) = missed(found, [Minimum(name="recall@10", least=0.81)])
    assert line == "recall@10 is 0.800, less than 0.81."
    with pytest.raises(CommandError, match=r"recall@5 .*: recall@10") as raised:
        missed(found, [Minimum(name="recall@5", least=0.1)])
    assert raised.value.code == "measure_unknown"


@pytest.mark.parametrize(
    "text", ["recall@10", "recall@10=", "recall@10=much", "=0.5", "recall@10=1.5", "a=nan"]
)
def test_a_minimum_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match=r"recall@10=0\.8") as raised:
        minimum_of(text)
    assert raised.value.code == "minimum_invalid"


def test_a_minimum_is_read_in_any_case() -> None:
    assert minimum_of("nDCG@10=0.75") == Minimum(name="ndcg@10", least=0.75)


def test_a_kept_run_is_read_back_and_replaces_an_older_one_as_a_whole(tmp_path: Path) -> None:
    path, run = tmp_path / "run.json", a_run(a_query('"ä" <b>', ["a", "b"]))
    path.write_text("older")
    save_run(run, path)
    read = load_run(path)
    assert figures(read) == figures(run)
    assert [asked.identity for asked in read.queries] == [("text", '"ä" <b>')]
    assert list(tmp_path.iterdir()) == [path]


def test_links_to_pictures_are_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    save_run(a_run(a_query("one", ["a"])), path)
    assert "http" not in path.read_text()


def test_a_run_that_cannot_be_kept_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written") as raised:
        save_run(a_run(a_query("one", [])), tmp_path / "missing" / "run.json")
    assert raised.value.code == "file_unwritable"


@pytest.mark.parametrize("content", [None, "{", "{}", '{"version": 2}', "\x00"])
def test_what_is_no_kept_run_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "run.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(CommandError, match=r"run\.json") as raised:
        load_run(path)
    assert raised.value.code == "run_unreadable"
