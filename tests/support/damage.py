"""A home as OpenClaw and Qwen Code keep it, and what can happen to the files in it. Repeatable: `rng` is passed in."""

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from openclaw_ipython.openclaw.json5.parse import MAX_DEPTH, Json5Error, Node, read, skip_trivia

NOW = 1_795_000_000.0
SECRET = "very-secret"  # in every credential of the home: no message may show it

STATE = ".openclaw"
AGENT = f"{STATE}/agents/main/agent"
CONFIG = f"{STATE}/openclaw.json"
PROFILES = f"{AGENT}/auth-profiles.json"
CATALOG = f"{AGENT}/models.json"
LOCK = f"{AGENT}/auth-profiles.json.lock"
DATABASE = f"{STATE}/state/openclaw.sqlite"
CREDS = ".qwen/oauth_creds.json"
SETTINGS = ".qwen/settings.json"

KEPT = (  # wherever one of these stands, it stands there afterwards
    b"// kept: first line",
    b"/* kept:  before  the gateway */ gateway",
    b'port : 18789, token:"${GATEWAY_TOKEN}"',
    b"// kept: what the person thinks",
    b'{ "provider":"anthropic" , "mode":"token" }',
    b"baseUrl: 'http://127.0.0.1:9/v1'",
    b"\"note\": 'kept:\ttwo  spaces'",
    b'{ "type":"token","provider":"anthropic",  "token":"very-secret-a", "odd": {"x":1,  "y":[ ]} }',
    b'{"type": "api_key", "provider": "mine", "key": "very-secret-m"}',
    b'"mystery": [1,  2]',
    b'"usageStats": {"anthropic:default": {"errorCount":  3}}',
    b"// only this",
    b"/* and this */",
)

VALID: dict[str, str] = {
    CONFIG: """\
// kept: first line
{
  /* kept:  before  the gateway */ gateway: { port : 18789, token:"${GATEWAY_TOKEN}" },
  "auth": { "profiles": { "anthropic:default": { "provider":"anthropic" , "mode":"token" } } },
  models: {
    mode: 'merge', // kept: what the person thinks
    providers: {
      mine: {
        baseUrl: 'http://127.0.0.1:9/v1', apiKey: "very-secret-c", api: "openai-completions",
        models: [{ id: "m1", input: ["text"], contextWindow: 1e5 }, { id: "m2" }],
      },
    },
  },
  agents: { defaults: {
    model: { primary: "mine/m1", fallbacks: ["anthropic/opus"] },
    models: { "mine/m1": { alias: "m" }, "anthropic/opus": {} },
  } },
  "channels": { "telegram": { "note": 'kept:\ttwo  spaces' } },
}
""",
    PROFILES: """\
{
  "version": 1,
  "profiles": {
    "anthropic:default": { "type":"token","provider":"anthropic",  "token":"very-secret-a", "odd": {"x":1,  "y":[ ]} },
    "mine:work": {"type": "api_key", "provider": "mine", "key": "very-secret-m"},
    "qwen-portal:default": {
      "type": "oauth", "provider": "qwen-portal",
      "access": "very-secret-1", "refresh": "very-secret-2", "expires": 1795003600000
    }
  },
  "order": {"mine": ["mine:work"]},
  "mystery": [1,  2],
  "usageStats": {"anthropic:default": {"errorCount":  3}}
}
""",
    CATALOG: """\
{
  "providers": {
    "qwen-portal": { "baseUrl": "https://portal.qwen.ai/v1", "apiKey": "qwen-oauth", "models": [] },
    "mine": { "baseUrl": "http://127.0.0.1:9/v1", "apiKey": "very-secret-c", "models": [{ "id": "m1" }] }
  }
}
""",
    CREDS: json.dumps(
        {
            "access_token": "very-secret-q",
            "refresh_token": "very-secret-r",
            "token_type": "Bearer",
            "resource_url": "portal.qwen.ai",
            "expiry_date": 1795003600000,
        },
        indent=2,
    ),
    SETTINGS: '{"env": {"DASHSCOPE_API_KEY": "very-secret-s"}, "security": {"auth": {"selectedType": "qwen-oauth"}}}',
}


def build(home: Path) -> None:
    """Write the whole home into an empty folder."""
    for name, text in VALID.items():
        path = home / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(text.encode())


# -- damage to the bytes of a file ---------------------------------------------------------

