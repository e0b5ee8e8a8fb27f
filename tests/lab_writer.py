"""A process that appends to a lab and says so: the other side of test_lab_processes.py.

Usage: python -m tests.lab_writer FOLDER FIRST COUNT SIZE. It appends COUNT batches of SIZE
recordings, numbered from FIRST, and prints the last number of each batch once it is acknowledged.
"""

import sys

from tests.lab_recordings import make
from workoutlab.lab import Lab

__all__: list[str] = []


def main(folder: str, first: int, count: int, size: int) -> None:
    lab = Lab(folder)
    _say("ready")
    for batch in range(count):
        numbers = range(first + batch * size, first + (batch + 1) * size)
        lab.append([make(number, source=f"{number}.csv") for number in numbers])
        _say(str(numbers[-1]))


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
