import subprocess
from pathlib import Path

import pytest

from premotor.errors import ConfigError
from premotor.experiments.comparison import checkout
from premotor.experiments.comparison.checkout import check_committed, code_state


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    command = ["git", "-C", str(folder), *identity, *arguments]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def copy(tmp_path: Path, monkeypatch) -> Path:
    """A repository with the code that runs, and a plan, all of it committed."""
    root = tmp_path / "copy"
    package = root / "src" / "premotor"
    package.mkdir(parents=True)
    (package / "mirror.py").write_text("here = 1\n")
    (root / "plan.yaml").write_text("name: a plan\n")
    git(tmp_path, "init", str(root))
    git(root, "add", ".")
    git(root, "commit", "-m", "All of it")
    monkeypatch.setattr(checkout, "_PACKAGE", package)
    return root


def test_a_committed_plan_in_an_unchanged_copy_of_the_code_is_good(copy: Path):
    check_committed(copy / "plan.yaml", (copy / "records", copy.parent / "work"))
    assert code_state().clean


def test_what_the_comparison_writes_does_not_count_as_a_change(copy: Path):
    (copy / "records").mkdir()
    (copy / "records" / "plan.yaml").write_text("kept\n")
    check_committed(copy / "plan.yaml", (copy / "records",))
    with pytest.raises(ConfigError, match="records/"):
        check_committed(copy / "plan.yaml", (copy / "others",))


def test_a_changed_file_is_refused_and_named(copy: Path):
    (copy / "src" / "premotor" / "mirror.py").write_text("here = 2\n")
    with pytest.raises(ConfigError, match=r"differs from its commit \(src/premotor/mirror.py\)"):
        check_committed(copy / "plan.yaml", ())
    assert not code_state().clean


def test_a_plan_that_is_not_committed_is_refused(copy: Path):
    (copy / "new.yaml").write_text("name: another\n")
    with pytest.raises(ConfigError, match=r"new.yaml is not committed"):
        check_committed(copy / "new.yaml", ())


def test_a_plan_of_another_checkout_is_refused_saying_what_lies_where(copy: Path, tmp_path: Path):
    git(copy, "worktree", "add", "--detach", str(tmp_path / "other"))
    with pytest.raises(ConfigError, match=r"checkout .*other, and the code that runs in .*copy"):
        check_committed(tmp_path / "other" / "plan.yaml", ())


def test_a_plan_in_no_repository_is_refused(copy: Path, tmp_path: Path):
    (tmp_path / "alone.yaml").write_text("name: alone\n")
    with pytest.raises(ConfigError, match="lies in no git repository"):
        check_committed(tmp_path / "alone.yaml", ())


def test_the_same_files_are_the_same_code_whatever_is_committed_beside(copy: Path):
    before = code_state()
    (copy / "notes.txt").write_text("records, say\n")
    git(copy, "add", ".")
    git(copy, "commit", "-m", "Notes")
    assert code_state() == before
    (copy / "src" / "premotor" / "mirror.py").write_text("here = 3\n")
    changed = code_state()
    assert changed.source != before.source
    assert not changed.clean
    git(copy, "commit", "-a", "-m", "Another code")
    assert code_state().source == changed.source
    assert code_state().clean
