"""From training images to a LoRA."""

from collections.abc import Iterator
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from time import time

import dagster as dg
from PIL import Image

from kolors_dagster.defs.checks.results import judge
from kolors_dagster.defs.checks.specs import LORA_ACTS
from kolors_dagster.defs.config import TrainingOverrides, apply_overrides, list_overrides
from kolors_dagster.defs.failures import failing_clearly, require
from kolors_dagster.defs.history import History, format_time
from kolors_dagster.defs.links import link_to_images, show_drawn_before
from kolors_dagster.defs.metadata import (
    Metadata,
    measure,
    show_picture,
    show_size,
    show_speed,
    show_table,
)
from kolors_dagster.defs.outputs import output_file, output_folder
from kolors_dagster.defs.partitions import STYLES
from kolors_dagster.defs.resources import GPU_POOL, KolorsResource
from kolors_dagster.defs.run_tags import tag_run
from kolors_dagster.defs.sources import SOURCE_VERSION, read_style, training_recipe_version
from kolors_dagster.files import read_json, write_json
from kolors_dagster.hashing import hash_json
from kolors_dagster.kolors.cache_format import CACHE_FORMAT
from kolors_dagster.lineage.lora_store import LoraStore
from kolors_dagster.specs import TrainingRecipe


@dg.asset(partitions_def=STYLES, group_name="training", code_version="1")
def training_recipe(
    context: dg.AssetExecutionContext,
    config: TrainingOverrides,  # type: ignore[valid-type]
) -> dg.MaterializeResult:
    """How the style is trained, from its file, with what a person changed in the Launchpad.

    How often a training is saved and watched is no part of its data version: the LoRA comes out the same.
    """
    tag_run(context)
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
        data_version=dg.DataVersion(hash_json(output | {"recipe": recipe.learnt()})),
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
    code_version=str(CACHE_FORMAT),
    pool=GPU_POOL,
    kinds={"pytorch"},
)
def training_cache(context: dg.AssetExecutionContext, kolors: KolorsResource) -> dg.MaterializeResult:
    """VAE latents and text embeddings, so that neither encoder is in memory while training."""
    from kolors_dagster.kolors.training_cache import build_training_cache

    cost: Metadata = {}
    tag_run(context)
    style = context.partition_key
    with failing_clearly(), measure(cost):
        dataset = require(
            output_file("processed_dataset", style), "processed_dataset", "train_style"
        ).parent.parent
        recipe = _read_recipe(style)[1]
        folder = output_folder("training_cache", style)
        report = build_training_cache(
            dataset, kolors.base_model(), recipe, folder, kolors.torch_device(), kolors.memory_gib
        )
    metadata: Metadata = {"seconds": cost["seconds"]}
    if report.images_per_second is not None:  # an image is a step of the VAE
        rate, peak = report.images_per_second, report.peak_memory_bytes / 2**20
        metadata |= show_speed(rate, 1000 / rate, peak)
    metadata |= {
        "images": report.images,
        "captions": report.captions,
        "resolution": report.resolution,
        "buckets": show_table(
            [
                {"width": width, "height": height, "images": count}
                for (width, height), count in report.sizes.items()
            ]
        ),
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
    check_specs=[LORA_ACTS],
)
def lora_checkpoint(
    context: dg.AssetExecutionContext, kolors: KolorsResource
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """The style's LoRA; a killed training goes on from its last checkpoint."""
    from kolors_dagster.kolors.lora_effect import UselessLora
    from kolors_dagster.kolors.loss_curve import draw_loss_curve
    from kolors_dagster.kolors.training import train_lora
    from kolors_dagster.kolors.validation import VALIDATION_STRIP

    metadata: Metadata = {}
    tag_run(context)
    style = context.partition_key
    with failing_clearly(), measure(metadata):
        cache = require(output_file("training_cache", style), "training_cache", "train_style").parent
        described, recipe = _read_recipe(style)
        base_model = kolors.base_model()
        folder = output_folder("lora_checkpoint", style)
        try:
            report = train_lora(
                cache,
                base_model,
                recipe,
                folder,
                output_folder("training_checkpoints", style),
                {key: described[key] for key in ("style", "trigger_words")},
                kolors.torch_device(),
                kolors.memory_gib,
                kolors.device_count(),
            )
        except UselessLora as error:
            yield judge(LORA_ACTS, [error.problem], asdict(error.effect))
            raise
        dataset = read_json(cache / "index.json")["dataset"]
        stored = LoraStore().put(folder, dataset, context.run.run_id, format_time(time()))
    history = History(context.instance)
    shown: Metadata = {
        **show_drawn_before(history, style, report.sha256),
        "sha256": report.sha256,
        "training_images": link_to_images(history, stored.manifest),
        **show_picture("loss_curve", Image.open(BytesIO(draw_loss_curve(folder / "loss.csv"))), 720),
        **_show_validation(folder / VALIDATION_STRIP),
        "steps": report.steps,
        "resumed_from_step": report.resumed_from,
        "first_loss": round(report.first_loss, 4),
        "mean_loss": round(report.mean_loss, 4),
        "last_loss": round(report.last_loss, 4),
        "trained_parameters": report.trained_parameters,
        "devices": report.devices,
        **show_speed(
            report.images_per_second, 1000 * report.seconds_per_step, report.peak_memory_bytes / 2**20
        ),
        "recipe": dg.MetadataValue.json(described | {"recipe": base_model.fill_recipe(recipe).model_dump()}),
        "size_mib": show_size(folder / "lora.safetensors"),
        "file": dg.MetadataValue.path(str(folder / "lora.safetensors")),
        "seconds": metadata["seconds"],
    }
    yield dg.MaterializeResult(
        data_version=dg.DataVersion(report.sha256),
        metadata=shown,
        check_results=[judge(LORA_ACTS, [], asdict(report.effect))],
    )


def _show_validation(strip: Path) -> Metadata:
    if not strip.is_file():
        return {}
    with Image.open(strip) as image:
        return show_picture("validation", image, 1280)


def _read_recipe(style: str) -> tuple[dict[str, str], TrainingRecipe]:
    described = read_json(require(output_file("training_recipe", style), "training_recipe", "train_style"))
    return described, TrainingRecipe.model_validate(described["recipe"])
