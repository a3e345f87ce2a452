"""Which checkpoints of a run are measured, and what they are called."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from premotor.evaluate import judge
from premotor.records import RunManifest, StartRecord, read_json, write_json


def test_a_run_that_began_with_stored_weights_was_never_untrained(
    make_run: Callable[..., Path], tmp_path: Path
):
    run = make_run(tmp_path / "run", steps=(0, 4))
    config = judge.EvaluateConfig()
    assert judge._checkpoints(run, config) == {"untrained": 0, "trained": 4}
    manifest = read_json(run / "manifest.json", RunManifest)
    began = StartRecord(half="recognizer", folder="viclip", step=None, sha256="0")
    write_json(run / "manifest.json", replace(manifest, start=(began,)))
    assert judge._checkpoints(run, config) == {"started": 0, "trained": 4}
    assert judge._checkpoints(run, replace(config, untrained=False)) == {"trained": 4}
