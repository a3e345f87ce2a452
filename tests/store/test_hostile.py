"""Whatever bytes come, an episode is sound or refused by name; nothing else happens."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from premotor.codec import from_json, restore, to_json
from premotor.errors import DataError
from premotor.folders import SplitFolder
from premotor.store import images, video
from premotor.store.arrays import check_arrays
from premotor.store.cache import EpisodeCache
from premotor.store.checks import check_record
from premotor.store.layout import EpisodeInfo, FileInfo
from premotor.store.reader import DemoSet, check_episode
from small_data import write_split

FILES = (SplitFolder.states, SplitFolder.keyframes, SplitFolder.video)
quickly = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def demos(tmp_path_factory, make_demo) -> DemoSet:
    path = tmp_path_factory.mktemp("hostile")
    write_split(path / "train", [make_demo(0, steps=(2, 4))])
    return DemoSet.open(path)


def sound_or_refused(demos: DemoSet, info: EpisodeInfo) -> None:
    refusal = "episode 0"
    try:
        check_episode(demos.folder, info, demos.size)
    except DataError as error:
        refusal = str(error)
    assert "episode 0" in refusal


@pytest.mark.parametrize("which", FILES)
@quickly
@given(
    edits=st.lists(st.tuples(st.floats(0.0, 1.0), st.binary(max_size=12)), max_size=4),
    kept=st.floats(0.0, 1.0) | st.just(1.0),
)
def test_changed_bytes_are_refused_or_do_no_harm(demos, which, edits, kept):
    path = which(demos.folder, 0)
    before = path.read_bytes()
    data = bytearray(before[: max(1, int(kept * len(before)))])
    for place, new in edits:
        start = int(place * len(data))
        data[start : start + len(new)] = new
    name = demos.folder.relative(path)
    (info,) = demos.episodes
    others = tuple(file for file in info.files if file.path != name)
    try:
        path.write_bytes(data)
        sound_or_refused(demos, replace(info, files=(*others, FileInfo.of(name, bytes(data)))))
    finally:
        path.write_bytes(before)


@quickly
@given(field=st.sampled_from(sorted(EpisodeInfo.__dataclass_fields__)), value=plain)
def test_a_record_is_one_or_is_refused(demos, field, value):
    raw = json.loads(to_json(demos.episodes[0])) | {field: value}
    try:
        info = restore(EpisodeInfo, from_json(json.dumps(raw).encode(), "line 1"), "line 1")
        check_record(info)
    except DataError:
        return
    assert 0 < info.keyframe_steps[0] <= info.keyframe_steps[-1] < info.num_rows
    assert all(text.strip() for text in info.instructions)


@quickly
@given(data=st.binary(max_size=80), head=st.booleans())
def test_no_bytes_are_an_image_by_chance(data, head):
    sound = images.encode_rgb(np.zeros((4, 4, 3), np.uint8))
    data = sound[:16] + data if head else data
    for decode in (images.decode_rgb, images.decode_depth):
        with pytest.raises(DataError, match="PNG"):
            decode(data)


@quickly
@given(data=st.binary(max_size=200), kept=st.integers(0, 60))
def test_no_bytes_are_a_video_by_chance(demos, data, kept):
    with pytest.raises(DataError, match="video"):
        video.decode(demos.folder.video(0).read_bytes()[:kept] + data)


@quickly
@given(
    name=st.sampled_from(("steps", "offsets", "frames", "transition_quaternion", "colors")),
    kind=st.sampled_from(("f4", "i8", "u1", "c16", "U3")),
    shape=st.lists(st.integers(0, 4), max_size=4),
)
def test_foreign_arrays_are_no_cache(demos, name, kind, shape):
    cache = EpisodeCache.build_or_open(demos)
    arrays = {path.stem: np.load(path) for path in cache.folder.glob("*.npy")}
    check_arrays(arrays, demos.episodes, 32, demos.size)
    with pytest.raises((DataError, ValueError, IndexError)):
        check_arrays(arrays | {name: np.zeros(shape, kind)}, demos.episodes, 32, demos.size)
