"""How far a run has come, in the user's units."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["progress", "tell_time_left"]


class Report(Protocol):
    """Tells a progress display how far a run has come."""

    def __call__(self, done: int, failed: int = 0) -> None:
        """Show that `done` of all are finished, `failed` of them without success."""


def tell_time_left(done: int, total: int, passed_s: float) -> str:
    """Return the time that the rest will take at the rate so far, as the end of a sentence.

    Examples
    --------
    >>> tell_time_left(300, 500, passed_s=360)
    ', 4 min left'
    >>> tell_time_left(0, 500, passed_s=360)
    ''
    """
    if not 0 < done < total:
        return ""
    left_s = passed_s / done * (total - done)
    for unit, seconds in (("h", 3600), ("min", 60)):
        if left_s >= 1.5 * seconds:
            return f", {left_s / seconds:.0f} {unit} left"
    return f", {max(left_s, 1):.0f} s left"


@contextmanager
def progress(what: str, total: int, *, before: int = 0, show: bool = True) -> Iterator[Report]:
    """Show progress on standard error, as ``312/500 people, 1 failed, 4 min left``.

    Nothing is shown where `show` is false or standard error is neither a terminal nor a notebook.

    Parameters
    ----------
    what, total
        What is counted, and how many of them there are.
    before
        How many were done before: they say nothing about the time that the others take.
    show
        Whether to show anything.

    Examples
    --------
    >>> with progress("people", 2, show=False) as report:
    ...     report(1)
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True)
    visible = show and (console.is_terminal or console.is_jupyter)
    columns = (TextColumn("{task.description}"), BarColumn())
    began = time.monotonic()
    with Progress(*columns, console=console, disable=not visible) as bar:
        task = bar.add_task("", total=total)

        def report(done: int, failed: int = 0) -> None:
            text = f"{done}/{total} {what}" + (f", {failed} failed" if failed else "")
            text += tell_time_left(done - before, total - before, time.monotonic() - began)
            bar.update(task, completed=done, description=text)

        report(before)
        yield report
