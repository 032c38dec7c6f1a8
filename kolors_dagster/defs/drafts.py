"""A story as a draft for once: asked for on the command line, and over when it is drawn without asking.

It is an override of the sampling recipe like one from the Launchpad, so that the story stays a draft for
whoever looks at it meanwhile. A draft that the story's file asks for is never over.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from kolors_dagster.defs.freshness import AssetState
from kolors_dagster.defs.outputs import output_file
from kolors_dagster.files import read_json
from kolors_dagster.specs import SamplingRecipe

_RECIPE = "sampling_recipe"
_WANTED, _OVER = ("a draft is asked for",), ("the final pictures are asked for",)


def ask_for_draft(states: Iterable[AssetState], sampling: SamplingRecipe, draft: bool) -> list[AssetState]:
    """Return the states of a story whose file says `sampling`, where it is to be a draft or else final."""
    return [_ask(state, sampling, draft) if state.key == _RECIPE else state for state in states]


def configure_recipe(
    wave: Iterable[AssetState], story: str, sampling: SamplingRecipe, draft: bool
) -> dict[str, Any]:
    """Return the run config of the sampling recipe, if it is in `wave`, by the asset's name.

    What was changed in the Launchpad stays, as long as the file does.
    """
    causes = next((state.causes for state in wave if state.key == _RECIPE), None)
    if causes is None:
        return {}
    changed: dict[str, Any] = {}
    if causes in (_WANTED, _OVER):
        said = sampling.model_dump()
        made = read_json(output_file(_RECIPE, story))
        changed = {name: value for name, value in made.items() if name != "draft" and value != said[name]}
    return {_RECIPE: {"config": changed | ({"draft": True} if draft else {})}}


def _ask(state: AssetState, sampling: SamplingRecipe, draft: bool) -> AssetState:
    if state.status == "fresh" and draft and not state.draft:
        return replace(state, status="stale", causes=_WANTED)
    if state.status == "fresh" and not draft and state.draft and not sampling.draft:
        return replace(state, status="stale", causes=_OVER)
    return state
