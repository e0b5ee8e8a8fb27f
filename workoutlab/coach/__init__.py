"""The coach: what to suggest to people, from what they did.

::

    sessions       what each workout amounted to, out of a lab's sets
    plans          the same out of plan files
    eligibility    who is due for a suggestion, and a filter of people
    history        intensities in time, z-scores and rows of lags
"""

from workoutlab.coach.eligibility import eligible, keep_people
from workoutlab.coach.history import Histories, find_histories
from workoutlab.coach.plans import read_plan, sessions_from_plans
from workoutlab.coach.sessions import sessions

__all__ = [
    "Histories",
    "eligible",
    "find_histories",
    "keep_people",
    "read_plan",
    "sessions",
    "sessions_from_plans",
]
