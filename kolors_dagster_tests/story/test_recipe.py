from dataclasses import fields, replace

import pytest

from kolors_dagster.specs import ResolvedPanel, SamplingRecipe
from kolors_dagster.story.recipe import (
    BaseModelDefaults,
    PanelRecipe,
    make_panel_recipe,
    recipe_key,
)
from kolors_dagster_tests.story.pictures import RECIPE

MINI = BaseModelDefaults("kolors-mini", "v" * 64, 256, 192, 20)
PANEL = ResolvedPanel(number=3, prompt="一只猫", negative_prompt="text", seed=9)


def make(
    sampling: SamplingRecipe, panel: ResolvedPanel = PANEL, base_model: BaseModelDefaults = MINI
) -> PanelRecipe:
    return make_panel_recipe(
        panel,
        sampling,
        "水墨画",
        base_model,
        lora_name="ink-wash",
        lora_sha256="a" * 64,
        device="cpu",
        dtype="float32",
        code_version="1",
    )


def test_what_the_story_leaves_open_is_the_base_models():
    recipe = make(SamplingRecipe())
    assert (recipe.width, recipe.height, recipe.steps) == (256, 192, 20)
    assert (recipe.guidance_scale, recipe.lora_weight) == (4.0, 1.0)
    assert (recipe.number, recipe.seed, recipe.negative_prompt) == (3, 9, "text")
    assert recipe.scheduler == "EulerDiscrete"


@pytest.mark.parametrize(
    ("says", "model", "expected"),
    [
        ({}, None, None),
        ({}, 2.0, 2.0),
        ({"guidance_scale": 1.5}, 2.0, None),  # a model's own only ever lessens
        ({"guidance_scale": 2.0}, 2.0, None),
        ({"early_guidance_scale": 1.0}, 2.0, 1.0),
        ({"early_guidance_scale": 4.0}, 2.0, None),
        ({"early_guidance_scale": 6.0}, None, 6.0),
    ],
)
def test_early_guidance_is_the_storys_or_else_what_the_base_model_bears(
    says: dict[str, float], model: float | None, expected: float | None
):
    bears = replace(MINI, early_guidance_scale=model)
    assert make(SamplingRecipe(**says), base_model=bears).early_guidance_scale == expected


def test_what_the_story_says_wins():
    recipe = make(SamplingRecipe(steps=7, width=512, height=320, guidance_scale=6.0, lora_weight=0.0))
    assert (recipe.width, recipe.height, recipe.steps) == (512, 320, 7)
    assert (recipe.guidance_scale, recipe.lora_weight) == (6.0, 0.0)


@pytest.mark.parametrize(("steps", "drafted"), [(None, 7), (50, 17), (3, 1), (1, 1)])
def test_a_draft_is_the_same_picture_in_a_third_of_the_steps(steps: int | None, drafted: int):
    final = make(SamplingRecipe(steps=steps))
    draft = make(SamplingRecipe(steps=steps, draft=True))
    assert draft.steps == drafted
    assert replace(draft, steps=final.steps, draft=False) == final


def test_trigger_words_stand_in_front_once():
    assert make(SamplingRecipe()).prompt == "水墨画，一只猫"


# Every field is named here: a new one must be put in one of the two tests.
CHANGES_THE_PICTURE = {
    "prompt": "x",
    "negative_prompt": "x",
    "seed": 1,
    "width": 128,
    "height": 128,
    "steps": 3,
    "guidance_scale": 2.0,
    "lora_weight": 0.5,
    "lora_sha256": "x",
    "base_model_version": "x",
    "device": "cuda",
    "dtype": "float16",
    "code_version": "x",
    "scheduler": "x",
    "draft": True,
    "early_guidance_scale": 2.0,
}
CHANGES_NOTHING = {"number": 8, "base_model": "renamed", "lora_name": "renamed"}


def test_each_field_is_known_to_change_the_picture_or_not():
    assert {
        field.name for field in fields(PanelRecipe)
    } == CHANGES_THE_PICTURE.keys() | CHANGES_NOTHING.keys()


@pytest.mark.parametrize(("field", "value"), CHANGES_THE_PICTURE.items())
def test_whatever_changes_the_picture_changes_the_key(field: str, value: object):
    assert recipe_key(replace(RECIPE, **{field: value})) != recipe_key(RECIPE)


@pytest.mark.parametrize(("field", "value"), CHANGES_NOTHING.items())
def test_nothing_else_does(field: str, value: object):
    assert recipe_key(replace(RECIPE, **{field: value})) == recipe_key(RECIPE)


def test_what_is_switched_off_does_not_count():
    bare = replace(RECIPE, lora_sha256=None)
    assert recipe_key(bare) == recipe_key(replace(bare, lora_weight=0.1))
    unguided = replace(RECIPE, guidance_scale=1.0)
    assert recipe_key(unguided) == recipe_key(replace(unguided, negative_prompt="other"))
    early = replace(unguided, early_guidance_scale=2.0)
    assert recipe_key(early) != recipe_key(replace(early, negative_prompt="other"))
    assert len({recipe_key(RECIPE), recipe_key(bare), recipe_key(unguided)}) == 3