Change = Callable[[bytes, random.Random], bytes]


def _inside(data: bytes, rng: random.Random) -> int:
    """A place between the braces of the document."""
    return rng.randrange(data.index(b"{") + 1, data.rindex(b"}") + 1)


def truncated(data: bytes, rng: random.Random) -> bytes:
    return data[: _inside(data, rng)]


def not_utf8(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + rng.choice([b"\xff", b"\xc3(", b"\xed\xa0\x80", b"\x80"]) + data[at:]


def utf16(data: bytes, rng: random.Random) -> bytes:
    return data.decode().encode("utf-16")


def with_rubbish_behind(data: bytes, rng: random.Random) -> bytes:
    return data + rng.choice([b"}", b"{}", b"\x00", b"garbage", b", 1"])


def too_deep(data: bytes, rng: random.Random) -> bytes:
    levels = rng.choice([MAX_DEPTH + 1, 5_000, 60_000])
    pair = rng.choice([(b"[", b"]"), (b'{"a":', b"}")])
    return data.replace(b"{", b'{"deep": ' + pair[0] * levels + b"0" + pair[1] * levels + b",", 1)


def too_large(data: bytes, rng: random.Random) -> bytes:
    return data + b" " * (16 * 1024 * 1024)


def half_written_over(data: bytes, rng: random.Random) -> bytes:
    """A shorter document over a longer one, without truncation."""
    return b'{"version": 1}\n' + data[15:]


def zeroed(data: bytes, rng: random.Random) -> bytes:
    """What a file system leaves after a power cut."""
    return bytes(len(data))


BREAKING: dict[str, Change] = {
    change.__name__: change
    for change in (
        truncated,
        not_utf8,
        utf16,
        with_rubbish_behind,
        too_deep,
        too_large,
        half_written_over,
        zeroed,
    )
}
"""After these no reader can make sense of a document."""


def with_bom(data: bytes, rng: random.Random) -> bytes:
    return b"\xef\xbb\xbf" + data


def crlf(data: bytes, rng: random.Random) -> bytes:
    return data.replace(b"\n", b"\r\n")


def mixed_lines(data: bytes, rng: random.Random) -> bytes:
    ends = [b"\n", b"\r\n", b"\r", "\u2028".encode()]
    return b"".join(line + rng.choice(ends) for line in data.split(b"\n"))


def nothing(data: bytes, rng: random.Random) -> bytes:
    return rng.choice([b"", b" \n\t", b"// only this", b"/* and this */\n", b"\xef\xbb\xbf"])


def another_root(data: bytes, rng: random.Random) -> bytes:
    return rng.choice([b"null", b"[]", b'"text"', b"0", b"true", b"NaN", b"[" + data.strip() + b"]"])


def flipped(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def scrambled(data: bytes, rng: random.Random) -> bytes:
    first, second, third = sorted(rng.randrange(len(data)) for _ in range(3))
    return data[:first] + data[second:third] + data[first:second] + data[third:]


def a_piece_missing(data: bytes, rng: random.Random) -> bytes:
    at = _inside(data, rng)
    return data[:at] + data[at + rng.randint(1, 30) :]


def a_character_more(data: bytes, rng: random.Random) -> bytes:
    at = _inside(data, rng)
    return data[:at] + rng.choice(list("{}[],:'\"\\/*\x00\x1b\u202e\ud7ff$")).encode() + data[at:]


STRANGE = [
    "null", "true", "-1", "0", "1e400", "-0", "NaN", "Infinity", "9007199254740993", "123456789" * 20,
    "''", "' '", "'x'", "'\\ud800'", "'\\u0000'", "'${HOME}'", "'${UNSET_NAME}'", "'$${X}'",
    "[]", "[[]]", "[null]",
    "{}", "{a: {}}", "{'': 0}", "{$include: 'openclaw.json'}", "{$include: ['none.json']}", "{$include: 5}",
    "{source: 'env', id: 'X'}",
    "{__proto__: null}", "'a/b/c'", "'//'", "'../../etc/passwd'", "'javascript:alert(1)'", "'http://[::1'",
    "'\\u202etxt'",
]  # fmt: skip


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for member in node.members or ():
        yield from _nodes(member.node)


def a_value_of_another_type(data: bytes, rng: random.Random) -> bytes:
    text = data.decode()
    for _ in range(rng.randint(1, 3)):
        node = rng.choice([*_nodes(read(text))][1:])
        text = text[: node.start] + rng.choice(STRANGE) + text[node.end :]
    return text.encode()


def a_key_twice(data: bytes, rng: random.Random) -> bytes:
    text = data.decode()
    owner = rng.choice([node for node in _nodes(read(text)) if node.members])
    member = rng.choice(owner.members)
    value = rng.choice([text[member.node.start : member.node.end], rng.choice(STRANGE)])
    at = rng.choice([owner.members[0].start, owner.members[-1].node.end])
    copy = f"{text[member.start : member.end]}: {value}"
    return (text[:at] + (f"{copy}, " if at == owner.members[0].start else f", {copy}") + text[at:]).encode()


def another_file(data: bytes, rng: random.Random) -> bytes:
    return rng.choice([text.encode() for text in VALID.values() if text.encode() != data])


def long_but_fine(data: bytes, rng: random.Random) -> bytes:
    filling = rng.choice([b'"' + b"x" * 300_000 + b'"', b"[" + b"0," * 5_000 + b"]", b" " * 300_000 + b"0"])
    return data.replace(b"{", b'{"long": ' + filling + b",", 1)


CHANGING: dict[str, Change] = {
    change.__name__: change
    for change in (
        with_bom,
        crlf,
        mixed_lines,
        nothing,
        another_root,
        flipped,
        scrambled,
        a_piece_missing,
        a_character_more,
        a_value_of_another_type,
        a_key_twice,
        another_file,
        long_but_fine,
    )
}


# -- damage to the place -------------------------------------------------------------------

Act = Callable[[Path, random.Random], None]


def is_missing(path: Path, rng: random.Random) -> None:
    path.unlink()


def is_a_folder(path: Path, rng: random.Random) -> None:
    path.unlink()
    path.mkdir()


def is_a_pipe(path: Path, rng: random.Random) -> None:
    path.unlink()
    os.mkfifo(path)


def links_to_itself(path: Path, rng: random.Random) -> None:
    path.unlink()
    path.symlink_to(path.name)


def links_to_nothing(path: Path, rng: random.Random) -> None:
    path.unlink()
    path.symlink_to(path.parent / "not-there" / path.name)


def links_to_a_folder(path: Path, rng: random.Random) -> None:
    path.unlink()
    path.symlink_to(path.parent)


def links_elsewhere(path: Path, rng: random.Random) -> None:
    """As a collection of dot files under version control does."""
    elsewhere = path.parent / f"dotfiles-{rng.randrange(100)}"
    elsewhere.mkdir()
    path.rename(elsewhere / path.name)
    path.symlink_to(rng.choice([elsewhere, Path(elsewhere.name)]) / path.name)


def has_two_names(path: Path, rng: random.Random) -> None:
    (path.parent / "second-name").hardlink_to(path)


def has_another_mode(path: Path, rng: random.Random) -> None:
    path.chmod(rng.choice([0o000, 0o200, 0o400, 0o444, 0o644, 0o666, 0o777]))


def is_in_a_folder_of_another_mode(path: Path, rng: random.Random) -> None:
    path.parent.chmod(rng.choice([0o000, 0o500, 0o555, 0o755, 0o777]))


def is_in_a_file(path: Path, rng: random.Random) -> None:
    shutil.rmtree(path.parent)
    path.parent.write_bytes(b"not a folder")


def is_among_litter(path: Path, rng: random.Random) -> None:
    for name in (".tmp", ".bak", ".lock.takeover", "~", ".migrated-2026", ".lock.0123456789abcdef"):
        path.with_name(path.name + name).write_bytes(b"{ litter")
    path.with_name(f".{path.name}.{'0' * 16}.tmp").write_bytes(b"{ litter")


AROUND: dict[str, Act] = {
    act.__name__: act
    for act in (
        is_missing,
        is_a_folder,
        is_a_pipe,
        links_to_itself,
        links_to_nothing,
        links_to_a_folder,
        links_elsewhere,
        has_two_names,
        has_another_mode,
        is_in_a_folder_of_another_mode,
        is_in_a_file,
        is_among_litter,
    )
}

LOCKS = [
    b"", b"garbage", b"\x00" * 100, b"null", b"[]", b"{}", b'{"pid": -1}', b'{"pid": 1e400, "createdAt": 1}',
    b'{"pid": 99999999999999999999, "createdAt": "2026-11-22T08:27:10.817Z"}', b'{"pid": true, "createdAt": null}',
    b'{"pid": 4194303, "createdAt": "2026-11-22T08:27:10.817Z"}', b'{"pid": 1, "createdAt": "not a time"}',
    b'{"pid": 1, "createdAt": "9999-99-99T00:00:00Z"}', b'{"pid": 1, "createdAt": "9999-12-31T23:59:59+00:00"}',
    b'{"pid": 1, "createdAt": "0001-01-01T00:00:00+14:00"}', b'{"pid": "1", "createdAt": {}}', b"[" * 100_000,
    b'{"pid": 1, "createdAt": "2026-11-18T10:26:39.000Z"}', b'{"pid":' + b"9" * 5_000 + b"}", b"\xff\xfe{\x00}\x00",
]  # fmt: skip


def a_lock(path: Path, rng: random.Random) -> None:
    """A lock somebody left, of any content and age."""
    kind = rng.randrange(8)
    if kind == 0:
        path.mkdir()
    elif kind == 1:
        path.symlink_to("not-there")
    else:
        path.write_bytes(rng.choice(LOCKS))
        moment = NOW + rng.choice([-1e6, -29, 0, 1e6])
        os.utime(path, (moment, moment))


def a_database(path: Path, rng: random.Random) -> None:
    """The home is one of the SQLite era, and the database is no better than the rest."""
    path.parent.mkdir()
    path.write_bytes(rng.choice([b"", b"garbage" * 1000, b"SQLite format 3\x00" + rng.randbytes(4080)]))


PLACING: dict[str, Act] = {**AROUND, "a_lock": a_lock, "a_database": a_database}


# -- the cases -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One damaged home: what happens to which file, and the seed of how."""

    target: str
    damage: str
    seed: int

    def __str__(self) -> str:
        return f"{Path(self.target).name}-{self.damage}-{self.seed}"

    @property
    def breaks(self) -> bool:
        """Whether nobody can read the file any more."""
        return self.damage in BREAKING

    def inflict(self, home: Path) -> None:
        """Do it to a home that is whole."""
        path = home / self.target
        data = self.damaged_bytes()
        if data is not None:
            path.write_bytes(data)
            return
        PLACING[self.damage](path, self._rng())

    def damaged_bytes(self) -> bytes | None:
        """What is in the file afterwards; None where something happens to its place instead."""
        change = BREAKING.get(self.damage) or CHANGING.get(self.damage)
        return change(VALID[self.target].encode(), self._rng()) if change else None

    def _rng(self) -> random.Random:
        return random.Random(f"{self.target} {self.damage} {self.seed}")


ONLY_ONE_WAY = frozenset({"utf16", "too_large", "half_written_over", "zeroed", "with_bom", "crlf"})
FEW_WAYS = frozenset(
    {"nothing", "another_root", "another_file", "long_but_fine", "too_deep", "with_rubbish_behind"}
)


def cases() -> list[Case]:
    """More than a thousand of them; the files we write get most."""
    many = {CONFIG: 37, PROFILES: 37, CATALOG: 15, CREDS: 12, SETTINGS: 4}
    places = {CONFIG: 3, PROFILES: 3, CATALOG: 2, CREDS: 1}
    found = []
    for damage in (*BREAKING, *CHANGING):
        for target, count in many.items():
            ways = 1 if damage in ONLY_ONE_WAY else min(count, 4) if damage in FEW_WAYS else count
            found += [Case(target, damage, seed) for seed in range(ways)]
    found += [
        Case(target, act, seed) for target, count in places.items() for act in AROUND for seed in range(count)
    ]
    found += [Case(LOCK, "a_lock", seed) for seed in range(60)]
    found += [Case(f"{LOCK}.takeover", "a_lock", seed) for seed in range(10)]
    found += [Case(".qwen/oauth_creds.lock", "a_lock", seed) for seed in range(10)]
    return found + [Case(DATABASE, "a_database", seed) for seed in range(8)]


def readable(data: bytes) -> bool:
    """Whether this is an object, or blank, which counts as an empty one: what may be edited."""
    try:
        text = data.decode()
        return skip_trivia(text, 0) == len(text) or read(text).members is not None
    except (UnicodeDecodeError, Json5Error):
        return False
