"""Whether a folder is on a network file system, where SQLite's write-ahead log does not work. Pure.

The log needs memory that all its users share, which other machines do not (sqlite.org/wal.html).
"""

from __future__ import annotations

import re
from pathlib import Path, PurePath, PureWindowsPath

_REMOTE = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|9p|afs|ceph|lustre|gpfs|beegfs|glusterfs|davfs|virtiofs|fuse\..+"
)
_ESCAPED = re.compile(r"\\([0-7]{3})")
_TABLE = Path("/proc/self/mounts")


def is_remote(path: PurePath, mounts: str) -> bool:
    """Whether `path` (absolute, without links) is on a network file system.

    `mounts` is the text of `/proc/self/mounts`, empty where there is none; then only a Windows share is known.
    """
    if isinstance(path, PureWindowsPath):
        return path.drive.startswith("\\\\")
    kind, longest = "", -1
    for line in mounts.splitlines():
        _, mount, found, *_ = (*line.split(), "", "", "")
        point = PurePath(_ESCAPED.sub(lambda m: chr(int(m[1], 8)), mount) or "/")
        if (path == point or point in path.parents) and len(point.parts) >= longest:
            kind, longest = found, len(point.parts)
    return _REMOTE.fullmatch(kind) is not None


def read_mounts() -> str:
    """The mounts of this machine; empty where the system does not tell."""
    try:
        return _TABLE.read_text("utf-8", "replace")
    except OSError:
        return ""
