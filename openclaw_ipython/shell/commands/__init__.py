"""The subcommands of `%openclaw`, one module a subject."""
