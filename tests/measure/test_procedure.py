import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from premotor.codec import from_json, restore, to_json
from premotor.errors import ConfigError
from premotor.measure.procedure import (
    ClaimRule,
    ClaimVerdict,
    cannot_show,
    claim_verdict,
    holm,
    mirror_verdicts,
)
from premotor.measure.seeds import MissingRun, SeedContrast, over_seeds

RULE = ClaimRule(seeds=tuple(range(10)), look=6)
ROOT = Path(__file__).parents[2]


def gaps(mean: float, sd: float, seeds: int = 10) -> list[float]:
    """So many differences in points with just this mean and standard deviation, in both halves."""
    shape = np.where(np.arange(seeds) % 2, 1.0, -1.0)
    shape -= shape.mean()
    return (mean + sd * shape / shape.std(ddof=1)).tolist()


def contrast(
    differences: Sequence[float],
    outcome: str = "success",
    theirs: str = "apart",
    missing: tuple[MissingRun, ...] = (),
) -> SeedContrast:
    return SeedContrast(
        outcome=outcome,
        ours="aligned",
        theirs=theirs,
        over_seeds=over_seeds({s: d / 100 for s, d in enumerate(differences)}),
        missing=missing,
    )


def said(
    success: Sequence[float], accuracy: Sequence[float], rule: ClaimRule = RULE
) -> ClaimVerdict:
    return claim_verdict(rule, [contrast(success), contrast(accuracy, "accuracy")])


WIDE = gaps(0.0, 9.0)


def test_a_gain_is_claimed_at_the_planned_number_of_seeds():
    found = said(gaps(4.0, 3.0), WIDE)
    assert found.stage == "complete"
    assert found.outcomes[0].kind == "helped"
    assert found.outcomes[0].sentence == "helped by 4 points (1.9 to 6.1, 10 seeds)"
    assert found.outcomes[1].kind == "not decided"
    assert "holds both none and 3 points or more" in found.outcomes[1].sentence


def test_a_loss_is_claimed_as_one():
    found = said(gaps(-4.0, 3.0), WIDE).outcomes[0]
    assert (found.kind, found.sentence) == ("hurt", "hurt by 4 points (1.9 to 6.1, 10 seeds)")


def test_a_gain_below_the_smallest_effect_says_so():
    found = said(gaps(1.0, 1.0), WIDE).outcomes[0]
    assert found.kind == "helped"
    assert found.sentence.endswith("; 3 points or more are ruled out")


def test_an_interval_within_the_smallest_effect_is_no_effect_of_that_size():
    found = said(gaps(0.3, 3.0), WIDE).outcomes[0]
    assert found.kind == "no effect"
    assert found.sentence == (
        "no effect of 3 points or more: a difference of 0.3 points (-1.8 to 2.4, 10 seeds)"
    )


def test_two_outcomes_are_corrected_for_their_number():
    barely = gaps(4.0, 5.4)  # p 0.044
    alone = claim_verdict(replace(RULE, num_outcomes=1), [contrast(barely)]).outcomes[0]
    assert (alone.kind, alone.p_holm) == ("helped", pytest.approx(0.044, abs=1e-3))
    found = said(barely, WIDE).outcomes[0]
    assert (found.kind, found.p_holm) == ("not decided", pytest.approx(0.088, abs=2e-3))
    assert found.sentence.endswith("corrected for the number of outcomes (Holm) p = 0.088")
    assert [o.kind for o in said(barely, gaps(4.0, 2.0)).outcomes] == ["helped", "helped"]


def test_holm_corrects_step_by_step():
    assert holm([0.01, 0.04]) == (0.02, 0.04)
    assert holm([0.04, 0.03]) == (0.06, 0.06)
    assert holm([0.01, 0.02, 0.03]) == pytest.approx((0.03, 0.04, 0.04))
    assert holm([0.9]) == (0.9,)
    assert holm([0.8, 0.9]) == (1.0, 1.0)


def test_what_the_sign_flip_test_does_not_confirm_says_so():
    found = said([2.0] * 8 + [2.1, -1.9], WIDE)  # t alone is sure, signs are too
    assert "sign-flip" not in found.outcomes[0].sentence
    rule = replace(RULE, level=0.001)
    sure = said(gaps(4.0, 1.0), WIDE, rule).outcomes[0]
    assert sure.kind == "helped"
    assert sure.sentence.endswith("; the exact sign-flip test does not confirm it (p = 0.0039)")


