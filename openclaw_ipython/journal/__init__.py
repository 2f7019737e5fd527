"""What was asked, kept in one SQLite file: usage, conversations, answers, results of jobs. No network, no display."""
