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
from premotor.cli import main

def imports(arguments):
    try:
        if arguments:
            signal.raise_signal(getattr(signal, arguments[0]))
    except KeyboardInterrupt:
        pass
    raise ImportError("initialization failed")

main._run = imports
main.main()
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_compiled_module_that_is_interrupted_while_it_loads_is_a_stop(name):
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, name], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "stopped\n")
    broken = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True)
    assert broken.returncode == 1
    assert "ImportError: initialization failed" in broken.stderr
