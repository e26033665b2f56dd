"""The grader that counts words."""

from __future__ import annotations

import numpy as np
import pytest

from service.statistics.inputs import FloatArray, IntArray
from service.statistics.length_baseline import predict_from_length
from service.statistics.undefined import Undefined
from tests.statistics.arrays import draw_pair


def predict(reference: FloatArray, words: FloatArray, clusters: IntArray) -> FloatArray:
    predicted = predict_from_length(reference, words, clusters)
    assert not isinstance(predicted, Undefined)
    return predicted


def test_two_clusters_by_hand() -> None:
    """log(1 + words) is 0 1 in the first cluster, level 1 + x; 2 3 and 9 in the second, level 2 whatever the length."""
    words = np.expm1([0, 1, 2, 3, 9])
    predicted = predict(np.array([1.0, 2, 2, 2, 2]), words, np.array([1, 1, 2, 2, 2]))
    assert predicted == pytest.approx(np.array([2, 2, 3, 4, 5]))  # 1 + 9 is clipped to 5


def test_it_is_least_squares_on_the_other_clusters() -> None:
    reference, _, clusters = draw_pair(1)
    words = np.random.default_rng(2).integers(5, 400, 280).astype(np.float64)
    predicted = predict(reference, words, clusters)
    for cluster in (0, 13, 27):
        inside = clusters == cluster
        slope, start = np.polyfit(np.log1p(words[~inside]), reference[~inside], 1)
        assert predicted[inside] == pytest.approx(start + slope * np.log1p(words[inside]))


def test_the_levels_of_its_own_question_never_reach_a_prediction() -> None:
    reference, _, clusters = draw_pair(1)
    words = np.random.default_rng(2).integers(5, 400, 280).astype(np.float64)
    changed = np.where(clusters == 4, 1.0, reference)
    before, after = predict(reference, words, clusters), predict(changed, words, clusters)
    assert after[clusters == 4] == pytest.approx(before[clusters == 4])
    assert not np.allclose(after[clusters != 4], before[clusters != 4])


def test_where_all_others_are_equally_long_it_is_their_mean() -> None:
    predicted = predict(np.array([1.0, 3, 5, 4]), np.array([10.0, 10, 10, 90]), np.array([1, 2, 2, 3]))
    assert predicted[3] == pytest.approx(3.0)


def test_one_cluster_leaves_nothing_to_fit() -> None:
    assert isinstance(predict_from_length([1, 2], [3, 4], ["a", "a"]), Undefined)


def test_negative_words_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be negative"):
        predict_from_length([1, 2], [3, -4], ["a", "b"])
