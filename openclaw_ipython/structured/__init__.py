"""Answers that are more than text: values that fit a schema, and functions the model may call."""
