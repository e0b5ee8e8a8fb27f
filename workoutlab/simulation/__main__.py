"""Make the sample again: ``python -m workoutlab.simulation data``."""

import argparse
import sys
from pathlib import Path

from workoutlab.simulation.sample import write_sample

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Write the sample of simulated recordings into a folder."""
    parser = argparse.ArgumentParser(
        prog="python -m workoutlab.simulation",
        description="Make the sample of simulated recordings again, the same bytes every time.",
    )
    parser.add_argument("folder", type=Path, help="where muvr/ and continuous/ go")
    paths = write_sample(parser.parse_args(arguments).folder)
    size_mb = sum(path.stat().st_size for path in paths) / 1e6
    sys.stdout.write(f"{len(paths)} files, {size_mb:.1f} MB\n")


if __name__ == "__main__":
    main()
