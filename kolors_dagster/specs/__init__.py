"""Schemas of the files a person writes: styles, stories, recipes."""

from kolors_dagster.specs.files import load_story, load_style
from kolors_dagster.specs.recipes import FilledRecipe, SamplingRecipe, TrainingRecipe
from kolors_dagster.specs.story import PANELS, PanelSpec, ResolvedPanel, StorySpec, resolve_panel
from kolors_dagster.specs.style import EmbeddedSource, FolderSource, ModelScopeSource, StyleSpec
from kolors_dagster.specs.yaml_source import SpecError

__all__ = [
    "PANELS",
    "EmbeddedSource",
    "FilledRecipe",
    "FolderSource",
    "ModelScopeSource",
    "PanelSpec",
    "ResolvedPanel",
    "SamplingRecipe",
    "SpecError",
    "StorySpec",
    "StyleSpec",
    "TrainingRecipe",
    "load_story",
    "load_style",
    "resolve_panel",
]
