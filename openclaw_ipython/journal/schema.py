"""The tables of the journal, version by version. Pure SQL; a version that was released is never changed.

A file's version is SQLite's `user_version`: the number of entries of `MIGRATIONS` that were carried out on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

APPLICATION_ID = 0x6F63_6970
"""SQLite's `application_id` of our files: `ocip`."""

MIGRATIONS: tuple[Sequence[str], ...] = (
    (
        # One row a request. Times in epoch seconds, spans in seconds, cost in US dollars; NULL: not known.
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
        # One row a turn, in the order of `id`. `prompt` is the content of the message as JSON.
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
        # One row an answer; `key` is the hash of all that shaped it.
        """CREATE TABLE answers (
            key TEXT PRIMARY KEY,
            at REAL NOT NULL,
            model TEXT NOT NULL,
            answer TEXT NOT NULL
        ) WITHOUT ROWID""",
        "CREATE INDEX answers_at ON answers (at)",
        # One row a finished item of a job that can be taken up again.
        """CREATE TABLE results (
            job TEXT NOT NULL,
            item TEXT NOT NULL,
            at REAL NOT NULL,
            result TEXT NOT NULL,
            PRIMARY KEY (job, item)
        ) WITHOUT ROWID""",
        "CREATE INDEX results_at ON results (at)",
    ),
)


class Foreign(Exception):
    """The file is a database of another program, or of a later release."""


def migrate(connection: sqlite3.Connection, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Bring the file to the newest version: all of it or nothing, once, whoever else is doing the same.

    Raises Foreign for a file that is not ours to change.
    """
    if version_of(connection, len(migrations)) == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = version_of(connection, len(migrations))  # another process may have been faster
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
    """How far the file is; 0 for an empty one. Raises Foreign."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables or version:
            raise Foreign("another program's")
    if version > newest:
        raise Foreign("a later release's")
    return int(version)
