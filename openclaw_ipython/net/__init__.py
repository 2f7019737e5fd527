"""HTTP: the client that every request uses, and what counts as an acceptable address."""
