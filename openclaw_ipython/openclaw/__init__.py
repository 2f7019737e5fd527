"""OpenClaw's files: where they are, what they say, and how they are changed without harm.

`store.Store` is what the rooms above use, with the values of `documents` and `refs`. Everything below it
(`json5`, `paths`, `files`, `locks`) is how. No network here, and no key of ours in anybody's file.
"""
