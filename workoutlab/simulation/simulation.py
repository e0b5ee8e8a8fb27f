"""Any number of people, none of them made until it is asked for."""

from collections.abc import Iterator
from dataclasses import dataclass

from workoutlab.errors import InputError
from workoutlab.recording import Recording
from workoutlab.simulation.people import Person, make_person
from workoutlab.simulation.plans import plan_session
from workoutlab.simulation.sensors import WATCH, Sensor
from workoutlab.simulation.sessions import SimulatedSession, record_session

__all__ = ["Simulation", "simulate"]

_SHORTEST_MINUTES = 5
_LONGEST_MINUTES = 240
_LOWEST_HZ, _HIGHEST_HZ = 10, 1000


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """People and their sessions; iterating makes the sessions one by one.

    Made by :func:`simulate`, which describes the parameters. It is a small frozen value: it can
    be pickled, and the same person is the same on every machine.
    """

    people: int
    sessions_each: int
    seed: int
    rate_hz: float
    minutes: float
    sensor: Sensor

    def __post_init__(self) -> None:
        _check_count("people", self.people, 1, 2**32)
        _check_count("sessions", self.sessions_each, 1, 100_000)
        _check_count("seed", self.seed, 0, 2**128)
        _check_between("rate_hz", self.rate_hz, _LOWEST_HZ, _HIGHEST_HZ)
        _check_between("minutes", self.minutes, _SHORTEST_MINUTES, _LONGEST_MINUTES)

    def person(self, index: int) -> Person:
        """Return a person.

        Raises
        ------
        InputError
            If there is no such person.
        """
        _check_count("person", index, 0, self.people - 1)
        return make_person(self.seed, index)

    def session(self, person: int, session: int) -> SimulatedSession:
        """Return one session of a person, both numbered from 0.

        Raises
        ------
        InputError
            If there is no such person or session.
        """
        _check_count("session", session, 0, self.sessions_each - 1)
        return self._record(self.person(person), session)

    def sessions(self, person: int) -> Iterator[SimulatedSession]:
        """Yield the sessions of a person, in order.

        Raises
        ------
        InputError
            If there is no such person.
        """
        someone = self.person(person)
        return (self._record(someone, session) for session in range(self.sessions_each))

    def __len__(self) -> int:
        """Return the number of sessions."""
        return self.people * self.sessions_each

    def __iter__(self) -> Iterator[SimulatedSession]:
        """Yield the sessions of all people, person by person."""
        for person in range(self.people):
            yield from self.sessions(person)

    def recordings(self) -> Iterator[Recording]:
        """Yield the recordings of all people, person by person."""
        return (session.recording for session in self)

    def _record(self, person: Person, session: int) -> SimulatedSession:
        return record_session(
            person,
            session,
            plan_session(person, session, minutes=self.minutes),
            rate_hz=self.rate_hz,
            sensor=self.sensor,
            minutes=self.minutes,
        )


def simulate(
    people: int,
    *,
    sessions: int = 3,
    seed: int = 0,
    rate_hz: float = 50.0,
    minutes: float = 20.0,
    sensor: Sensor = WATCH,
) -> Simulation:
    """Simulate people who work out with a sensor on the wrist.

    Nothing is made before it is asked for, and what a person does in a session depends on seed,
    person and session alone: person 7 of 10 is person 7 of ten million. Recordings say that
    they are simulated; figures on them say nothing about real people.

    Parameters
    ----------
    people
        Number of people.
    sessions
        Sessions of each.
    seed
        Another seed makes other people, 0 or more.
    rate_hz
        Samples a second, 10 to 1000.
    minutes
        Length of a session, 5 to 240. Sets are planned as long as they fit; a session gets
        longer than that only where its first set alone does not fit.
    sensor
        What is worn, :data:`~workoutlab.simulation.WATCH` or
        :data:`~workoutlab.simulation.PERFECT` say.

    Returns
    -------
    Simulation
        Iterate over it, or ask for a person, for a session, or for the recordings.

    Raises
    ------
    InputError
        If an argument cannot mean anything.

    Examples
    --------
    >>> everyone = simulate(10_000_000, sessions=2, minutes=10)
    >>> everyone.person(7).id
    'sim-007'
    >>> monday = everyone.session(7, 0)
    >>> monday.recording.acceleration.shape, monday.recording.simulated
    ((30000, 3), True)
    >>> monday.repetitions.columns.tolist()
    ['set', 'repetition', 'start', 'stop']
    """
    return Simulation(
        people=people,
        sessions_each=sessions,
        seed=seed,
        rate_hz=rate_hz,
        minutes=minutes,
        sensor=sensor,
    )


def _check_count(name: str, value: object, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InputError(f"{name}: expected a whole number from {least} to {most}, got {value!r}")


def _check_between(name: str, value: object, least: float, most: float) -> None:
    if not isinstance(value, int | float) or not least <= value <= most:
        raise InputError(f"{name}: expected a number from {least} to {most}, got {value!r}")
