"""What of a set's quality matters, in sentences that a person understands."""

from collections.abc import Iterator

from workoutlab.recognition.quality.figures import Figures
from workoutlab.recognition.quality.measures import edge_count

__all__ = ["write_sentences"]

_NUMBERS = {1: "repetition", 2: "2", 3: "3"}


def write_sentences(quality: Figures) -> list[str]:
    """Write a sentence for each measure that matters, the most useful first."""
    return [*_say_tempo(quality), *_say_amplitude(quality), *_say_rest(quality)]


def _matters(quality: Figures, name: str) -> bool:
    return name in quality.measures and quality.measures[name].matters


def _say_tempo(quality: Figures) -> Iterator[str]:
    if _matters(quality, "slower_last"):
        value = quality["slower_last"]
        how = f"{value:.0f} % slower" if value > 0 else f"{-value:.0f} % quicker"
        yield f"{_last(quality)} were {how} than the first {edge_count(len(quality))}."


def _say_amplitude(quality: Figures) -> Iterator[str]:
    if _matters(quality, "smaller_last"):
        value = quality["smaller_last"]
        first = f"than the first {edge_count(len(quality))}"
        if quality.amplitude_unit == "deg":
            how = "less far" if value > 0 else "further"
            yield f"{_last(quality)} went {abs(value):.0f} % {how} {first}."
        else:
            how = "less" if value > 0 else "more"
            yield f"{_last(quality)} moved with {abs(value):.0f} % {how} force {first}."


def _say_rest(quality: Figures) -> Iterator[str]:
    if _matters(quality, "smoothness_change"):
        how = "jerkier" if quality["smoothness_change"] < 0 else "smoother"
        yield f"{_last(quality)} were {how} than the first {edge_count(len(quality))}."
    yield from _say_asymmetry(quality)
    if _matters(quality, "similarity"):
        yield "This set was less like your good sets than these are like each other."


def _say_asymmetry(quality: Figures) -> Iterator[str]:
    for name, less, more in (
        ("asymmetry", "smaller", "larger"),
        ("asymmetry_tempo", "quicker", "slower"),
    ):
        if _matters(quality, name):
            value = quality[name]
            how = less if value > 0 else more
            yield f"Every second repetition was {_even(value):.0f} % {how} than the one before it."


def _even(index: float) -> float:
    """Return by how many % even repetitions differ from odd ones, of a symmetry index."""
    ratio = (200 - index) / (200 + index)
    return abs(100 * (ratio - 1))


def _last(quality: Figures) -> str:
    return f"The last {edge_count(len(quality))} of {len(quality)} repetitions"
