from premotor.cli import progress
from premotor.cli.progress import StageBars


def test_the_rate_counts_what_was_done_since_the_stage_began(monkeypatch, capsys):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with StageBars() as bars:
        bars("roll out", 90, 100)  # found there by --resume
        now[0] += 60.0
        bars("roll out", 100, 100)
    assert "roll out: 100/100 10/min" in capsys.readouterr().err


def test_calls_in_quick_succession_are_passed_over_but_for_the_last_and_for_news(
    monkeypatch, capsys
):
    now, moves = [100.0], []
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with StageBars() as bars:
        update = bars._progress.update

        def moved(task, **values):
            moves.append((values["completed"], values["remark"]))
            update(task, **values)

        monkeypatch.setattr(bars._progress, "update", moved)
        for done in range(1001):
            bars("measure", done, 1000)
            now[0] += 0.001
        for done in range(1, 4):
            bars("roll out", done, 9, f"{done // 2} successes")
    assert [done for done, remark in moves if not remark] == [*range(0, 1000, 100), 1000]
    assert [news for news in moves if news[1]] == [(1, "0 successes"), (2, "1 successes")]
    assert "measure: 1000/1000 60000/min" in capsys.readouterr().err


def test_a_stage_that_begins_again_counts_from_its_new_start(monkeypatch, capsys):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with StageBars() as bars:
        bars("train", 0, 10, "full")
        now[0] += 60.0
        bars("train", 10, 10, "full")
        now[0] += 600.0
        bars("train", 0, 10, "lamb")
        now[0] += 60.0
        bars("train", 10, 10, "lamb")
    said = capsys.readouterr().err
    assert "train: 10/10 10/min full" in said
    assert "train: 10/10 10/min lamb" in said
