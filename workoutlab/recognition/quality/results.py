"""The quality of a set, as figures that say what they are."""

from dataclasses import dataclass

from workoutlab.recognition.quality.figures import Figures
from workoutlab.recognition.quality.picture import render_quality
from workoutlab.recognition.quality.sentences import write_sentences

__all__ = ["Quality"]


@dataclass(frozen=True, eq=False)
class Quality(Figures):
    """How well a set was done; made by :func:`~workoutlab.assess`."""

    def sentences(self) -> list[str]:
        """Say what matters in sentences; none where nothing is more than chance gives."""
        return write_sentences(self)

    def __repr__(self) -> str:
        told = (
            f"{name} {each.value:.3g} {each.definition.unit}".rstrip()
            for name, each in self.measures.items()
            if not each.reason
        )
        return f"Quality({', '.join([f'{len(self)} repetitions', *told])})"

    def __str__(self) -> str:
        return "\n".join([repr(self), *(f"  {sentence}" for sentence in self.sentences())])

    def _repr_html_(self) -> str:
        return render_quality(self)
