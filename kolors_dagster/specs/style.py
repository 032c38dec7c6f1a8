"""A style: trigger words, where its images come from, how they are filtered, how its LoRA is trained."""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from kolors_dagster.specs.base import Name, Spec, Text, mistake
from kolors_dagster.specs.recipes import TrainingRecipe
from kolors_dagster.specs.schedule import Schedule


class EmbeddedSource(Spec):
    """Pictures drawn by the project's own code; needs no network."""

    kind: Literal["embedded"]
    drawing: Literal["anime", "ink_wash", "watercolour", "cyberpunk"] = Field(
        description="Which of the project's own ways of drawing."
    )
    count: int = Field(60, ge=1, le=10_000, description="How many pictures to draw.")
    seed: int = Field(0, ge=0, lt=2**32, description="Another seed draws other pictures.")


class FolderSource(Spec):
    """A folder of your own pictures, captions beside them."""

    kind: Literal["folder"]
    path: Text = Field(description="The folder: absolute, starting with ~, or relative to the data root.")
    recursive: bool = Field(True, description="Whether folders below it count too.")


class ModelScopeSource(Spec):
    """A data set on ModelScope, read with `MsDataset.load`."""

    kind: Literal["modelscope"]
    dataset: Text = Field(description="`owner/name`, for example AI-ModelScope/lowres_anime.")
    subset: Text = Field("default", description="The data set's configuration.")
    split: Text = Field("train", description="Which split to read.")
    revision: Text | None = Field(None, description="Branch, tag or commit; empty: the default branch.")
    limit: int | None = Field(None, ge=1, description="Read only so many rows, from the start.")
    image_column: Text = Field("image", description="Column that holds the picture.")
    caption_column: Text | None = Field(
        None, description="Column that holds its caption; empty: the style's caption."
    )


Source = Annotated[EmbeddedSource | FolderSource | ModelScopeSource, Field(discriminator="kind")]

DEFAULT_PROCESS: list[dict[str, dict[str, Any]]] = [
    {"image_shape_filter": {"min_width": 1024, "min_height": 1024, "any_or_all": "any"}},
    {"image_aspect_ratio_filter": {"min_ratio": 0.5, "max_ratio": 2.0, "any_or_all": "any"}},
]


class StyleSpec(Spec):
    """One style, from `data/styles/<name>.yaml`; it becomes one LoRA."""

    name: Name = Field(description="The file's name without .yaml.")
    trigger_words: Text = Field(description="Stand in front of every caption and every prompt of the style.")
    source: Source = Field(description="Where the images come from: embedded, folder or modelscope.")
    caption: Text | None = Field(
        None, description="Caption of images that bring none; empty: the trigger words alone."
    )
    process: list[dict[str, dict[str, Any]]] = Field(
        DEFAULT_PROCESS, description="Data-Juicer's operators in order, each `name: {parameter: value}`."
    )
    training: TrainingRecipe = Field(
        TrainingRecipe(), validate_default=True, description="How the LoRA is trained."
    )
    retrain: Schedule | None = Field(
        None,
        description="When to train again by itself if something is new (cron, local time); empty: never.",
    )

    @field_validator("process")
    @classmethod
    def _one_operator_each(cls, process: list[dict[str, dict[str, Any]]]) -> list[dict[str, dict[str, Any]]]:
        for index, step in enumerate(process, 1):
            if len(step) != 1:
                raise mistake(
                    f"entry {index} holds {len(step)} operators: {', '.join(step) or 'none'}",
                    "write each operator as an entry of its own, `- name:` and its parameters indented below",
                    "process",
                    index - 1,
                )
        return process

    @field_validator("training")
    @classmethod
    def _crop_as_the_source_needs(cls, training: TrainingRecipe, info: ValidationInfo) -> TrainingRecipe:
        """Fill in the crop, so that whoever versions the recipe sees it; the notebook's for the drawings."""
        source = info.data.get("source")
        if training.crop is not None or source is None:  # a broken source is an error of its own
            return training
        crop = "center" if isinstance(source, EmbeddedSource) else "buckets"
        return training.model_copy(update={"crop": crop})
