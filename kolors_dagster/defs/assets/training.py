"""From training images to a LoRA."""

from io import BytesIO

import dagster as dg
from PIL import Image

from kolors_dagster.defs.config import TrainingOverrides, apply_overrides, list_overrides
from kolors_dagster.defs.failures import failing_clearly, require
from kolors_dagster.defs.metadata import Metadata, measure, show_picture, show_size
from kolors_dagster.defs.outputs import output_file, output_folder
from kolors_dagster.defs.partitions import STYLES
from kolors_dagster.defs.resources import GPU_POOL, KolorsResource
from kolors_dagster.defs.sources import SOURCE_VERSION, read_style, training_recipe_version
from kolors_dagster.files import read_json, write_json
from kolors_dagster.hashing import hash_json
from kolors_dagster.specs import TrainingRecipe


@dg.asset(partitions_def=STYLES, group_name="training", code_version="1")
def training_recipe(
    context: dg.AssetExecutionContext,
    config: TrainingOverrides,  # type: ignore[valid-type]
) -> dg.MaterializeResult:
    """How the style is trained, from its file, with what a person changed in the Launchpad."""
    with failing_clearly():
        style = read_style(context.partition_key)
        recipe = apply_overrides(style.training, config)
        output = {
            "style": style.name,
            "trigger_words": style.trigger_words,
            "recipe": recipe.model_dump(),
        }
        write_json(output_file("training_recipe", style.name), output)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(hash_json(output)),
        metadata={
            SOURCE_VERSION: training_recipe_version(style),
            "recipe": dg.MetadataValue.json(output),
            "changed_in_launchpad": list_overrides(config),
        },
    )


@dg.asset(
    deps=["processed_dataset", "base_model", training_recipe],
    partitions_def=STYLES,
    group_name="training",
    code_version="1",
    pool=GPU_POOL,
    kinds={"pytorch"},
)
def training_cache(context: dg.AssetExecutionContext, kolors: KolorsResource) -> dg.MaterializeResult:
    """VAE latents and text embeddings, so that neither encoder is in memory while training."""
    from kolors_dagster.kolors.training_cache import build_training_cache

    metadata: Metadata = {}
    style = context.partition_key
    with failing_clearly(), measure(metadata):
        dataset = require(
            output_file("processed_dataset", style), "processed_dataset", "train_style"
        ).parent.parent
        recipe = _read_recipe(style)[1]
        folder = output_folder("training_cache", style)
        report = build_training_cache(dataset, kolors.base_model(), recipe, folder, kolors.torch_device())
    metadata |= {
        "images": report.images,
        "captions": report.captions,
        "resolution": report.resolution,
        "enlarged": list(report.enlarged),
        "reused_shards": report.reused_shards,
        "size_mib": show_size(folder),
        "folder": dg.MetadataValue.path(str(folder)),
    }
    return dg.MaterializeResult(data_version=dg.DataVersion(report.data_version), metadata=metadata)


@dg.asset(
    deps=[training_cache, training_recipe, "base_model"],
    partitions_def=STYLES,
    group_name="training",
    code_version="1",
    pool=GPU_POOL,
    kinds={"lightning", "pytorch"},
)
def lora_checkpoint(context: dg.AssetExecutionContext, kolors: KolorsResource) -> dg.MaterializeResult:
    """The style's LoRA; a killed training goes on from its last checkpoint."""
    from kolors_dagster.kolors.loss_curve import draw_loss_curve
    from kolors_dagster.kolors.training import train_lora

    metadata: Metadata = {}
    style = context.partition_key
    with failing_clearly(), measure(metadata):
        cache = require(output_file("training_cache", style), "training_cache", "train_style").parent
        described, recipe = _read_recipe(style)
        base_model = kolors.base_model()
        folder = output_folder("lora_checkpoint", style)
        report = train_lora(
            cache,
            base_model,
            recipe,
            folder,
            output_folder("training_checkpoints", style),
            {key: described[key] for key in ("style", "trigger_words")},
            kolors.torch_device(),
        )
    metadata |= {
        **show_picture("loss_curve", Image.open(BytesIO(draw_loss_curve(folder / "loss.csv"))), 720),
        "sha256": report.sha256,
        "steps": report.steps,
        "resumed_from_step": report.resumed_from,
        "first_loss": round(report.first_loss, 4),
        "mean_loss": round(report.mean_loss, 4),
        "last_loss": round(report.last_loss, 4),
        "trained_parameters": report.trained_parameters,
        "milliseconds_per_step": round(1000 * report.seconds_per_step, 1),
        "images_per_second": round(report.images_per_second, 2),
        "peak_memory_mib": round(report.peak_memory_bytes / 2**20),
        "recipe": dg.MetadataValue.json(described | {"recipe": base_model.fill_recipe(recipe).model_dump()}),
        "size_mib": show_size(folder / "lora.safetensors"),
        "file": dg.MetadataValue.path(str(folder / "lora.safetensors")),
    }
    return dg.MaterializeResult(data_version=dg.DataVersion(report.sha256), metadata=metadata)


def _read_recipe(style: str) -> tuple[dict[str, str], TrainingRecipe]:
    described = read_json(require(output_file("training_recipe", style), "training_recipe", "train_style"))
    return described, TrainingRecipe.model_validate(described["recipe"])
