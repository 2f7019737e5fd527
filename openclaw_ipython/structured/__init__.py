"""Answers that are more than text: objects that fit a schema, and functions that the model may call."""
