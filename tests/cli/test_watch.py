import pytest

from premotor.cli.watch import command
from premotor.errors import ConfigError, OutputExists, UnknownName
from premotor.store import video


@pytest.mark.sim
@pytest.mark.slow
def test_the_command_leaves_a_video_of_the_whole_episode(tmp_path, capsys):
    out = tmp_path / "x.mp4"
    arguments = ["slide_block_to_color_target", "--variation", "1", "--seed", "2"]
    arguments += ["--out", str(out), "--width", "64", "--height", "48", "--no-shadows"]
    assert command(arguments) == 0
    assert "slide the block to blue target" in capsys.readouterr().out
    frames = video.decode(out.read_bytes())
    assert frames.shape[1:] == (48, 64, 3)
    assert len(frames) > 40
    with pytest.raises(OutputExists, match="--overwrite"):
        command(arguments)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (["push_button"], UnknownName, "did you mean 'push_buttons'"),
        (["open_drawer", "--variation", "3"], ConfigError, "variations 0 to 2"),
        (["open_drawer", "--width", "33"], ConfigError, "even"),
        (["open_drawer", "--camera", "frnt"], UnknownName, "did you mean 'front'"),
    ],
)
def test_nonsense_is_answered_with_what_is_known(tmp_path, arguments, error, text):
    with pytest.raises(error, match=text):
        command([*arguments, "--out", str(tmp_path / "x.mp4")])
