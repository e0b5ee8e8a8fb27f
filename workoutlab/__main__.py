"""``python -m workoutlab`` is the command ``workoutlab``."""

from workoutlab.cli import app

if __name__ == "__main__":
    app(prog_name="workoutlab")
