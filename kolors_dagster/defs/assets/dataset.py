"""From a style's source to clean, captioned training images."""

import dagster as dg

from kolors_dagster.dataset.contact_sheet import contact_sheet
from kolors_dagster.dataset.manifest import MANIFEST
from kolors_dagster.defs.failures import failing_clearly, require
from kolors_dagster.defs.metadata import Metadata, measure, show_picture, show_size, show_table
from kolors_dagster.defs.outputs import output_file, output_folder
from kolors_dagster.defs.partitions import STYLES
from kolors_dagster.defs.run_tags import tag_run
from kolors_dagster.defs.sources import SOURCE_VERSION, filters_version, raw_dataset_version, read_style
from kolors_dagster.files import read_json
from kolors_dagster.paths import data_root


@dg.asset(partitions_def=STYLES, group_name="dataset", code_version="2", kinds={"pillow"})
def raw_dataset(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """A style's images, cleaned and captioned; rejects.jsonl says why the others cannot be used."""
    from kolors_dagster.dataset.raw import build_raw_dataset

    metadata: Metadata = {}
    tag_run(context)
    with failing_clearly(), measure(metadata):
        style = read_style(context.partition_key)
        folder = output_folder("raw_dataset", style.name)
        metadata[SOURCE_VERSION] = raw_dataset_version(style)
        report = build_raw_dataset(style, folder, data_root())
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
    return dg.MaterializeResult(data_version=dg.DataVersion(report.data_version), metadata=metadata)


@dg.asset(
    deps=[raw_dataset], partitions_def=STYLES, group_name="dataset", code_version="1", kinds={"data-juicer"}
)
def filtered_dataset(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """The rows that pass the style's Data-Juicer operators; a rejected row names its operator."""
    from kolors_dagster.dataset.filtering import filter_dataset

    metadata: Metadata = {}
    tag_run(context)
    with failing_clearly(), measure(metadata):
        style = read_style(context.partition_key)
        raw = require(output_file("raw_dataset", style.name), "raw_dataset", "train_style").parent
        folder = output_folder("filtered_dataset", style.name)
        metadata[SOURCE_VERSION] = filters_version(style)
        report = filter_dataset(raw, style.process, folder)
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
    return dg.MaterializeResult(data_version=dg.DataVersion(report.data_version), metadata=metadata)


@dg.asset(
    deps=[raw_dataset, filtered_dataset],
    partitions_def=STYLES,
    group_name="dataset",
    code_version="2",
    kinds={"pandas"},
)
def processed_dataset(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """The training images as JPEG, with `metadata.csv` (file_name, text)."""
    from kolors_dagster.dataset.export import export_dataset

    metadata: Metadata = {}
    tag_run(context)
    style = context.partition_key
    with failing_clearly(), measure(metadata):
        raw = require(output_file("raw_dataset", style), "raw_dataset", "train_style").parent
        filtered = require(output_file("filtered_dataset", style), "filtered_dataset", "train_style").parent
        folder = output_folder("processed_dataset", style)
        report = export_dataset(raw, filtered, folder)
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
    return dg.MaterializeResult(data_version=dg.DataVersion(report.data_version), metadata=metadata)
