"""The spec schemas as Launchpad forms: every field may be filled in to override the YAML file for one run."""

import enum
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin

import dagster as dg
from pydantic import Field, ValidationError, create_model

from kolors_dagster.errors import UserError
from kolors_dagster.specs import PanelSpec, SamplingRecipe, TrainingRecipe
from kolors_dagster.specs.base import Spec

S = TypeVar("S", bound=Spec)


def _make_overrides(spec: type[Spec]) -> type[dg.Config]:
    """Return a `dg.Config` with the fields of `spec`, all empty by default: empty leaves the file's value."""
    fields: dict[str, Any] = {
        name: (_launchpad_type(name, field.annotation) | None, Field(None, description=field.description))
        for name, field in spec.model_fields.items()
    }
    return create_model(f"{spec.__name__}Overrides", __base__=dg.Config, __doc__=spec.__doc__, **fields)


def _launchpad_type(name: str, annotation: Any) -> Any:
    if NoneType in get_args(annotation):
        annotation = next(argument for argument in get_args(annotation) if argument is not NoneType)
    if get_origin(annotation) is Literal:  # Dagster has no literals, but it has enums
        return enum.Enum(name, {value: value for value in get_args(annotation)})
    return annotation


def apply_overrides(spec: S, overrides: dg.Config) -> S:
    """Return `spec` with the fields a person filled in; raises UserError if the result is not valid."""
    filled = {
        name: value.value if isinstance(value, enum.Enum) else value
        for name, value in overrides
        if value is not None
    }
    try:
        return type(spec).model_validate({**spec.model_dump(), **filled})
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg']}, not {e['input']!r}" for e in error.errors()
        )
        raise UserError(f"run config: {wrong}", "change or empty these fields in the Launchpad") from None


def list_overrides(overrides: dg.Config) -> list[str]:
    """Return the names of the fields a person filled in."""
    return [name for name, value in overrides if value is not None]


PanelOverrides = _make_overrides(PanelSpec)
SamplingOverrides = _make_overrides(SamplingRecipe)
TrainingOverrides = _make_overrides(TrainingRecipe)


class StoryTextOverrides(dg.Config):
    """Title and captions; empty leaves the file's."""

    title: str | None = Field(None, description="Printed at the head of the page.")
    captions: list[str] | None = Field(None, description="Eight sentences, one above each picture.")
