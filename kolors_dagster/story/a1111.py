"""The text other tools read from a picture: the AUTOMATIC1111 web UI's `parameters`."""

import json
import re

from kolors_dagster.story.recipe import PanelRecipe

_SAMPLERS = {"EulerDiscrete": "Euler"}


def parameters_text(recipe: PanelRecipe) -> str:
    """Return a recipe as A1111's infotext: prompt, negative prompt, one line of `Key: value` pairs.

    Hashes are shortened to ten digits, as sites that look models up by them expect. A line break in a prompt
    becomes a space, so that none of its lines can be taken for one of the other parts.
    """
    pairs: dict[str, object] = {
        "Steps": recipe.steps,
        "Sampler": _SAMPLERS.get(recipe.scheduler, recipe.scheduler),
        "CFG scale": f"{recipe.guidance_scale:g}",
        "Seed": recipe.seed,
        "Size": f"{recipe.width}x{recipe.height}",
        "Model hash": recipe.base_model_version[:10],
        "Model": recipe.base_model,
    }
    if recipe.lora_sha256 is not None:
        pairs["Lora hashes"] = f"{recipe.lora_name}: {recipe.lora_sha256[:10]}"
    if recipe.early_guidance_scale is not None:
        pairs["Early CFG scale"] = f"{recipe.early_guidance_scale:g}"
    if recipe.draft:
        pairs["Draft"] = "true"
    pairs["Version"] = f"kolors_dagster {recipe.code_version}"
    lines = [_one_line(recipe.prompt)]
    if recipe.negative_prompt:
        lines.append(f"Negative prompt: {_one_line(recipe.negative_prompt)}")
    lines.append(", ".join(f"{key}: {_quote(str(value))}" for key, value in pairs.items()))
    return "\n".join(lines)


def _one_line(prompt: str) -> str:
    return re.sub(r"\s*\n\s*", " ", prompt).strip()


def _quote(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if re.search(r'[,:\n"]', value) else value
