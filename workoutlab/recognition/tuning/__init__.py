"""Settings chosen for each person by validation on their own sets."""
