"""The story on one sheet."""

from collections.abc import Iterator

import dagster as dg

from kolors_dagster.defs.checks.results import pass_or_refuse
from kolors_dagster.defs.checks.specs import WHOLE_GRID
from kolors_dagster.defs.failures import failing_clearly, require
from kolors_dagster.defs.metadata import Metadata, measure, show_picture
from kolors_dagster.defs.outputs import output_file, output_folder
from kolors_dagster.defs.partitions import STYLES_AND_STORIES
from kolors_dagster.files import read_json
from kolors_dagster.hashing import hash_json
from kolors_dagster.specs import PANELS
from kolors_dagster.story.grid import compose_grid, write_jpeg
from kolors_dagster.story.inspection import find_grid_faults, measure_file
from kolors_dagster.story.page import compose_page
from kolors_dagster.story.provenance import pixel_hash, read_record, write_composed


@dg.asset(
    deps=[*(f"panel_{number}" for number in range(1, PANELS + 1)), "captions"],
    partitions_def=STYLES_AND_STORIES,
    group_name="story",
    code_version="1",
    kinds={"pillow"},
    check_specs=[WHOLE_GRID],
)
def story_grid(
    context: dg.AssetExecutionContext,
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """`all.png` and `all.jpg`, 2 columns × 4 rows; `story.png`, the page with title and captions."""
    style, story = (context.partition_key.keys_by_dimension[name] for name in ("style", "story"))
    metadata: Metadata = {}
    with failing_clearly(), measure(metadata):
        panels = [
            require(output_file(f"panel_{number}", style, story), f"panel_{number}", "draw_story")
            for number in range(1, PANELS + 1)
        ]
        words = read_json(require(output_file("captions", story), "captions", "write_story"))
        folder = output_folder("story_grid", style, story)
        grid = compose_grid(panels)
        footer = read_record(panels[0])["lora"]["trigger_words"]
        page = compose_page(words["title"], words["captions"], panels, footer)
        pictures = [measure_file(panel) for panel in panels]
        faults = find_grid_faults(grid.size, pictures)
        numbers = {"width": grid.width, "height": grid.height, "spreads": [p.spread for p in pictures]}
        check = yield from pass_or_refuse(
            WHOLE_GRID, faults, numbers, "materialize the panels it names again"
        )
        write_jpeg(folder / "all.jpg", grid)
        write_composed(folder / "story.png", page.image, panels)
        write_composed(folder / "all.png", grid, panels)
    metadata |= {
        **show_picture("page", page.image, 720),
        **show_picture("grid", grid, 512),
        "captions_cut": list(page.overflowing),
        "characters_not_in_font": list(page.missing),
        "folder": dg.MetadataValue.path(str(folder)),
    }
    version = hash_json([pixel_hash(grid), pixel_hash(page.image)])
    yield dg.MaterializeResult(data_version=dg.DataVersion(version), metadata=metadata, check_results=[check])
