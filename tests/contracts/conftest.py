"""Where the stored reference data lies; tests that need it skip, naming it, where it is absent."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def golden() -> Path:
    """Folder of the golden data: PREMOTOR_GOLDEN, else ../shared/golden beside the repository."""
    folder = Path(os.environ.get("PREMOTOR_GOLDEN", ROOT.parent / "shared" / "golden"))
    if not folder.is_dir():
        pytest.skip(f"golden data not found at {folder}; set PREMOTOR_GOLDEN")
    return folder
