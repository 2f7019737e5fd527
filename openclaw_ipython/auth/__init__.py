"""Signing in and staying signed in: device flow, tokens, refresh. Knows no provider by name."""
