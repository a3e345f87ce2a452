"""Every hostile input is refused by one clear line: no traceback, no silence, nothing executed."""

import pytest

from corpus import caches, data, options, records, sizes, system, weights
from corpus.case import Case, Lab
from premotor.cli import main
from premotor.errors import PremotorError

CASES: list[Case] = [
    *caches.CASES,
    *data.CASES,
    *options.CASES,
    *records.CASES,
    *sizes.CASES,
    *system.CASES,
    *weights.CASES,
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_refused_by_name_and_nothing_is_executed(case, made_up_data, tmp_path):
    lab = Lab(tmp_path, made_up_data)
    arguments = case.arguments(lab)
    with pytest.raises(PremotorError, match=case.words) as caught:
        main.run(arguments)
    assert caught.value.exit_code in (1, 2)
    assert "\n\n" not in str(caught.value)
    assert not lab.payload.exists()


def test_names_tell_cases_apart():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
