import subprocess
import sys

import pytest

from premotor.cli import main
from premotor.errors import UnknownName


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]):
    assert main.run(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in main.COMMANDS)


def test_nothing_at_all_prints_the_usage_and_fails(capsys: pytest.CaptureFixture[str]):
    assert main.run([]) == 2
    assert "usage: premotor COMMAND" in capsys.readouterr().out


def test_the_nearest_command_is_offered():
    with pytest.raises(UnknownName, match="did you mean 'collect'"):
        main.run(["colect"])


def test_errors_are_said_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sys, "argv", ["premotor", "trainn"])
    with pytest.raises(SystemExit) as caught:
        main.main()
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: unknown command 'trainn'")
    assert "Traceback" not in said


def test_a_reader_that_has_enough_ends_a_command_quietly():
    command = [sys.executable, "-m", "premotor.cli.main", "tasks", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


INTERRUPTED = """
import signal, sys
from ctypes import ArgumentError
from premotor.cli import main
from premotor.errors import RenderingError

def draws(arguments):
    try:
        if arguments[1:]:
            signal.raise_signal(getattr(signal, arguments[1]))
    except KeyboardInterrupt:
        pass
    raise eval(arguments[0])("of its own")

main._run = draws
main.main()
"""


def interrupted(*arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-c", INTERRUPTED, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stderr


@pytest.mark.parametrize("error", ["ImportError", "SystemError", "ArgumentError", "RenderingError"])
def test_what_compiled_code_raises_when_it_is_interrupted_is_a_stop(error):
    assert interrupted(error, "SIGINT") == (130, "stopped\n")
    assert interrupted(error, "SIGTERM") == (130, "stopped\n")


def test_the_same_errors_are_told_where_nobody_asked_to_stop():
    code, said = interrupted("ArgumentError")
    assert code == 1
    assert "Traceback" in said
    assert "ctypes.ArgumentError: of its own" in said
    assert interrupted("RenderingError") == (1, "error: of its own\n")