def test_fewer_seeds_than_planned_claim_nothing_whatever_they_say():
    found = said(gaps(9.0, 1.0, 7), gaps(9.0, 1.0, 7))
    assert found.stage == "under way"
    assert [o.kind for o in found.outcomes] == ["not decided"] * 2
    assert found.outcomes[0].sentence == (
        "not decided: 7 of 10 seeds, a difference of 9 points (8.1 to 9.9, 7 seeds); less than "
        "planned claims nothing"
    )
    assert found.outcomes[0].p_holm is None


def test_the_look_ends_it_where_both_outcomes_lie_within_the_smallest_effect():
    early, late = gaps(0.2, 1.0, 6), [9.0] * 4
    found = said(early + late, early)
    assert found.stage == "stopped"
    assert [o.kind for o in found.outcomes] == ["no effect"] * 2
    assert found.outcomes[0].found.seeds == tuple(range(6))  # later seeds change nothing
    assert found.outcomes[0].sentence.endswith("; stopped at the look after 6 seeds")


@pytest.mark.parametrize("accuracy", [WIDE[:6], gaps(9.0, 1.0, 6)])
def test_the_look_does_not_end_it_for_one_outcome_alone_and_claims_nothing(accuracy: list[float]):
    found = said(gaps(0.2, 1.0, 6), accuracy)
    assert found.stage == "under way"
    assert [o.kind for o in found.outcomes] == ["not decided"] * 2


def test_without_a_look_it_goes_on():
    assert said(gaps(0.2, 1.0, 6), gaps(0.2, 1.0, 6), replace(RULE, look=0)).stage == "under way"


def test_the_look_waits_for_the_first_seeds():
    later = SeedContrast(
        outcome="success",
        ours="aligned",
        theirs="apart",
        over_seeds=over_seeds({s: 0.001 * (s % 2) for s in range(2, 9)}),
    )
    assert claim_verdict(RULE, [later]).stage == "under way"


def test_a_broken_run_is_named_and_nothing_is_claimed():
    broken = MissingRun(arm="aligned", seed=9, why="diverged at update 812", broken=True)
    short = contrast(gaps(9.0, 1.0, 9), missing=(broken,))
    found = claim_verdict(RULE, [short])
    assert (found.stage, found.outcomes[0].kind) == ("incomplete", "not decided")
    assert found.missing == (broken,)
    assert "no result of aligned with seed 9: diverged at update 812" in cannot_show(RULE, [short])


def test_a_plan_of_fewer_than_ten_seeds_shows_intervals_only():
    rule = ClaimRule(seeds=tuple(range(8)))
    found = said(gaps(9.0, 1.0, 8), gaps(9.0, 1.0, 8), rule)
    assert found.stage == "complete"
    assert [o.kind for o in found.outcomes] == ["not decided"] * 2
    assert "9 points (8.2 to 9.8, 8 seeds)" in found.outcomes[0].sentence
    assert any("a plan of 8 seeds claims nothing" in line for line in cannot_show(rule, []))


def test_few_seeds_say_what_they_cannot_show():
    rule = ClaimRule(seeds=(0, 1, 2))
    waiting = MissingRun(arm="apart", seed=2, why="not finished", broken=False)
    lines = "\n".join(cannot_show(rule, [contrast([1.0, 3.0, 8.0], missing=(waiting,))]))
    assert "with 3 seeds the exact sign-flip test cannot go below p = 0.25" in lines
    assert "3 seeds show a difference of 11.8 points in four of five cases" in lines
    assert "1 run of the plan not finished" in lines
    assert "one seed has no interval" in "\n".join(cannot_show(rule, [contrast([1.0])]))
    assert "no seed has both runs" in "\n".join(cannot_show(rule, [contrast([])]))


def test_many_seeds_that_agree_show_what_is_of_interest():
    assert cannot_show(RULE, [contrast(gaps(0.0, 2.0))]) == ()


def test_no_seed_yet_is_told():
    found = said([], [])
    assert found.stage == "under way"
    assert found.outcomes[0].sentence.startswith("not decided: 0 of 10 seeds;")


def beaten(labels: Sequence[float], shuffled: Sequence[float]) -> list[SeedContrast]:
    return [contrast(labels, theirs="labels"), contrast(shuffled, theirs="shuffled")]


