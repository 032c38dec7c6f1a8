"""What the daemon does by itself: notice files, redraw, retrain at set times, stop after three failures."""

import warnings
from collections.abc import Sequence

import dagster as dg

from kolors_dagster.defs.automation.conditions import condition_of
from kolors_dagster.defs.automation.sensors import (
    EVERY_SECONDS,
    RUNNING,
    failed_tries,
    new_images,
    spec_files,
)
from kolors_dagster.defs.automation.tries import run_tags


def automate(assets: Sequence[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """Give each asset the condition on which it is made by itself."""
    return list(
        dg.map_asset_specs(
            lambda spec: spec.replace_attributes(
                automation_condition=condition_of(spec.key.to_user_string())
            ),
            assets,
        )
    )


def make_sensors(assets: Sequence[dg.AssetsDefinition]) -> list[dg.SensorDefinition]:
    """Return what the daemon evaluates, all of it running from the start."""
    versions = {spec.key.to_user_string(): spec.code_version for asset in assets for spec in asset.specs}
    with warnings.catch_warnings():  # the version is pinned, and the tests would notice
        warnings.simplefilter("ignore", dg.BetaWarning)
        kept_up_to_date = dg.AutomationConditionSensorDefinition(
            "kept_up_to_date",
            target=dg.AssetSelection.all(),
            minimum_interval_seconds=EVERY_SECONDS,
            default_status=RUNNING,
            emit_backfills=False,  # a backfill is looked at every half minute only
            use_user_code_server=True,  # where our own questions can be asked
            run_tags=run_tags(versions),
            description="Redraws what is out of date, and trains styles at their times if something is new.",
        )
    return [spec_files, new_images, failed_tries, kept_up_to_date]
