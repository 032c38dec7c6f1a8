"""Read spec files; every mistake is told with its file, line and field, and how to mend it."""

import difflib
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from kolors_dagster.specs.explain import explain
from kolors_dagster.specs.story import StorySpec
from kolors_dagster.specs.style import StyleSpec
from kolors_dagster.specs.yaml_source import SpecError, read_yaml

S = TypeVar("S", StyleSpec, StorySpec)


def load_style(path: Path) -> StyleSpec:
    """Read a style file; raises SpecError."""
    return _load(path, StyleSpec)


def load_story(path: Path) -> StorySpec:
    """Read a story file; raises SpecError."""
    return _load(path, StorySpec)


def _load(path: Path, schema: type[S]) -> S:
    if not path.is_file():
        raise SpecError(f"{path}: no such file", _suggest_file(path))
    source = read_yaml(path)
    try:
        spec = schema.model_validate(source.data)
    except ValidationError as error:
        raise explain(error, source, schema) from None
    if spec.name != path.stem:
        raise SpecError(
            f"{path}:{source.line(('name',))}: name: {spec.name!r} is not the file's name",
            f"write `name: {path.stem}`, or rename the file",
        )
    return spec


def _suggest_file(path: Path) -> str:
    have = sorted(other.stem for other in path.parent.glob("*.yaml"))
    near = difflib.get_close_matches(path.stem, have, n=1, cutoff=0.5)
    there_are = f"there are: {', '.join(have) or 'none'}"
    return f"did you mean {near[0]!r}? Or write it; {there_are}" if near else f"write it; {there_are}"
