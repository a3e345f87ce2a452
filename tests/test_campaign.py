"""One campaign over units: what is done, what is kept, what is told, and how it goes on."""

import logging
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from premotor import campaign as module
from premotor.campaign import NAMED, Campaign, Ledger, Results
from premotor.errors import (
    ConfigError,
    DemonstrationFailed,
    EpisodesMissing,
    PlacementFailed,
)
from premotor.records import read_lines
from premotor.stopping import Stopped
from premotor.worklist import Crew, WorkerCrashed


@dataclass(frozen=True)
class Sum:
    """What was made of a number."""

    number: int
    value: int


class NoMore(ConfigError):
    """After which no unit can go on."""


def square(number: int) -> Sum:
    return Sum(number, number**2)


def no_odd(number: int) -> Sum:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return square(number)


class Recorder:
    """Work that remembers what it was asked to do."""

    def __init__(self, work: Callable[[int], Sum] = square) -> None:
        self.asked: list[int] = []
        self._work = work

    def __call__(self, number: int) -> Sum:
        self.asked.append(number)
        return self._work(number)


def campaign(path: Path, work: Callable[[int], Sum] = square, **changes) -> Campaign[int, Sum]:
    known = {"stage": "square", "keys": lambda n: [n], "key_of": lambda r: r.number}
    return Campaign(**known | {"work": work, "ledger": Ledger(path, Sum)} | changes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sums.jsonl"


def kept(path: Path) -> list[Sum]:
    return list(read_lines(path, Sum))


def test_every_unit_leaves_a_record_on_disk_and_the_results_are_in_the_units_order(path):
    found = campaign(path).run([3, 1, 2])
    assert list(found.records) == [3, 1, 2]
    assert found.insist("numbers") == [Sum(3, 9), Sum(1, 1), Sum(2, 4)] == kept(path)
    assert not found.broken


def test_worker_processes_give_the_same_records(path):
    found = campaign(path, crew=Crew(workers=2)).run([3, 1, 2])
    assert found.insist("numbers") == [Sum(3, 9), Sum(1, 1), Sum(2, 4)]
    assert sorted(r.number for r in kept(path)) == [1, 2, 3]


def test_a_record_is_on_disk_before_the_next_unit_begins(path):
    there = []
    campaign(path, lambda n: there.append(len(kept(path))) or square(n)).run([5, 6, 7])
    assert there == [0, 1, 2]


def test_what_has_a_record_is_not_done_again(path):
    campaign(path).run([1, 2])
    work = Recorder()
    assert campaign(path, work).run([1, 2, 3]).insist("numbers") == [*map(square, (1, 2, 3))]
    assert work.asked == [3]
    assert campaign(path, work).known([3, 4, 2]) == {3: Sum(3, 9), 2: Sum(2, 4)}


def test_records_of_other_units_are_kept(path):
    campaign(path).run([1, 2])
    assert list(campaign(path).run([3]).records) == [3]
    assert kept(path) == [*map(square, (1, 2, 3))]


def test_a_damaged_line_is_told_and_its_unit_done_again(path, caplog):
    campaign(path).run([1, 2, 3])
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], '{"number": 2}\n', "\0\n", lines[2]]))
    work = Recorder()
    campaign(path, work).run([1, 2, 3])
    assert work.asked == [2]
    assert f"{path}:2: Sum: missing value" in caplog.text
    assert f"{path}:3: not JSON" in caplog.text
    assert sorted(r.number for r in kept(path)) == [1, 2, 3]  # and the damaged lines are gone


@pytest.mark.parametrize("cut", [1, 5])
def test_a_line_that_was_cut_off_is_done_again(path, cut, caplog):
    campaign(path).run([1, 2])
    path.write_bytes(path.read_bytes()[:-cut])
    work = Recorder()
    campaign(path, work).run([1, 2])
    assert work.asked == [2]
    assert kept(path) == [Sum(1, 1), Sum(2, 4)]
    assert not caplog.records  # a crash is nothing to warn of


def test_the_last_record_of_a_unit_counts_and_the_others_go(path):
    path.write_text("".join(f'{{"number": 1, "value": {value}}}\n' for value in (7, 8, 9)))
    assert campaign(path).run([1, 2]).records[1] == Sum(1, 9)
    assert kept(path) == [Sum(1, 9), Sum(2, 4)]


def test_a_record_that_no_longer_holds_is_made_again(path):
    campaign(path).run([1, 2, 3])
    work = Recorder()
    found = campaign(path, work, holds=lambda number, _: number != 2).run([1, 2, 3])
    assert work.asked == [2]
    assert list(found.records) == [1, 2, 3]


def test_of_several_records_the_best_that_holds_is_the_unit_s(path):
    campaign(path).run([10, 20])
    work = Recorder()
    either = {"keys": lambda number: [10 * number, 20]}
    assert campaign(path, work, **either).run([1]).records == {1: Sum(10, 100)}
    refused = {"holds": lambda _unit, record: record.number != 10}
    assert campaign(path, work, **either | refused).run([1]).records == {1: Sum(20, 400)}
    assert work.asked == []


