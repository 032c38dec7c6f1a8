"""Read spec files, and say of every mistake which file, line and field it is in and how to mend it."""

import difflib
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from kolors_dagster.errors import UserError
from kolors_dagster.specs.story import StorySpec
from kolors_dagster.specs.style import StyleSpec

S = TypeVar("S", StyleSpec, StorySpec)
Location = tuple[int | str, ...]


class SpecError(UserError):
    """A spec file that cannot be used."""


def load_style(path: Path) -> StyleSpec:
    """Read a style file; raises SpecError."""
    return _named_as_file(_load(path, StyleSpec), path)


def load_story(path: Path) -> StorySpec:
    """Read a story file; raises SpecError."""
    return _named_as_file(_load(path, StorySpec), path)


def _named_as_file(spec: S, path: Path) -> S:
    if spec.name != path.stem:
        raise SpecError(
            f"{path}: name: {spec.name!r} is not the file's name",
            f"write `name: {path.stem}`, or rename the file",
        )
    return spec


def _load(path: Path, schema: type[S]) -> S:
    if not path.is_file():
        near = difflib.get_close_matches(
            path.stem, [p.stem for p in path.parent.glob("*.yaml")], n=1, cutoff=0.5
        )
        have = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml"))) or "none"
        hint = f"did you mean {near[0]!r}? There are: {have}" if near else f"there are: {have}"
        raise SpecError(f"{path}: no such file", hint)
    try:
        text = path.read_text(encoding="utf-8-sig")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: not UTF-8 (byte {error.start})", "save the file as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise SpecError(
            f"{where}: not valid YAML: {error.problem}",
            "check the indentation, colons and quotes on that line",
        ) from None
    except yaml.YAMLError as error:
        raise SpecError(f"{path}: not valid YAML: {error}", "remove the character it names") from None
    if not isinstance(data, dict) or node is None:
        raise SpecError(f"{path}:1: not a mapping of `key: value` lines", f"start with `name: {path.stem}`")
    _refuse_repeated_keys(node, path)
    try:
        return schema.model_validate(data)
    except ValidationError as error:
        problems = [_explain(details, path, node, schema) for details in error.errors()]
        raise SpecError(
            "\n".join(p for p, _ in problems), "; ".join(dict.fromkeys(f for _, f in problems))
        ) from None


def _refuse_repeated_keys(node: yaml.Node, path: Path) -> None:
    if isinstance(node, yaml.SequenceNode):
        for child in node.value:
            _refuse_repeated_keys(child, path)
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in seen:
                raise SpecError(
                    f"{path}:{line}: {key.value}: written twice (first on line {seen[key.value]})",
                    "keep one of them",
                )
            seen[key.value] = line
            _refuse_repeated_keys(value, path)


def _explain(details: ErrorDetails, path: Path, node: yaml.Node, schema: type[BaseModel]) -> tuple[str, str]:
    location = tuple(part for part in details["loc"] if part not in ("embedded", "folder", "modelscope"))
    line = _line_of(location, node)
    field = ".".join(str(part + 1) if isinstance(part, int) else part for part in location)
    kind = details["type"]
    message = details["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        known = _fields_at(schema, location[:-1])
        near = difflib.get_close_matches(str(location[-1]), known, n=1)
        message = "unknown key"
        fix = f"did you mean {near[0]!r}?" if near else f"keys here: {', '.join(known)}"
    elif kind == "missing":
        message, fix = "missing", f"add `{location[-1]}:`"
    elif kind.startswith("too_") and field == "panels":
        message, fix = (
            f"a story has exactly eight panels; this one has {len(details['input'])}",
            "write eight panels",
        )
    elif kind.endswith("_type"):
        fix = f"write `{location[-1] if location else path.stem}:` followed by a {kind.removesuffix('_type')}"
        message += f", not {type(details['input']).__name__} {details['input']!r}"
    elif kind.startswith("union_tag"):
        message = "which kind of source is it?"
        fix = "write `kind: embedded`, `kind: folder` or `kind: modelscope`"
    elif kind == "value_error":
        fix = "change it as said"
    else:
        message += f", not {details['input']!r}"
        fix = "change the value as said"
    return f"{path}:{line}: {field or 'file'}: {message}", fix


def _line_of(location: Location, node: yaml.Node) -> int:
    """Return the line of the deepest part of `location` that the file has."""
    line = node.start_mark.line + 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == str(part)]
            if not found:
                break
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line


def _fields_at(schema: type[BaseModel], location: Location) -> list[str]:
    """Return the keys known at `location`, following lists and unions to the schemas inside them."""
    schemas: list[Any] = [schema]
    for part in location:
        if isinstance(part, str):
            fields = [s.model_fields[part].annotation for s in schemas if part in s.model_fields]
            schemas = [inner for annotation in fields for inner in _schemas_in(annotation)]
    return list(dict.fromkeys(name for s in schemas for name in s.model_fields))


def _schemas_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [schema for argument in getattr(annotation, "__args__", ()) for schema in _schemas_in(argument)]
