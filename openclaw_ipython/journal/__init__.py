"""The journal, one SQLite file: usage, conversations, cached answers, results of jobs. No network, no display."""
