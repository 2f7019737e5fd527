"""The tables of the journal and the migrations between versions of the file.

The version of a file is SQLite's `user_version`: the number of entries of `MIGRATIONS` that were applied to it. A
released entry never changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

APPLICATION_ID = 0x6F63_6970
"""SQLite's `application_id` of a journal: `ocip`."""

MIGRATIONS: tuple[Sequence[str], ...] = (
    (
        # One row per request. `at` in epoch seconds, durations in seconds, cost in US dollars; NULL: unknown.
        """CREATE TABLE usage (
            id INTEGER PRIMARY KEY,
            at REAL NOT NULL,
            kind TEXT NOT NULL,
            provider TEXT NOT NULL,
            model TEXT NOT NULL,
            outcome TEXT NOT NULL,
            input_tokens INTEGER,
            output_tokens INTEGER,
            cached_tokens INTEGER,
            thinking_tokens INTEGER,
            first_text REAL,
            seconds REAL NOT NULL,
            cost REAL
        )""",
        "CREATE INDEX usage_at ON usage (at)",
        # One row per turn, in the order of `id`. `prompt` is the message content as JSON.
        """CREATE TABLE turns (
            id INTEGER PRIMARY KEY,
            notebook TEXT NOT NULL,
            chat TEXT NOT NULL,
            cell TEXT NOT NULL,
            at REAL NOT NULL,
            model TEXT NOT NULL,
            prompt TEXT NOT NULL,
            answer TEXT NOT NULL
        )""",
        "CREATE UNIQUE INDEX turns_cell ON turns (notebook, chat, cell)",
        # One row per answer; `key` is the hash of the request.
        """CREATE TABLE answers (
            key TEXT PRIMARY KEY,
            at REAL NOT NULL,
            model TEXT NOT NULL,
            answer TEXT NOT NULL
        ) WITHOUT ROWID""",
        "CREATE INDEX answers_at ON answers (at)",
        # One row per finished item of a resumable job.
        """CREATE TABLE results (
            job TEXT NOT NULL,
            item TEXT NOT NULL,
            at REAL NOT NULL,
            result TEXT NOT NULL,
            PRIMARY KEY (job, item)
        ) WITHOUT ROWID""",
        "CREATE INDEX results_at ON results (at)",
    ),
    (
        # Input tokens written to the prompt cache; whether the cost is an upper bound.
        "ALTER TABLE usage ADD COLUMN written_tokens INTEGER",
        "ALTER TABLE usage ADD COLUMN upper_bound INTEGER NOT NULL DEFAULT 0",
    ),
    (
        # What counts against budgets, by scope: a day, a month, or the id of a cell, call, batch or client. `unknown_…`
        # is the most that requests with an unknown outcome may have cost.
        """CREATE TABLE spent (
            scope TEXT NOT NULL,
            provider TEXT NOT NULL,
            currency TEXT NOT NULL,
            at REAL NOT NULL,
            amount REAL NOT NULL DEFAULT 0,
            tokens INTEGER NOT NULL DEFAULT 0,
            unknown_amount REAL NOT NULL DEFAULT 0,
            unknown_tokens INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (scope, provider, currency)
        ) WITHOUT ROWID""",
        # One row per request under way, with the most it may cost. `scopes` are separated and enclosed by blanks.
        # `owner` is the process that settles it, empty for a batch that any process may settle; `until` is when it
        # stops to count as under way.
        """CREATE TABLE reserved (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            owner TEXT NOT NULL,
            until REAL NOT NULL,
            scopes TEXT NOT NULL,
            provider TEXT NOT NULL,
            currency TEXT NOT NULL,
            amount REAL NOT NULL,
            tokens INTEGER NOT NULL
        )""",
    ),
)


class ForeignDatabase(Exception):
    """The file belongs to another program or a later release. `str()` is `another program's` or `a later release's`."""


def migrate(connection: sqlite3.Connection, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Migrate the file to the newest version in one transaction, also when several processes try at the same time.

    Raises ForeignDatabase, and leaves such a file unchanged.
    """
    if version_of(connection, len(migrations)) == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = version_of(connection, len(migrations))  # another process may have migrated it
        for statements in migrations[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def version_of(connection: sqlite3.Connection, newest: int) -> int:
    """The version of the file; 0 for an empty file. Raises ForeignDatabase."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables or version:
            raise ForeignDatabase("another program's")
    if version > newest:
        raise ForeignDatabase("a later release's")
    return int(version)
