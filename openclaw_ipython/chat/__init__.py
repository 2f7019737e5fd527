"""The chat protocol: values, the event-stream decoder, the completions dialect, one exchange."""