def test_an_effect_of_the_mirror_beats_both_controls():
    found = said(gaps(4.0, 3.0), WIDE)
    success, accuracy = mirror_verdicts(found, beaten(gaps(3.0, 1.0, 5), gaps(4.0, 1.0, 5)))
    assert success.holds
    assert success.sentence == (
        "aligned beats labels (a difference of 3 points (1.8 to 4.2, 5 seeds)) and beats shuffled "
        "(a difference of 4 points (2.8 to 5.2, 5 seeds)): an effect of the mirror"
    )
    assert len(success.controls) == 2
    assert not accuracy.holds
    assert "not shown to help" in accuracy.sentence


def test_what_the_label_does_as_well_is_no_effect_of_the_mirror():
    found = said(gaps(4.0, 3.0), WIDE)
    success = mirror_verdicts(found, beaten(gaps(0.5, 3.0, 5), gaps(4.0, 1.0, 5)))[0]
    assert not success.holds
    assert "is not shown to beat labels" in success.sentence
    assert success.sentence.endswith("not to be called an effect of the mirror")


def test_a_control_that_was_not_run_leaves_the_mirror_out():
    found = said(gaps(4.0, 3.0), WIDE)
    success = mirror_verdicts(found, beaten(gaps(3.0, 1.0, 5), [])[:1])[0]
    assert not success.holds
    assert "was not compared with shuffled" in success.sentence


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"seeds": ()}, "1 to 20 different"),
        ({"seeds": (1, 1)}, "1 to 20 different"),
        ({"seeds": tuple(range(21))}, "1 to 20 different"),
        ({"seeds": (0, 1, 2), "look": 3}, "fewer than the 3 seeds, got 3"),
        ({"seeds": (0, 1, 2), "look": 1}, "at least 2"),
        ({"seeds": (0, 1, 2), "smallest_effect": 3.0}, "between 0 and 1, got 3.0"),
    ],
)
def test_rules_that_cannot_be_meant_are_refused(fields: dict[str, object], message: str):
    with pytest.raises(ConfigError, match=message):
        ClaimRule(**fields)


def test_a_claim_is_about_one_pair_of_arms():
    with pytest.raises(ConfigError, match="one pair of arms"):
        claim_verdict(RULE, beaten(WIDE, WIDE))
    with pytest.raises(ConfigError, match="each of 2 outcomes once"):
        claim_verdict(RULE, [contrast(WIDE), contrast(WIDE)])
    with pytest.raises(ConfigError, match=r"got contrasts \[\]"):
        claim_verdict(RULE, [])
    with pytest.raises(ConfigError, match=r"success has seeds \[10\]"):
        claim_verdict(RULE, [contrast(gaps(0.0, 1.0, 11))])


def test_an_outcome_that_is_still_to_come_holds_back_the_other():
    found = claim_verdict(RULE, [contrast(gaps(4.0, 1.0))])
    assert (found.stage, found.outcomes[0].kind) == ("under way", "not decided")
    assert claim_verdict(RULE, [contrast(gaps(0.2, 1.0, 6))]).stage == "under way"
    with pytest.raises(ConfigError, match="each of 1 outcomes once"):
        said(WIDE, WIDE, replace(RULE, num_outcomes=1))


def test_a_verdict_is_read_back_as_it_was_written():
    found = said(gaps(4.0, 3.0), WIDE)
    read = restore(ClaimVerdict, from_json(to_json(found).encode(), "here"), "here")
    assert asdict(read) == asdict(found)


def tables_that_claim(*effects: float) -> list[int]:
    """Of 1,000 each; a program of its own, as under test the types of every call are checked."""
    program = f"""
import numpy as np
from benchmarks.procedure import RATES, World, claims, differences, verdict
for effect in {effects}:
    world = World(name="", effect=effect, on_accuracy=effect)
    tables = map(verdict, differences(world, 1000, np.random.default_rng(7)))
    print(sum(any(claims(said, name) for name in RATES) for said in tables))
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=600)
    return [int(line) for line in done.stdout.split()]


def test_the_whole_procedure_claims_what_is_not_in_no_more_than_five_percent_of_tables():
    false, true = tables_that_claim(0.0, 0.05)
    assert binomtest(false, 1000).proportion_ci(0.99).low <= 0.05
    assert binomtest(true, 1000).proportion_ci(0.99).low >= 0.95  # either outcome, at 5 points
