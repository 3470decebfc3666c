"""What `nginx -T` prints, as directives: its files joined as `include` says, quotes and comments read as nginx does.

# configuration file /etc/nginx/nginx.conf:
http { include sites/*; ... }
# configuration file /etc/nginx/sites/www:
server { listen 443 ssl; ssl_certificate "/etc/nginx/tls/www.pem"; }
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from mecai.errors import InputError

LARGEST: Final = 16 * 1024 * 1024  # octets of everything that nginx prints
_DEEPEST: Final = 32  # blocks in blocks, and files in files
_FILE: Final = re.compile(r"^# configuration file (/.*):$", re.MULTILINE)
_TOKEN: Final = re.compile(
    r"""\s+ | \#[^\n]* | (?P<mark>[;{}])
    | "(?P<double>(?:\\.|[^"\\])*)" | '(?P<single>(?:\\.|[^'\\])*)'
    | (?P<bare>(?:\\.|\$\{[^}]*\}|[^\s;{}\\]|\\(?=\s))+)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED: Final = re.compile(r"\\([\"'\\])")


@dataclass(frozen=True)
class Directive:
    """A name with its words, and what is in its block."""

    name: str
    words: tuple[str, ...]
    block: tuple["Directive", ...] = ()

    def all(self, name: str) -> Iterator["Directive"]:
        """Yield the directives of that name in the block."""
        return (each for each in self.block if each.name == name)


@dataclass(frozen=True)
class Configuration:
    """Everything, in the place of its `include`; relative paths begin at `prefix`."""

    root: Directive
    prefix: PurePosixPath

    def path(self, word: str) -> PurePosixPath:
        """Return the path that a word of a directive names."""
        return self.prefix / word


def parse(printed: str) -> Configuration:
    """Parse what `nginx -T` printed; raises `InputError`."""
    _, *parts = _FILE.split(printed)
    files = dict(zip(map(PurePosixPath, parts[::2]), parts[1::2], strict=True))
    if not files:
        raise InputError("nginx -T: printed no configuration file")
    main = next(iter(files))
    reader = _Reader(files, main.parent)
    return Configuration(Directive("", (), tuple(reader.read(main, 0))), main.parent)


@dataclass(frozen=True)
class _Reader:
    files: dict[PurePosixPath, str]
    prefix: PurePosixPath

    def read(self, path: PurePosixPath, depth: int) -> Iterator[Directive]:
        """Yield the directives of a file, others included in their places."""
        tokens = _tokens(self.files[path], path)
        yield from self._block(tokens, path, depth)
        if next(tokens, None) is not None:
            raise InputError(f"{path}: a block ends that did not begin")

    def _block(self, tokens: Iterator[tuple[str, bool]], path: PurePosixPath, depth: int) -> Iterator[Directive]:
        if depth > _DEEPEST:
            raise InputError(f"{path}: blocks and files lie more than {_DEEPEST} deep in each other")
        words: list[str] = []
        for text, is_mark in tokens:
            if not is_mark:
                words.append(text)
            elif text == "}":
                return
            elif text == "{":
                block = tuple(self._block(tokens, path, depth + 1))
                yield Directive(words[0] if words else "", tuple(words[1:]), block)
                words = []
            elif words:
                yield from self._simple(Directive(words[0], tuple(words[1:])), depth)
                words = []

    def _simple(self, directive: Directive, depth: int) -> Iterator[Directive]:
        if directive.name != "include" or not directive.words:
            yield directive
            return
        pattern = str(self.prefix / directive.words[0])
        for path in sorted(each for each in self.files if each.match(pattern)):
            yield from self.read(path, depth + 1)


def _tokens(text: str, path: PurePosixPath) -> Iterator[tuple[str, bool]]:
    """Yield words and marks; a mark is told from a quoted one."""
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found:
            raise InputError(f"{path}: line {text.count(chr(10), 0, at) + 1} cannot be read")
        at = found.end()
        kind = found.lastgroup
        if kind == "mark":
            yield found[0], True
        elif kind == "bare":
            yield found[0], False
        elif kind is not None:
            yield _ESCAPED.sub(r"\1", found[kind]), False
