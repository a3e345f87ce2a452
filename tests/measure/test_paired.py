import numpy as np
import pytest
from scipy.stats import binomtest

from premotor.errors import ConfigError
from premotor.measure.paired import mcnemar


def outcomes(both: int, ours: int, theirs: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    counts = (both, ours, theirs, neither)
    return (
        np.repeat([True, True, False, False], counts),
        np.repeat([True, False, True, False], counts),
    )


@pytest.mark.parametrize(("ours", "theirs"), [(0, 0), (1, 0), (6, 0), (9, 3), (40, 61), (5, 5)])
def test_the_p_value_is_the_exact_binomial_one(ours: int, theirs: int):
    found = mcnemar(*outcomes(17, ours, theirs, 4))
    assert (found.only_ours, found.only_theirs) == (ours, theirs)
    expected = binomtest(ours, ours + theirs).pvalue if ours + theirs else 1.0
    assert found.p_value == pytest.approx(expected)


def test_episodes_on_which_both_agree_say_nothing():
    assert mcnemar(*outcomes(0, 7, 1, 0)).p_value == mcnemar(*outcomes(400, 7, 1, 90)).p_value


def test_the_two_models_are_interchangeable():
    ours, theirs = outcomes(3, 9, 2, 1)
    assert mcnemar(ours, theirs).p_value == mcnemar(theirs, ours).p_value


def test_no_episodes_are_refused():
    with pytest.raises(ConfigError, match="same episodes"):
        mcnemar(np.ones(0, bool), np.ones(0, bool))
