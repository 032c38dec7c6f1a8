"""Everything that makes one panel's picture, and the key it is stored under."""

from dataclasses import asdict, dataclass
from math import ceil

from kolors_dagster.hashing import hash_json
from kolors_dagster.specs import ResolvedPanel, SamplingRecipe
from kolors_dagster.specs.trigger_words import put_in_front

# A draft takes a third of the steps. Guiding only the first of more steps gains little where there are few,
# and loses much where there are many. PSNR against the final picture, on kolors-mini, at that cost: of 20
# steps, 7 have 24.2 dB, 8 with 5 guided 24.9 dB; of 50 steps, 17 have 35.5 dB, 20 with 12 guided 26.4 dB.
_DRAFT_SHARE = 3


@dataclass(frozen=True)
class BaseModelDefaults:
    """What a base model says of itself: its name, its version (a hash of its files), how it draws best."""

    name: str
    version: str
    width: int
    height: int
    steps: int
    early_guidance_scale: float | None = None


@dataclass(frozen=True)
class PanelRecipe:
    """One panel as the model draws it; the same recipe is the same picture.

    Width and height are pixels, the prompt has its trigger words, both `lora_` names are None for the bare
    model, `early_guidance_scale` is None where the first steps are guided as the others, `device` is the
    kind of machine (its arithmetic shows in the last bits). A `draft` is never taken for the final picture,
    even where all else is the same.
    """

    number: int
    prompt: str
    negative_prompt: str
    seed: int
    width: int
    height: int
    steps: int
    guidance_scale: float
    lora_weight: float
    lora_name: str | None
    lora_sha256: str | None
    base_model: str
    base_model_version: str
    device: str
    dtype: str
    code_version: str
    scheduler: str = "EulerDiscrete"
    draft: bool = False
    early_guidance_scale: float | None = None


def make_panel_recipe(
    panel: ResolvedPanel,
    sampling: SamplingRecipe,
    trigger_words: str,
    base_model: BaseModelDefaults,
    *,
    lora_name: str | None,
    lora_sha256: str | None,
    device: str,
    dtype: str,
    code_version: str,
) -> PanelRecipe:
    """Put together what draws `panel`; what the story leaves open is the base model's own."""
    steps = sampling.steps or base_model.steps
    if sampling.draft:
        steps = ceil(steps / _DRAFT_SHARE)
    return PanelRecipe(
        number=panel.number,
        prompt=put_in_front(trigger_words, panel.prompt),
        negative_prompt=panel.negative_prompt,
        seed=panel.seed,
        width=sampling.width or base_model.width,
        height=sampling.height or base_model.height,
        steps=steps,
        guidance_scale=sampling.guidance_scale,
        lora_weight=sampling.lora_weight,
        lora_name=lora_name,
        lora_sha256=lora_sha256,
        base_model=base_model.name,
        base_model_version=base_model.version,
        device=device,
        dtype=dtype,
        code_version=code_version,
        draft=sampling.draft,
        early_guidance_scale=sampling.guide_early(base_model.early_guidance_scale),
    )


def recipe_key(recipe: PanelRecipe) -> str:
    """Return the content hash of what changes the picture.

    Left out: the panel's number, the names of base model and LoRA (their hashes say what they are), the
    LoRA's weight where there is none, an early guidance that is none of its own, and the negative prompt
    where guidance is off (1 never looks at it).
    """
    parts = asdict(recipe)
    del parts["number"], parts["base_model"], parts["lora_name"]
    if recipe.lora_sha256 is None:
        del parts["lora_weight"]
    if recipe.early_guidance_scale is None:
        del parts["early_guidance_scale"]
        if recipe.guidance_scale == 1.0:
            del parts["negative_prompt"]
    return hash_json(parts)
