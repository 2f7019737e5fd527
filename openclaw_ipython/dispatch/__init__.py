"""Requests: resolved to a model and login, sent with failover, recorded, and answered from the cache."""
