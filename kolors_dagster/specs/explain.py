"""What pydantic finds wrong with a file, in words a person can act on: file, line, field, problem, fix."""

import difflib
import reprlib
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from kolors_dagster.specs.yaml_source import Location, SpecError, YamlSource

_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "list": "a list of `- …` lines",
    "dict": "a block of `key: value` lines",
    "model": "a block of `key: value` lines",
    "model_attributes": "a block of `key: value` lines",
}
_READ_AS = {int: "a number", float: "a number", bool: "true or false", date: "a date", datetime: "a date"}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def explain(error: ValidationError, source: YamlSource, schema: type[BaseModel]) -> SpecError:
    """Return all that is wrong with a file as one error, each problem with its own fix, by line."""
    found = sorted(_explain_all(error.errors(), source, schema))
    lines = [f"{source.path}:{line}: {field}: {message}\n  fix: {fix}" for line, field, message, fix in found]
    problem, _, fix = "\n".join(lines).rpartition("\n  fix: ")
    return SpecError(problem, fix)


def _explain_all(
    errors: list[ErrorDetails], source: YamlSource, schema: type[BaseModel]
) -> Iterator[tuple[int, str, str, str]]:
    unknown = {
        (e["loc"][:-1], _nearest_field(schema, e["loc"])) for e in errors if e["type"] == "extra_forbidden"
    }
    for details in errors:
        location = details["loc"]
        if details["type"] == "missing" and (location[:-1], location[-1]) in unknown:
            continue  # it is there, misspelt, and reported as unknown
        context = details.get("ctx", {})
        message, fix = _say(details, source, schema)
        shown = context.get("location") or _without_tag(location)
        if details["type"] == "union_tag_invalid":
            shown = (*shown, "kind")
        yield source.line(shown), _name_field(shown), message, fix


def _say(details: ErrorDetails, source: YamlSource, schema: type[BaseModel]) -> tuple[str, str]:
    """Return the problem and its fix."""
    kind, location, value = details["type"], details["loc"], details["input"]
    context, name = details.get("ctx", {}), str(location[-1]) if location else "file"
    if "fix" in context:
        return details["msg"], context["fix"]
    if kind in ("extra_forbidden", "invalid_key"):
        near = _nearest_field(schema, location)
        known = ", ".join(_fields_at(schema, location[:-1]))
        return "unknown key", f"did you mean {near!r}?" if near else f"keys here: {known}"
    if kind == "missing":
        return "missing", f"add `{name}:` — {_fields_at(schema, location[:-1])[name].description}"
    if value is None:
        return "has no value", f"write one after `{name}:`, or delete the line"
    if kind in ("too_short", "too_long"):
        wanted = context["min_length" if kind == "too_short" else "max_length"]
        return f"{wanted} entries are wanted, there are {len(value)}", _add_or_remove(wanted - len(value))
    if kind in _BOUNDS:
        bound, words = context[_BOUNDS[kind][0]], _BOUNDS[kind][1]
        return f"must be {words} {bound:g}, is {value!r}", f"write `{name}:` with a number {words} {bound:g}"
    if kind == "multiple_of":
        step = context["multiple_of"]
        below = value // step * step
        return f"must be a multiple of {step}, is {value!r}", f"write {below} or {below + step}"
    if kind in ("literal_error", "union_tag_invalid"):
        choices = (
            context.get("expected", context.get("expected_tags", "")).replace("'", "").replace(" or ", ", ")
        )
        return _say_choice(value.get("kind") if isinstance(value, dict) else value, choices.split(", "))
    if kind == "union_tag_not_found":
        return "its `kind:` is missing", "add `kind: embedded`, `kind: folder` or `kind: modelscope`"
    if kind.removesuffix("_type") in _KINDS:
        return _say_type(kind.removesuffix("_type"), name, value, source.written(_without_tag(location)))
    return f"{details['msg']}, is {reprlib.repr(value)}", "change the value as said"


def _say_choice(value: Any, choices: list[str]) -> tuple[str, str]:
    near = difflib.get_close_matches(str(value), choices, n=1)
    fix = f"did you mean {near[0]!r}?" if near else f"write one of: {', '.join(choices)}"
    return f"{value!r} is not one of {', '.join(choices)}", fix


def _say_type(wanted: str, name: str, value: Any, written: str | None) -> tuple[str, str]:
    if wanted == "string" and written is not None:
        read_as = _READ_AS.get(type(value), type(value).__name__)
        return f"must be text, but {written} is read as {read_as}", f'put it in quotes: `{name}: "{written}"`'
    message = f"must be {_KINDS[wanted]}, is {reprlib.repr(value)}"
    if wanted in ("int", "float") and isinstance(value, str) and value.strip("-+").replace(".", "").isdigit():
        return message, f"write it without quotes: `{name}: {value}`"
    return message, f"write `{name}:` followed by {_KINDS[wanted]}"


def _add_or_remove(missing: int) -> str:
    return f"add {missing} more" if missing > 0 else f"remove {-missing}"


def _name_field(location: Location) -> str:
    """Return a location as people count: `panels.4.prompt` is the fourth panel's."""
    counted = (str(part + 1) if isinstance(part, int) else part for part in location[1:])
    return ".".join((*map(str, location[:1]), *counted)) or "file"


def _without_tag(location: Location) -> Location:
    """Drop the kind of source that pydantic puts behind `source`: the file has no such level."""
    return (location[0], *location[2:]) if location[:1] == ("source",) else location


def _nearest_field(schema: type[BaseModel], location: Location) -> str | None:
    near = difflib.get_close_matches(str(location[-1]), _fields_at(schema, location[:-1]), n=1)
    return near[0] if near else None


def _fields_at(schema: type[BaseModel], location: Location) -> dict[str, FieldInfo]:
    """Return the fields known at `location`; a part that is no field names the kind of source."""
    schemas: list[type[BaseModel]] = [schema]
    for part in location:
        if isinstance(part, str):
            annotations = [s.model_fields[part].annotation for s in schemas if part in s.model_fields]
            inner = [found for annotation in annotations for found in _schemas_in(annotation)]
            schemas = inner or [s for s in schemas if part in str(s.model_fields["kind"].annotation)]
    return {name: field for s in schemas for name, field in s.model_fields.items()}


def _schemas_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [schema for argument in getattr(annotation, "__args__", ()) for schema in _schemas_in(argument)]
