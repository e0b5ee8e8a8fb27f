"""Models as a lab keeps them: opened, compared, promoted, exported."""
