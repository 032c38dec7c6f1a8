"""From a style's source to clean, captioned training images."""

from collections.abc import Iterator

import dagster as dg

from kolors_dagster.dataset.contact_sheet import contact_sheet
from kolors_dagster.dataset.manifest import MANIFEST
from kolors_dagster.defs.checks.results import judge, pass_or_refuse
from kolors_dagster.defs.checks.specs import ENOUGH_IMAGES, FILES, VARIED_IMAGES
from kolors_dagster.defs.failures import failing_clearly, require
from kolors_dagster.defs.metadata import Metadata, measure, show_picture, show_size, show_table
from kolors_dagster.defs.outputs import output_file, output_folder
from kolors_dagster.defs.partitions import STYLES
from kolors_dagster.defs.run_tags import tag_run
from kolors_dagster.defs.sources import SOURCE_VERSION, filters_version, raw_dataset_version, read_style
from kolors_dagster.files import read_json
from kolors_dagster.paths import data_root

_AGAIN = "look whether the disk is full or something else writes to the folder, then run it again"
_MORE_IMAGES = (
    "give the style's source more pictures, or loosen its `process` (filtered_dataset's funnel says which "
    "operator removed how many)"
)


@dg.asset(
    partitions_def=STYLES,
    group_name="dataset",
    code_version="2",
    kinds={"pillow"},
    check_specs=[FILES["raw_dataset"]],
)
def raw_dataset(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """A style's images, cleaned and captioned; rejects.jsonl says why the others cannot be used."""
    from kolors_dagster.dataset.completeness import inspect_raw
    from kolors_dagster.dataset.raw import build_raw_dataset

    metadata: Metadata = {}
    tag_run(context)
    with failing_clearly(), measure(metadata):
        style = read_style(context.partition_key)
        folder = output_folder("raw_dataset", style.name)
        metadata[SOURCE_VERSION] = raw_dataset_version(style)
        report = build_raw_dataset(style, folder, data_root())
        files = inspect_raw(folder)
        check = yield from pass_or_refuse(FILES["raw_dataset"], files.problems, files.numbers, _AGAIN)
    metadata |= {
        **show_picture(
            "contact_sheet", contact_sheet([folder / image.file for image in report.images]), 1024
        ),
        "found": report.found,
        "kept": report.kept,
        "rejected": report.rejected,
        "rejected_by_reason": show_table(
            [{"reason": r, "images": n} for r, n in sorted(report.reasons.items())]
        ),
        "source": style.source.kind,
        "size_mib": show_size(folder),
        "folder": dg.MetadataValue.path(str(folder)),
    }
    yield dg.MaterializeResult(
        data_version=dg.DataVersion(report.data_version), metadata=metadata, check_results=[check]
    )


@dg.asset(
    deps=[raw_dataset],
    partitions_def=STYLES,
    group_name="dataset",
    code_version="1",
    kinds={"data-juicer"},
    check_specs=[FILES["filtered_dataset"]],
)
def filtered_dataset(
    context: dg.AssetExecutionContext,
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """The rows that pass the style's Data-Juicer operators; a rejected row names its operator."""
    from kolors_dagster.dataset.completeness import inspect_filtered
    from kolors_dagster.dataset.filtering import filter_dataset

    metadata: Metadata = {}
    tag_run(context)
    with failing_clearly(), measure(metadata):
        style = read_style(context.partition_key)
        raw = require(output_file("raw_dataset", style.name), "raw_dataset", "train_style").parent
        folder = output_folder("filtered_dataset", style.name)
        metadata[SOURCE_VERSION] = filters_version(style)
        report = filter_dataset(raw, style.process, folder)
        files = inspect_filtered(raw, folder)
        check = yield from pass_or_refuse(FILES["filtered_dataset"], files.problems, files.numbers, _AGAIN)
    metadata |= {
        "funnel": show_table(
            [{"operator": o, "in": i, "out": k, "rejected": i - k} for o, i, k in report.funnel]
        ),
        "total": report.total,
        "kept": report.kept,
        "rejected": report.rejected,
        "process": dg.MetadataValue.json(style.process),
        "folder": dg.MetadataValue.path(str(folder)),
    }
    yield dg.MaterializeResult(
        data_version=dg.DataVersion(report.data_version), metadata=metadata, check_results=[check]
    )


@dg.asset(
    deps=[raw_dataset, filtered_dataset],
    partitions_def=STYLES,
    group_name="dataset",
    code_version="2",
    kinds={"pandas"},
    check_specs=[FILES["processed_dataset"], ENOUGH_IMAGES, VARIED_IMAGES],
)
def processed_dataset(
    context: dg.AssetExecutionContext,
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """The training images as JPEG, with `metadata.csv` (file_name, text)."""
    from kolors_dagster.dataset.completeness import (
        FEW_IMAGES,
        FEWEST_IMAGES,
        find_too_few,
        inspect_processed,
    )
    from kolors_dagster.dataset.export import count_rows, export_dataset

    metadata: Metadata = {}
    tag_run(context)
    style = context.partition_key
    with failing_clearly(), measure(metadata):
        raw = require(output_file("raw_dataset", style), "raw_dataset", "train_style").parent
        filtered = require(output_file("filtered_dataset", style), "filtered_dataset", "train_style").parent
        folder = output_folder("processed_dataset", style)
        numbers = {"images": count_rows(filtered), "fewest": FEWEST_IMAGES, "recommended": FEW_IMAGES}
        too_few = find_too_few(numbers["images"])
        enough = yield from pass_or_refuse(ENOUGH_IMAGES, too_few, numbers, _MORE_IMAGES)
        report = export_dataset(raw, filtered, folder)
        files = inspect_processed(filtered, folder)
        check = yield from pass_or_refuse(FILES["processed_dataset"], files.problems, files.numbers, _AGAIN)
        manifest = read_json(folder / MANIFEST)
    metadata |= {
        **show_picture("contact_sheet", contact_sheet(sorted((folder / "train").glob("*.jpg"))), 1024),
        "images": report.images,
        "rejected": manifest["rejected"],
        "rejected_by_reason": show_table(
            [{"reason": r, "images": n} for r, n in manifest["rejected_by_reason"].items()]
        ),
        "manifest": dg.MetadataValue.path(str(folder / MANIFEST)),
        "size_mib": show_size(folder),
        "folder": dg.MetadataValue.path(str(folder)),
    }
    few = report.images < FEW_IMAGES
    problems = (
        [f"{report.images} pictures; a style is better learnt from {FEW_IMAGES} or more"] if few else []
    )
    yield dg.MaterializeResult(
        data_version=dg.DataVersion(report.data_version),
        metadata=metadata,
        check_results=[check, enough, judge(VARIED_IMAGES, problems, numbers)],
    )
