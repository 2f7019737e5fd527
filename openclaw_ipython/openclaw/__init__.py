"""OpenClaw's files: where they are, what they hold, and how they are changed without harm.

`store.Store` is what other packages use, with the values of `config_view`, `profiles` and `model_refs`; `json5`,
`paths`, `files` and `locks` are its parts. No network here, and no key of ours in a file that is not ours.
"""
