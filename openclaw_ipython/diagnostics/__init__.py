"""`doctor`, `models scan` and `--probe`: what is wrong, what is reachable, and the command for each finding."""
