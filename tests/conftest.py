"""What several test modules ask for."""

import os
from pathlib import Path

import pytest


def find_real_data() -> Path:
    """Return where real recordings are looked for."""
    default = Path(__file__).parents[1] / ".." / "shared" / "data"
    return Path(os.environ.get("WORKOUTLAB_DATA", default)).resolve()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings; tests that ask for it skip where it is missing."""
    folder = find_real_data()
    if not (folder / "muvr").is_dir():
        pytest.skip(f"no real recordings at {folder}: set WORKOUTLAB_DATA to their folder")
    return folder
