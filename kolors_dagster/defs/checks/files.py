"""Checks of the data set's files. They are steps of their own, so that they can be run again at any time."""

import warnings
from typing import TYPE_CHECKING, Any

import dagster as dg

from kolors_dagster.defs.failures import failing_clearly, require
from kolors_dagster.defs.outputs import output_file, output_folder
from kolors_dagster.defs.partitions import STYLES
from kolors_dagster.errors import UserError

if TYPE_CHECKING:
    from kolors_dagster.dataset.completeness import FilesReport

CHECK = "files"
_STAGES = ("raw_dataset", "filtered_dataset", "processed_dataset")


def _make_check(asset: str) -> dg.AssetChecksDefinition:
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        with failing_clearly():
            require(output_file(asset, context.partition_key), asset, "train_style")
        try:
            report = _inspect(asset, context.partition_key)
        except (UserError, OSError) as error:
            return dg.AssetCheckResult(passed=False, description=str(error))
        numbers: dict[str, Any] = {
            "rows": report.rows,
            "missing": len(report.missing),
            "unreadable": len(report.unreadable),
            "without_row": len(report.without_row),
        }
        if report.rejected is not None:
            numbers["rejected"] = report.rejected
        return dg.AssetCheckResult(
            passed=not report.problems, description="\n".join(report.problems) or None, metadata=numbers
        )

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)  # of partitions_def
        return dg.asset_check(
            asset=asset,
            name=CHECK,
            partitions_def=STYLES,
            blocking=True,
            description="Every row has its picture, whole and readable, every picture its row, and the "
            "counts agree. If it fails: run `kolors-dagster train STYLE`, or materialize this asset again.",
        )(check)


def _inspect(asset: str, style: str) -> "FilesReport":
    from kolors_dagster.dataset.completeness import inspect_filtered, inspect_processed, inspect_raw

    raw, filtered, processed = (output_folder(stage, style) for stage in _STAGES)
    if asset == "raw_dataset":
        return inspect_raw(raw)
    if asset == "filtered_dataset":
        return inspect_filtered(raw, filtered)
    return inspect_processed(filtered, processed)


FILE_CHECKS = [_make_check(asset) for asset in _STAGES]
