import numpy as np

from premotor.store import images, video


def test_depth_comes_back_to_a_twentieth_of_a_millimeter():
    depth = np.random.default_rng(0).uniform(0.05, 6.5, (16, 24)).astype(np.float32)
    back = images.decode_depth(images.encode_depth(depth))
    assert back.dtype == np.float32
    assert np.abs(back - depth).max() < 0.51e-4


def test_what_lies_beyond_the_range_is_stored_as_the_range():
    depth = np.array([[7.0, np.inf], [np.nan, 1.0]], dtype=np.float32)
    back = images.decode_depth(images.encode_depth(depth))
    assert np.allclose(back, [[images.DEPTH_RANGE, images.DEPTH_RANGE], [images.DEPTH_RANGE, 1.0]])


def test_colors_come_back_exactly():
    rgb = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    assert np.array_equal(images.decode_rgb(images.encode_rgb(rgb)), rgb)


def test_a_video_gives_the_same_bytes_whatever_memory_held_before(make_demo):
    frames = make_demo(seed=0).clip.frames
    rng, held = np.random.default_rng(0), []
    found = set()
    for _ in range(80):
        held.append(rng.integers(0, 256, rng.integers(100, 300_000), dtype=np.uint8))
        if len(held) > 50:
            held.pop(rng.integers(50))
        found.add(video.encode(frames, 20))
    assert len(found) == 1


def test_a_video_gives_the_same_bytes_twice_and_nearly_its_frames():
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    frames = np.stack([np.roll(np.tile(ramp[:, None], (64, 1, 3)), i, 1) for i in range(12)])
    data = video.encode(frames, 20)
    assert data == video.encode(frames, 20)
    back = video.decode(data)
    assert back.shape == frames.shape
    assert np.abs(back.astype(int) - frames.astype(int)).mean() < 4
