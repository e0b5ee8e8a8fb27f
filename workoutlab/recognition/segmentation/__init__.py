"""From samples to sets: which stretches are sets, of which exercise, and how sure that is."""
