"""The chat completions protocol: values, event streams, dialects of hosts, errors, one request and its answer."""
