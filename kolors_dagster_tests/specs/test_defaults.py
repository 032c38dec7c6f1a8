"""What a file leaves open is what the course notebook does."""

import pytest

from kolors_dagster.kolors.base_model import DEFAULT_TRAINING
from kolors_dagster.specs import EmbeddedSource, SamplingRecipe, StorySpec, StyleSpec, TrainingRecipe


def test_training_defaults_are_the_notebooks_or_left_to_the_base_model():
    recipe = TrainingRecipe()
    assert (recipe.rank, recipe.gradient_accumulation, recipe.precision) == (16, 1, "auto")
    assert recipe.crop is None  # the style's: it depends on the source
    own = (
        "alpha",
        "learning_rate",
        "snr_gamma",
        "noise_offset",
        "prior_preservation",
        "target_modules",
        "resolution",
    )  # the base model's
    assert all(
        getattr(recipe, name) is None for name in (*own, "steps", "batch_size", "warmup_steps", "decay")
    )


def test_kolors_is_trained_as_in_the_notebook():
    notebook = {"learning_rate": 1e-4, "alpha": 4.0, "steps": 500, "batch_size": 1, "decay": "constant"}
    assert {name: DEFAULT_TRAINING[name] for name in notebook} == notebook


@pytest.mark.parametrize(
    ("source", "crop"),
    [
        ({"kind": "embedded", "drawing": "anime"}, "center"),  # as the notebook crops
        ({"kind": "folder", "path": "~/pictures"}, "buckets"),
        ({"kind": "modelscope", "dataset": "owner/name"}, "buckets"),
    ],
)
def test_own_pictures_go_in_buckets_unless_the_style_says_otherwise(source: dict[str, str], crop: str):
    def read(**style: object) -> StyleSpec:
        return StyleSpec.model_validate({"name": "s", "trigger_words": "s", "source": source, **style})

    assert read().training == read(training={}).training == TrainingRecipe(crop=crop)
    assert read(training={"rank": 4}).training == TrainingRecipe(rank=4, crop=crop)
    for said in ("buckets", "center"):
        assert read(training={"crop": said}).training.crop == said


def test_sampling_defaults_leave_size_and_steps_to_the_base_model():
    recipe = SamplingRecipe()
    assert (recipe.guidance_scale, recipe.lora_weight) == (4.0, 1.0)
    assert (recipe.steps, recipe.width, recipe.height) == (None, None, None)


def test_default_filters_are_shape_and_aspect():
    source = EmbeddedSource(kind="embedded", drawing="anime")
    style = StyleSpec(name="s", trigger_words="s", source=source)
    assert style.process == [
        {"image_shape_filter": {"min_width": 1024, "min_height": 1024, "any_or_all": "any"}},
        {"image_aspect_ratio_filter": {"min_ratio": 0.5, "max_ratio": 2.0, "any_or_all": "any"}},
    ]


def make_story(**changes: object) -> StorySpec:
    story = {"name": "s", "title": "S", "panels": [{"prompt": f"p{number}"} for number in range(8)]}
    return StorySpec.model_validate({**story, **changes})


def test_seeds_default_to_eight_distinct_fixed_numbers():
    seeds = [make_story().resolve(number).seed for number in range(1, 9)]
    assert len(set(seeds)) == 8
    assert seeds == [make_story(title="another").resolve(number).seed for number in range(1, 9)]


def test_text_is_always_in_the_negative_prompt_once():
    assert make_story().resolve(1).negative_prompt == "text"
    panels = [{"prompt": "p", "negative_prompt": "text，blurry"} for _ in range(8)]
    story = make_story(negative_prompt="blurry, hands", panels=panels)
    assert story.resolve(8).negative_prompt == "blurry, hands, text"


def test_characters_are_written_out_and_nothing_else_is():
    story = make_story(
        characters={"girl": "a purple-haired girl", "cat": "a {black} cat"},
        panels=[{"prompt": "{girl} strokes {cat}, {girl} smiles"} for _ in range(8)],
    )
    # One pass: a description is put in as it is, so a brace in it is not looked up again.
    wanted = "a purple-haired girl strokes a {black} cat, a purple-haired girl smiles"
    assert story.resolve(3).prompt == wanted
