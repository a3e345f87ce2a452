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
