"""What the trial of cut-offs counts: found, missed, and rightly nothing."""

import numpy as np
import pytest

from scripts.evaluation.cutoff_trial import Case, expected_maximum, flat, judge, largest_gap

PICTURES = np.array([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
QUERY = np.array([1.0, 0.0])
COSINES = PICTURES @ QUERY


def a_case(*relevant: int) -> Case:
    flags = np.isin(np.arange(len(PICTURES)), relevant)
    return Case(query=QUERY, pictures=PICTURES, relevant=flags)


def test_a_cut_off_is_judged_by_what_it_keeps_and_by_keeping_nothing_where_nothing_fits() -> None:
    found = judge([a_case(0, 2), a_case()], flat(0.7))
    assert (found.precision, found.recall, found.f1, found.none) == (0.5, 0.5, 0.5, 0)
    strict = judge([a_case(0, 2), a_case()], flat(1.1 - 0.2))
    assert (strict.precision, strict.recall, strict.none) == (1, 0.5, 0)
    assert strict.f1 == pytest.approx(2 / 3)


def test_the_largest_gap_keeps_what_lies_before_it_unless_no_gap_is_large() -> None:
    assert largest_gap(COSINES, PICTURES) == pytest.approx(0.6)
    assert largest_gap(np.linspace(0, 1, 30), PICTURES) == np.inf


def test_the_expected_maximum_rises_with_the_number_of_pictures() -> None:
    few, many = np.tile([0.1, 0.3], 5), np.tile([0.1, 0.3], 5_000)
    assert expected_maximum(many, PICTURES) > expected_maximum(few, PICTURES) > 0.3
