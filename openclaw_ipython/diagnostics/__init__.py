"""`doctor`, `models scan` and `--probe`: what is wrong, what is reachable, which command mends it."""
