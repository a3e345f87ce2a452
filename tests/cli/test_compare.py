from pathlib import Path

import pytest

from compared import made_plan, made_unit, records_of
from premotor.cli import main
from premotor.codec import to_yaml
from premotor.errors import ConfigError, DataError
from premotor.experiments.comparison.setting import Unit
from premotor.records import write_json

PLAN = made_plan(seeds=3)


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A plan whose units are all on record beside it."""
    path = tmp_path / "plan.yaml"
    path.write_text(to_yaml(PLAN))
    records_of(tmp_path / "plan", PLAN, aligned=0.7)
    return path


def test_reading_writes_tables_from_records_alone_and_tells_the_claim(plan: Path, capsys):
    assert main.run(["compare", str(plan), "--read", "--no-page"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "The claim" in said
    assert "a plan of 3 seeds claims nothing" in said.lower()
    assert (plan.with_suffix("") / "compare.md").read_text().startswith("# made up")
    assert not (plan.with_suffix("") / "compare.html").exists()


def test_a_broken_unit_fails_the_command(plan: Path, capsys):
    unit = Unit("aligned", 1)
    record = made_unit(PLAN, unit, fault="diverged: step 3")
    write_json(plan.with_suffix("") / "units/aligned/seed_1/unit.json", record)
    assert main.run(["compare", str(plan), "--read", "--no-page"]) == 1
    assert "diverged: step 3" in " ".join(capsys.readouterr().out.split())


def test_what_is_left_is_told_without_beginning_anything(plan: Path, tmp_path: Path, capsys):
    options = ["--dry-run", "--records", str(tmp_path / "none"), "--work", str(tmp_path / "work")]
    assert main.run(["compare", str(plan), *options]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "6 of 6 units are left: 120 updates" in said
    assert "To be collected first: the splits train, val, test" in said
    assert "cannot be said before the data are there" in said
    assert not (tmp_path / "none").exists()
    assert not (tmp_path / "work").exists()


def test_a_plan_that_cannot_be_meant_is_refused(plan: Path):
    plan.write_text(plan.read_text().replace("claim: aligned", "claim: alined"))
    with pytest.raises(ConfigError, match="did you mean 'aligned'"):
        main.run(["compare", str(plan), "--dry-run"])


def test_reading_where_nothing_was_compared_is_refused(plan: Path, tmp_path: Path):
    with pytest.raises(DataError, match="no records of a comparison"):
        main.run(["compare", str(plan), "--read", "--records", str(tmp_path / "none")])


def test_two_things_to_do_instead_are_refused(plan: Path):
    with pytest.raises(ConfigError, match="give one"):
        main.run(["compare", str(plan), "--read", "--dry-run"])
