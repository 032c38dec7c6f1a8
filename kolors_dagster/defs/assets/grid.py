"""The story on one sheet."""

from collections.abc import Iterator

import dagster as dg

from kolors_dagster.defs.checks.results import pass_or_refuse
from kolors_dagster.defs.checks.specs import WHOLE_GRID
from kolors_dagster.defs.failures import failing_clearly, require
from kolors_dagster.defs.history import History
from kolors_dagster.defs.links import observe_drawn, show_loras, show_panels
from kolors_dagster.defs.metadata import Metadata, measure, show_picture
from kolors_dagster.defs.outputs import (
    GRID_FILES,
    name_picture,
    newest_picture,
    output_file,
    output_folder,
    remove_drafts,
)
from kolors_dagster.defs.partitions import STYLES_AND_STORIES
from kolors_dagster.defs.run_tags import tag_run
from kolors_dagster.files import read_json
from kolors_dagster.hashing import hash_json
from kolors_dagster.specs import PANELS
from kolors_dagster.story.grid import compose_grid, write_jpeg
from kolors_dagster.story.inspection import find_grid_faults, measure_file
from kolors_dagster.story.page import compose_page
from kolors_dagster.story.provenance import (
    DRAFT,
    PIXELS,
    composed_record,
    is_draft,
    jpeg_comment,
    pixel_hash,
    write_composed,
)


@dg.asset(
    deps=[*(f"panel_{number}" for number in range(1, PANELS + 1)), "captions"],
    partitions_def=STYLES_AND_STORIES,
    group_name="story",
    code_version="2",
    kinds={"pillow"},
    check_specs=[WHOLE_GRID],
)
def story_grid(
    context: dg.AssetExecutionContext,
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """`all.png` and `all.jpg`, 2 columns × 4 rows; `story.png`, the page with title and captions.

    With a draft among the panels it is one itself: `all.draft.png`, …; the final files stay as they are.
    """
    style, story = (context.partition_key.keys_by_dimension[name] for name in ("style", "story"))
    metadata: Metadata = {}
    tag_run(context)
    with failing_clearly(), measure(metadata):
        panels = [
            require(newest_picture(f"panel_{number}", style, story), f"panel_{number}", "draw_story")
            for number in range(1, PANELS + 1)
        ]
        words = read_json(require(output_file("captions", story), "captions", "write_story"))
        folder = output_folder("story_grid", style, story)
        grid = compose_grid(panels)
        record = composed_record("grid", panels)
        footer = record["panels"][0]["lora"]["trigger_words"]
        draft = is_draft(record)
        page = compose_page(words["title"], words["captions"], panels, footer, draft=draft)
        pictures = [measure_file(panel) for panel in panels]
        faults = find_grid_faults(grid.size, pictures)
        numbers = {"width": grid.width, "height": grid.height, "spreads": [p.spread for p in pictures]}
        check = yield from pass_or_refuse(
            WHOLE_GRID, faults, numbers, "materialize the panels it names again"
        )
        whole, jpeg, sheet = (folder / name_picture(name, draft=draft) for name in GRID_FILES)
        write_jpeg(jpeg, grid, jpeg_comment(grid, record))
        write_composed(sheet, page.image, {**record, "kind": "page"})
        write_composed(whole, grid, record)
        if not draft:
            remove_drafts(whole, sheet, jpeg)
    loras = list(dict.fromkeys(panel["recipe"]["lora_sha256"] for panel in record["panels"]))
    for lora in loras:
        context.log_event(observe_drawn(style, story, lora, context.run.run_id))
    pixels = {f"grid_{PIXELS}": pixel_hash(grid), f"page_{PIXELS}": pixel_hash(page.image)}
    shown: Metadata = {
        DRAFT: draft,
        **show_picture("page", page.image, 720),
        **show_loras(History(context.instance), style, loras),
        "base_model": ", ".join(sorted({panel["recipe"]["base_model"] for panel in record["panels"]})),
        "panels": show_panels(record["panels"]),
        **show_picture("grid", grid, 512),
        **pixels,
        "captions_cut": list(page.overflowing),
        "characters_not_in_font": list(page.missing),
        "folder": dg.MetadataValue.path(str(folder)),
    }
    yield dg.MaterializeResult(
        data_version=dg.DataVersion(hash_json(list(pixels.values()))),
        metadata=shown | metadata,
        check_results=[check],
    )
