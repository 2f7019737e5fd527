"""Which models there are, and which one a question goes to."""
