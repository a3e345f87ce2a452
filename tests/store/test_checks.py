"""What an episode is: nothing else is written, trained on, or left in a set that is mended."""

from dataclasses import replace

import numpy as np
import pytest

from corpus import damage
from premotor.demonstrate import collect
from premotor.episode.clip import Clip
from premotor.episode.identity import EpisodeId, EpisodeSlot
from premotor.errors import DataError
from premotor.folders import SplitFolder
from premotor.geometry.poses import Pose
from premotor.store.examine import examine_split
from premotor.store.ledger import EpisodeLedger
from premotor.store.reader import DemoSet
from premotor.store.writer import write_episode
from small_data import as_in_0_1_0, write_split

NAN_POSE = damage.cell("end_effector", 5, 1, float("nan"))


@pytest.fixture
def folder(tmp_path, make_demo) -> SplitFolder:
    return write_split(tmp_path / "train", (make_demo(seed=i) for i in range(3)))


def _at(demo, row, position):
    """The demo with another pose in one row."""
    rows = list(demo.observations)
    moved = Pose(np.array(position), rows[row].end_effector.quaternion)
    rows[row] = replace(rows[row], end_effector=moved)
    return replace(demo, observations=tuple(rows))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: _at(d, 2, [0.6, np.nan, 0]), "row 2, number 1 of column .end_effector. is nan"),
        (lambda d: _at(d, 4, [0.1, 0.1, 0.9]), "row 1, number 0 of column 'action' is 0.6"),
        (lambda d: replace(d, instructions=()), "there are no instructions"),
        (lambda d: replace(d, episode=EpisodeId("turn_tap", 2, 0)), "turn_tap has 0 to 1"),
        (lambda d: replace(d, clip=Clip(d.clip.frames[1:], d.clip.times[1:])), "has 13 frames"),
        (lambda d: replace(d, keyframes=d.keyframes[::-1]), "keyframe_steps has 9 after 13"),
    ],
)
def test_what_cannot_be_read_back_is_not_written(tmp_path, make_demo, change, words):
    folder = SplitFolder(tmp_path / "train")
    with pytest.raises(DataError, match=f"episode 0 .* is not kept: .*{words}"):
        write_episode(folder, 0, change(make_demo()))
    assert not folder.path.exists()


def test_an_episode_that_cannot_be_meant_is_skipped_on_request(folder):
    data = folder.path.parent
    damage.states(data, NAN_POSE)
    with pytest.raises(DataError, match=r"episode 1 .*is nan.*--skip-bad"):
        DemoSet.open(data).observations(1)
    kept = DemoSet.open(data, skip_bad=True)
    assert [info.index for info in kept.episodes] == [0, 2]
    assert "is nan" in kept.skipped[0]


def test_collecting_again_makes_it_anew(folder):
    data = folder.path.parent
    damage.states(data, NAN_POSE)
    sound, harmed, _ = EpisodeLedger.of(folder).read()
    for info, kept in ((sound, True), (harmed, False)):
        slot = EpisodeSlot(info.task, info.variation, (info.seed,))
        unit = collect.CollectUnit(folder, info.index, slot)
        assert collect._is_unharmed(unit, info) is kept


def test_a_set_is_looked_through_and_its_faults_are_counted(folder):
    data = folder.path.parent
    assert examine_split(folder).sound == 3
    damage.states(data, NAN_POSE)
    folder.video(2).write_bytes(b"")
    told = []
    found = examine_split(folder, lambda *seen: told.append(seen[:3]))
    assert (found.episodes, found.sound, len(found.faults)) == (3, 1, 2)
    assert told[-1] == ("look through train", 3, 3)
    assert "episode 1" in found.faults[0]
    assert "episode 2" in found.faults[1]


def test_what_training_does_not_mind_is_a_remark(tmp_path, make_demo):
    folder = write_split(tmp_path / "train", [make_demo(0, task="jar")])
    found = examine_split(folder)
    assert not found.faults
    assert any("'jar' is no task of ours" in text for text in found.remarks)
    assert any("outside the box of targets" in text for text in found.remarks)


def test_records_of_version_0_1_0_are_asked_too(folder):
    damage.record(folder.path.parent, lambda line: line.update(variation=50))
    as_in_0_1_0(folder)
    with pytest.raises(DataError, match="variation is 50; push_buttons has 0 to 49"):
        DemoSet.open(folder.path.parent)
