"""Where the stored reference data lies; tests that need it skip, naming it, where it is absent."""

from pathlib import Path

import pytest

from golden.stored import FOLDER


@pytest.fixture(scope="session")
def golden() -> Path:
    """Folder of the golden data: PREMOTOR_GOLDEN, else ../shared/golden beside the repository."""
    if not FOLDER.is_dir():
        pytest.skip(f"golden data not found at {FOLDER}; set PREMOTOR_GOLDEN")
    return FOLDER
