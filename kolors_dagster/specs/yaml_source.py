"""A YAML file as data, and where in the file each value stands."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kolors_dagster.errors import UserError

Location = tuple[int | str, ...]


class SpecError(UserError):
    """A spec file that cannot be used."""


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, but for `1e-4`, which is a number to everyone else (YAML 1.2 agrees)."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)
_LOOK_AT = (
    "look at that line and the one above: indent with spaces, write `key: value` with a half-width colon "
    "and a space, and put quotes around a value that starts with { [ * & ! % @ or `"
)


@dataclass(frozen=True)
class YamlSource:
    """A file's path, its parsed nodes and the data they stand for."""

    path: Path
    node: yaml.Node
    data: dict[str, Any]

    def line(self, location: Location) -> int:
        """Return the line, from 1, of the deepest part of `location` that the file has."""
        return self._find(location)[0]

    def written(self, location: Location) -> str | None:
        """Return a single value as it is written, without quotes; None for a list or a block."""
        _, node = self._find(location)
        return node.value if isinstance(node, yaml.ScalarNode) else None

    def _find(self, location: Location) -> tuple[int, yaml.Node]:
        node, line = self.node, self.node.start_mark.line + 1
        for part in location:
            if isinstance(node, yaml.MappingNode):
                found = [(key, value) for key, value in node.value if key.value == str(part)]
                if not found:
                    break
                line, node = found[0][0].start_mark.line + 1, found[0][1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line + 1
        return line, node


def read_yaml(path: Path) -> YamlSource:
    """Read a file that holds one mapping; raises SpecError with the line of what is wrong."""
    loader = _Loader(_read_text(path))
    try:
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise SpecError(
                f"{path}:1: not a mapping of `key: value` lines", f"start with `name: {path.stem}`"
            )
        _refuse_repeated_keys(node, path, set())
        data = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise SpecError(f"{where}: not valid YAML: {error.problem}", _LOOK_AT) from None
    finally:
        loader.dispose()
    return YamlSource(path, node, data)


def _read_text(path: Path) -> str:
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        guess = next((name for name in ("UTF-16", "GBK") if _is_encoded(content, name)), None)
        fix = f"save the file as UTF-8; it looks like {guess}" if guess else "save the file as UTF-8"
        raise SpecError(f"{path}:{line}: not UTF-8", fix) from None
    unprintable = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if unprintable:
        line = text.count("\n", 0, unprintable.start()) + 1
        raise SpecError(
            f"{path}:{line}: an invisible control character, U+{ord(unprintable[0]):04X}",
            "delete it, or type the line anew",
        )
    return text


def _is_encoded(content: bytes, encoding: str) -> bool:
    try:
        return "name" in content.decode(encoding)
    except UnicodeDecodeError:
        return False


def _refuse_repeated_keys(node: yaml.Node, path: Path, visited: set[int]) -> None:
    if id(node) in visited:  # an alias, perhaps to what it stands in
        return
    visited.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for child in node.value:
            _refuse_repeated_keys(child, path, visited)
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            name = str(key.value)
            if name in lines:
                raise SpecError(
                    f"{path}:{line}: {name}: written twice (first on line {lines[name]})", "keep one of them"
                )
            lines[name] = line
            _refuse_repeated_keys(value, path, visited)
