"""One temperature for cosines, against scores whose best temperature is known."""

import math

import numpy as np
import pytest
import torch

from premotor.evaluate.naming.calibration import (
    HIGHEST,
    LOWEST,
    TextScores,
    fitted_temperature,
)


def told(scores: torch.Tensor, truth: list[int], within: torch.Tensor | None = None) -> TextScores:
    inside = torch.ones_like(scores, dtype=torch.bool) if within is None else within
    return TextScores(scores, torch.tensor(truth), inside)


def test_the_temperature_makes_the_scores_as_sure_as_they_are_right():
    # of two texts 0.3 apart the nearer is right in 3 of 4 clips: p = 3/4 where 0.3 / tau = log 3
    found = told(torch.tensor([[0.5, 0.2]]).repeat(4, 1), [0, 0, 0, 1])
    tau = fitted_temperature(found, np.ones(4))
    assert tau == pytest.approx(0.3 / math.log(3), rel=1e-3)
    assert found.log_p(tau).exp().tolist() == pytest.approx([0.75, 0.75, 0.75, 0.25], rel=1e-3)


def test_clips_count_by_their_weights():
    found = told(torch.tensor([[0.5, 0.2]]).repeat(2, 1), [0, 1])
    tau = fitted_temperature(found, np.array([3.0, 1.0]))
    assert tau == pytest.approx(0.3 / math.log(3), rel=1e-3)


def test_who_is_always_right_may_be_certain_and_who_is_wrong_says_nothing():
    scores = torch.tensor([[0.9, 0.1], [0.1, 0.9]])
    assert fitted_temperature(told(scores, [0, 1]), np.ones(2)) < 0.1
    wrong = told(scores, [1, 0])
    tau = fitted_temperature(wrong, np.ones(2))
    assert tau == pytest.approx(HIGHEST, rel=1e-2)
    assert wrong.log_p(tau).tolist() == pytest.approx([math.log(0.5)] * 2, abs=0.01)
    assert LOWEST < HIGHEST


def test_within_the_task_only_its_texts_share_the_probability():
    within = torch.tensor([[True, True, False]])
    found = told(torch.tensor([[0.0, 0.0, 0.9]]), [0], within)
    assert found.log_p(0.05, within_task=True).tolist() == pytest.approx([math.log(0.5)])
    assert float(found.log_p(0.05)) < -15.0
    assert found.right().tolist() == [0.0]
    assert found.right(within_task=True).tolist() == [0.5]
    assert found.chance_within.tolist() == [0.5]
