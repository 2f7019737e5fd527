"""MCP: the tool servers of OpenClaw and Qwen Code as a client, with the official SDK imported at its first use."""
