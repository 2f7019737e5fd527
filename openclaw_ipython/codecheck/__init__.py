"""Code of an answer, checked against the live namespace without running it: `check` is the entry."""
