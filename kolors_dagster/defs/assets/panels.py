"""The eight panels: one model load, one batch, and only the panels asked for."""

from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import dagster as dg

from kolors_dagster.defs.checks.pictures import check_drawn, check_picture, explain_failed
from kolors_dagster.defs.checks.specs import PICTURES
from kolors_dagster.defs.failures import failing_clearly, require
from kolors_dagster.defs.history import History
from kolors_dagster.defs.links import show_loras
from kolors_dagster.defs.metadata import Metadata, show_picture, show_speed
from kolors_dagster.defs.outputs import output_file, remove_drafts
from kolors_dagster.defs.partitions import STYLES_AND_STORIES
from kolors_dagster.defs.resources import GPU_POOL, KolorsResource
from kolors_dagster.defs.run_tags import tag_run
from kolors_dagster.files import read_json
from kolors_dagster.kolors.request import DrawnPanel, DrawRequest, FailedPanel
from kolors_dagster.lineage.lora_store import LoraStore, read_lora
from kolors_dagster.lineage.records import summarize
from kolors_dagster.specs import PANELS, ResolvedPanel, SamplingRecipe
from kolors_dagster.story.provenance import (
    DRAFT,
    panel_record,
    panel_version,
    pixel_hash,
    read_picture,
    write_panel,
)
from kolors_dagster.story.recipe import BaseModelDefaults, PanelRecipe, make_panel_recipe, recipe_key
from kolors_dagster.story.store import PanelStore

CODE_VERSION = "5"  # of everything that turns a recipe into pixels


@dg.multi_asset(
    name="panels",
    specs=[
        dg.AssetSpec(
            f"panel_{number}",
            deps=[f"prompt_{number}", "sampling_recipe", "lora_checkpoint", "base_model"],
            group_name="story",
            description=f"Panel {number}, drawn from its own seed alone.",
            code_version=CODE_VERSION,
            skippable=True,
            kinds={"diffusers", "pytorch"},
        )
        for number in range(1, PANELS + 1)
    ],
    check_specs=list(PICTURES.values()),
    can_subset=True,
    partitions_def=STYLES_AND_STORIES,
    pool=GPU_POOL,
)
def panels(
    context: dg.AssetExecutionContext, kolors: KolorsResource
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Draw the panels asked for; one that was drawn before with the same recipe is taken from the store.

    Healthy panels are kept whatever becomes of the others: a panel that fails its check is not written, and
    the step fails once the last panel is done.
    """
    style, story = (context.partition_key.keys_by_dimension[name] for name in ("style", "story"))
    tag_run(context)
    keys = [key.path[-1] for key in sorted(context.selected_asset_keys)]
    failed: dict[str, dg.AssetCheckResult] = {}
    with failing_clearly():
        lora = require(output_file("lora_checkpoint", style), "lora_checkpoint", "train_style")
        described: dict[str, Any] = read_lora(lora)
        if stored := LoraStore().get(described["sha256"]):
            described |= summarize(stored.manifest)
        recipes = {key: _make_recipe(kolors, story, key, style, described) for key in keys}
        links = show_loras(History(context.instance), style, [described["sha256"]])
        facts = {"story": story, "style": style, "lora": described}
        store = PanelStore()
        found = {key: store.find(recipe_key(recipe)) for key, recipe in recipes.items()}
        for key, path in found.items():
            if path is not None:
                yield _deliver(path, recipes[key], facts, {"from_store": True, **links})
        missing = [recipes[key] for key in keys if found[key] is None]
        for drawn in kolors.bundle().draw([_request(recipe) for recipe in missing], lora) if missing else ():
            key = f"panel_{drawn.number}"
            check = check_drawn(key, drawn, recipes[key])
            if isinstance(drawn, FailedPanel) or not check.passed:
                failed[key] = check
                yield check
                continue
            record = panel_record(recipes[key], facts)
            path = store.put(record["recipe_key"], drawn.image, record)
            yield _deliver(path, recipes[key], facts, _show_cost(drawn) | links)
        if failed:
            raise explain_failed(failed, len(keys))


def _make_recipe(
    kolors: KolorsResource, story: str, key: str, style: str, lora: dict[str, Any]
) -> PanelRecipe:
    prompt_key = key.replace("panel", "prompt")
    prompt = require(output_file(prompt_key, story), prompt_key, "write_story")
    sampling = require(output_file("sampling_recipe", story), "sampling_recipe", "write_story")
    model = kolors.base_model()
    return make_panel_recipe(
        ResolvedPanel.model_validate(read_json(prompt)),
        SamplingRecipe.model_validate(read_json(sampling)),
        lora["trigger_words"],
        BaseModelDefaults(
            model.name,
            model.version,
            model.default_size,
            model.default_size,
            model.default_steps,
            model.early_guidance_scale,
        ),
        lora_name=style,
        lora_sha256=lora["sha256"],
        device=kolors.torch_device().type,
        dtype=kolors.dtype_name(),
        code_version=CODE_VERSION,
    )


def _request(recipe: PanelRecipe) -> DrawRequest:
    return DrawRequest(**{field.name: getattr(recipe, field.name) for field in fields(DrawRequest)})


def _show_cost(drawn: DrawnPanel) -> Metadata:
    return {
        "from_store": False,
        "seconds": drawn.seconds,
        "batch_size": drawn.batch_size,
        **show_speed(drawn.images_per_second, drawn.milliseconds_per_step, drawn.peak_memory_mib),
    }


def _deliver(
    stored: Path, recipe: PanelRecipe, facts: dict[str, Any], more: Metadata
) -> dg.MaterializeResult:
    """Write the panel where its story has it, with this story's own record; a final one ends its draft."""
    key = f"panel_{recipe.number}"
    image, _ = read_picture(stored)
    path = output_file(key, facts["style"], facts["story"], draft=recipe.draft)
    write_panel(path, image, panel_record(recipe, facts))
    if not recipe.draft:
        remove_drafts(path)
    return dg.MaterializeResult(
        asset_key=key,
        data_version=dg.DataVersion(panel_version(pixel_hash(image), draft=recipe.draft)),
        check_results=[check_picture(key, image, recipe.width, recipe.height)],
        metadata={
            **show_picture("picture", image),
            DRAFT: recipe.draft,
            "prompt": recipe.prompt,
            "negative_prompt": recipe.negative_prompt,
            "seed": str(recipe.seed),
            "recipe": dg.MetadataValue.json(asdict(recipe)),
            "lora_sha256": recipe.lora_sha256,
            "file": dg.MetadataValue.path(str(path)),
            **more,
        },
    )
