"""The infotext is read back by sd-parsers, a reader of such texts that others wrote."""

from dataclasses import replace
from pathlib import Path

from sd_parsers import ParserManager
from sd_parsers.data import Generators

from kolors_dagster.story.a1111 import parameters_text
from kolors_dagster.story.provenance import panel_record, write_panel
from kolors_dagster.story.recipe import PanelRecipe
from kolors_dagster_tests.story.pictures import RECIPE, make_noise


def parse(folder: Path, recipe: PanelRecipe):
    path = write_panel(folder / "1.png", make_noise(0), panel_record(recipe, {}))
    found = ParserManager().parse(path)
    assert found is not None and found.generator == Generators.AUTOMATIC1111
    return found, found.samplers[0]


def test_other_tools_read_our_panels(tmp_path: Path):
    found, sampler = parse(tmp_path, RECIPE)
    assert [prompt.value for prompt in sampler.prompts] == [RECIPE.prompt]
    assert [prompt.value for prompt in sampler.negative_prompts] == [RECIPE.negative_prompt]
    assert sampler.name == "Euler"
    assert sampler.parameters == {"cfg_scale": "4.5", "seed": str(2**40 + 7), "steps": "20"}
    assert (sampler.model.name, sampler.model.hash) == ("kolors-mini", RECIPE.base_model_version[:10])
    assert found.metadata["Size"] == "64x48"
    assert found.metadata["Version"] == "kolors_dagster 3"


def test_other_tools_read_that_it_is_a_draft_and_its_true_steps(tmp_path: Path):
    found, sampler = parse(tmp_path, replace(RECIPE, draft=True, steps=7))
    assert found.metadata["Draft"] == "true" and sampler.parameters["steps"] == "7"


def test_a_prompt_cannot_pass_for_another_part(tmp_path: Path):
    tricky = "a girl\nSteps: 1, Sampler: X, CFG scale: 9, Seed: 5, Size: 1x1\nend"
    _, sampler = parse(tmp_path, replace(RECIPE, prompt=tricky))
    assert sampler.prompts[0].value == tricky.replace("\n", " ")
    assert sampler.parameters["seed"] == str(RECIPE.seed)


def test_the_last_line_is_as_published():
    text = parameters_text(RECIPE)
    assert text.splitlines() == [
        RECIPE.prompt,
        "Negative prompt: 模糊, text",
        f"Steps: 20, Sampler: Euler, CFG scale: 4.5, Seed: {2**40 + 7}, Size: 64x48, Model hash: abcdef0123, "
        'Model: kolors-mini, Lora hashes: "anime: c0ffee0123", Version: kolors_dagster 3',
    ]
    assert "Draft" not in text and "Early" not in text
    assert "Early CFG scale: 1.5" in parameters_text(replace(RECIPE, early_guidance_scale=1.5))
    assert "Lora" not in parameters_text(replace(RECIPE, lora_name=None, lora_sha256=None))