def test_what_comes_of_some_units_decides_what_else_is_done(path):
    asked = []

    def more(results: Results[int, Sum]) -> list[int]:
        asked.append(list(results.records))
        return [max(results.records) + 1] if max(results.records) < 4 else []

    progress = []
    told = {"progress": lambda *what: progress.append(what)}
    found = campaign(path, **told).run([1, 2], more)
    assert list(found.records) == [1, 2, 3, 4]
    assert asked == [[1, 2], [1, 2, 3], [1, 2, 3, 4]]
    assert progress[-1] == ("square", 4, 4, "")
    work = Recorder()
    assert campaign(path, work).run([1, 2], more).records == found.records
    assert work.asked == []


def test_a_unit_that_breaks_costs_no_other_and_is_done_the_next_time(path, caplog):
    progress = []
    told = {"progress": lambda *what: progress.append(what)}
    found = campaign(path, no_odd, **told).run([1, 2, 4], remark=lambda r: f"{len(r.records)} even")
    assert list(found.records) == [2, 4]
    assert progress == [
        ("square", 0, 3, "0 even"),
        ("square", 1, 3, "0 even, 1 broken"),
        ("square", 2, 3, "1 even, 1 broken"),
        ("square", 3, 3, "2 even, 1 broken"),
    ]
    assert "ValueError: 1 is odd" in caplog.text
    assert caplog.records[0].exc_info  # a fault of the code comes with its traceback
    with pytest.raises(EpisodesMissing, match=r"1 of 3 numbers broke, .*--resume: 1: ValueError"):
        found.insist("numbers")
    assert campaign(path).run([1, 2, 4]).insist("numbers") == [*map(square, (1, 2, 4))]


def test_an_expected_error_is_logged_without_a_traceback(path, caplog):
    def fail(number: int) -> Sum:
        raise DemonstrationFailed("no_path")

    campaign(path, fail).run([1])
    assert [(r.message, r.exc_info) for r in caplog.records] == [("1: no_path", None)]


def test_a_fatal_error_ends_all_and_keeps_what_is_done(path):
    def end(number: int) -> Sum:
        if number == 2:
            raise NoMore("the weights are gone")
        return square(number)

    with pytest.raises(NoMore, match="weights"):
        campaign(path, end, fatal=(ConfigError,)).run([1, 2, 3])
    assert kept(path) == [Sum(1, 1)]


def test_records_are_told_of_once_they_are_on_disk_those_from_before_too(path):
    campaign(path).run([1])
    told = []
    campaign(path, on_record=lambda r: told.append((r, r in kept(path)))).run([1, 2])
    assert told == [(Sum(1, 1), True), (Sum(2, 4), True)]


def test_each_kind_of_error_has_its_remedy_and_ten_units_are_named():
    broken: dict[int, Exception] = {1: WorkerCrashed("lost"), 2: PlacementFailed("no room")}
    broken |= {number: ValueError("bug") for number in range(10, 10 + NAMED + 2)}
    results = Results({0: Sum(0, 0)}, broken)
    said = str(results.missing("numbers"))
    assert isinstance(results.missing("numbers"), EpisodesMissing)
    assert "1 of 15 numbers could not be made, choose another --seed: 2: no room" in said
    assert "1 of 15 numbers lost their worker, run again with --resume" in said
    assert "12 of 15 numbers broke, mend that and run again with --resume: 10: Value" in said
    assert said.count("ValueError: bug") == NAMED
    assert said.endswith("and 2 more, see the log")
    hopeless = Results({}, broken | {3: DemonstrationFailed("no way")})
    assert isinstance(hopeless.missing("numbers"), DemonstrationFailed)


def test_a_stop_keeps_what_is_done_and_says_how_to_go_on(path):
    def stop(number: int) -> Sum:
        if number == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return square(number)

    with pytest.raises(Stopped, match="square: stopped, 2 of 3 done; go on with --resume"):
        campaign(path, stop).run([1, 2, 3])
    assert kept(path) == [Sum(1, 1), Sum(2, 4)]
    work = Recorder()
    assert len(campaign(path, work).run([1, 2, 3]).records) == 3
    assert work.asked == [3]


def test_an_interruption_between_two_records_leaves_whole_lines(path, monkeypatch):
    campaign(path).run([1])

    def interrupt(*_args) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "run_units", interrupt)
    with pytest.raises(KeyboardInterrupt):
        campaign(path).run([1, 2])
    assert kept(path) == [Sum(1, 1)]


def test_a_ledger_tells_of_each_line_what_it_is(path, caplog):
    path.write_text('{"number": 1, "value": 1}\n[]\n{"number": 3, "value": 9}\n{"number": 4')
    caplog.set_level(logging.WARNING)
    entries = list(Ledger(path, Sum).entries())
    assert [entries[0], entries[2]] == [Sum(1, 1), Sum(3, 9)]
    assert f"{path}:2: Sum: expected names with values, got list" in str(entries[1])
    assert len(entries) == 3
    assert not caplog.records
    assert Ledger(path, Sum).read() == [Sum(1, 1), Sum(3, 9)]
    assert Ledger(path.with_name("none.jsonl"), Sum).read() == []
