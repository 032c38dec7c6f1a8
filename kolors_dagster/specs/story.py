"""A story: characters who keep their looks, eight panels, and how they are drawn."""

import difflib
import re
from typing import Self

from pydantic import Field, model_validator

from kolors_dagster.specs.base import Name, Spec, Text, mistake
from kolors_dagster.specs.recipes import SamplingRecipe

PANELS = 8
# Drawn letters are the commonest flaw of such pictures, so this is always in the negative prompt.
ALWAYS_NEGATIVE = "text"
_CHARACTER = re.compile(r"\{([^{}]*)\}")


class PanelSpec(Spec):
    """One panel as a person writes it."""

    prompt: Text = Field(description="What the panel shows; {name} stands for a character's description.")
    negative_prompt: str = Field("", description="What this panel must not show, besides the story's own.")
    seed: int | None = Field(
        None, ge=0, lt=2**63, description="Seed of its noise; empty: a fixed one per panel."
    )
    caption: str = Field("", description="The sentence printed above the picture.")


class ResolvedPanel(Spec):
    """What of one panel changes its picture: the characters written out, negative prompts joined, a seed."""

    number: int = Field(ge=1, le=PANELS)
    prompt: str
    negative_prompt: str
    seed: int


class StorySpec(Spec):
    """One story, from `data/stories/<name>.yaml`."""

    name: Name = Field(description="The file's name without .yaml.")
    title: Text = Field(description="Printed at the head of the page.")
    characters: dict[str, Text] = Field(
        {}, description="Name → looks; `{name}` in a prompt becomes the looks, the same in every panel."
    )
    negative_prompt: str = Field("", description="What no panel may show.")
    sampling: SamplingRecipe = Field(SamplingRecipe(), description="How the panels are drawn.")
    panels: list[PanelSpec] = Field(min_length=PANELS, max_length=PANELS, description="Exactly eight.")

    @model_validator(mode="after")
    def _characters_are_known(self) -> Self:
        for index, panel in enumerate(self.panels):
            substitute_characters(panel.prompt, self.characters, "panels", index, "prompt")
        return self

    def resolve(self, number: int) -> ResolvedPanel:
        """Return panel `number` (1 to 8) as it goes to the model, but for the style's trigger words."""
        return resolve_panel(self.panels[number - 1], number, self.characters, self.negative_prompt)


def resolve_panel(
    panel: PanelSpec, number: int, characters: dict[str, str], story_negative_prompt: str
) -> ResolvedPanel:
    """Write out one panel: characters in its prompt, the story's and its own negative prompt, its seed.

    Raises ValueError for a character nobody has described.
    """
    return ResolvedPanel(
        number=number,
        prompt=substitute_characters(panel.prompt, characters),
        negative_prompt=join_negative_prompts(story_negative_prompt, panel.negative_prompt),
        seed=number if panel.seed is None else panel.seed,
    )


def substitute_characters(prompt: str, characters: dict[str, str], *location: int | str) -> str:
    """Replace each `{name}` by the character's description; raises ValueError for a name nobody has."""

    def describe(match: re.Match[str]) -> str:
        name = match[1]
        if name not in characters:
            near = difflib.get_close_matches(name, characters, n=1)
            known = ", ".join(f"{{{known}}}" for known in characters) or "nobody"
            fix = (
                f"did you mean {{{near[0]}}}?" if near else f"describe it under `characters:`; there: {known}"
            )
            raise mistake(f"no character is called {{{name}}}", fix, *location)
        return characters[name]

    rest = _CHARACTER.sub("", prompt)
    if "{" in rest or "}" in rest:
        raise mistake("a brace without its partner", "write a character as {name}", *location)
    return _CHARACTER.sub(describe, prompt)


def join_negative_prompts(*parts: str) -> str:
    """Join negative prompts, each term once, with "text" always among them."""
    terms = [term.strip() for part in (*parts, ALWAYS_NEGATIVE) for term in re.split(r"[,，]", part)]
    return ", ".join(dict.fromkeys(term for term in terms if term))
