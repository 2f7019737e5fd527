"""Qwen Code's login, read and renewed in place."""
