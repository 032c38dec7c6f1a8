"""What the daemon looks at every few seconds."""

import json
from collections.abc import Iterator

import dagster as dg

from kolors_dagster.defs.automation.outlook import Outlook
from kolors_dagster.defs.automation.tries import AUTOMATIC_TAG, PARTITION_TAG, TRY_TAG
from kolors_dagster.defs.instance import close_dead_runs
from kolors_dagster.defs.partitions import sync_partitions
from kolors_dagster.defs.sources import raw_dataset_version, read_story, read_style
from kolors_dagster.errors import UserError

RUNNING = dg.DefaultSensorStatus.RUNNING
EVERY_SECONDS = 10


@dg.sensor(minimum_interval_seconds=EVERY_SECONDS, default_status=RUNNING)
def spec_files(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Keep the style and story partitions in step with the YAML files, and say which file is broken.

    It also closes runs whose process was killed: they would keep the GPU and their assets to themselves.
    """
    instance = context.instance
    said = [*sync_partitions(instance), *close_dead_runs(instance), *_describe_broken_files(instance)]
    return dg.SkipReason("\n".join(said) or "no style or story file came or went, and all can be read")


def _describe_broken_files(instance: dg.DagsterInstance) -> Iterator[str]:
    for name, read in (("style", read_style), ("story", read_story)):
        for key in sorted(instance.get_dynamic_partitions(name)):
            try:
                read(key)
            except UserError as error:
                yield f"{error}\n  until then nothing is made from this file by itself"


@dg.sensor(minimum_interval_seconds=EVERY_SECONDS, default_status=RUNNING)
def new_images(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Mark a style whose images changed: an observation of its raw_dataset says when it is trained again."""
    announced: dict[str, str] = json.loads(context.cursor or "{}")
    new, events = {}, []
    assert context.repository_def is not None
    outlook = Outlook(context.instance, context.repository_def.asset_graph)
    for style in sorted(context.instance.get_dynamic_partitions("style")):
        if not outlook.has_new_images(style):
            continue
        new[style] = raw_dataset_version(read_style(style))
        if announced.get(style) != new[style]:
            events.append(_observe(style, outlook.say_when(style)))
    said = [f"{style}: new images, captions or trigger words; {outlook.say_when(style)}" for style in new]
    return dg.SensorResult(
        skip_reason="\n".join(said) or "no style has new images", asset_events=events, cursor=json.dumps(new)
    )


def _observe(style: str, what_follows: str) -> dg.AssetObservation:
    return dg.AssetObservation(
        "raw_dataset",
        partition=style,
        description="The style's images, captions or trigger words are others than when they were read.",
        metadata={"what follows": what_follows},
    )


@dg.run_failure_sensor(minimum_interval_seconds=EVERY_SECONDS, default_status=RUNNING)
def failed_tries(context: dg.RunFailureSensorContext) -> dg.SkipReason:
    """Say on a run that was started by itself which try it was, and what to do after the last."""
    run = context.dagster_run
    if AUTOMATIC_TAG not in run.tags:
        return dg.SkipReason("a person started it")
    assert context.repository_def is not None
    outlook = Outlook(context.instance, context.repository_def.asset_graph)
    partition = run.tags.get(PARTITION_TAG)
    assets = sorted(key.to_user_string() for key in run.asset_selection or ())
    found = [(asset, outlook.tries(asset, partition)) for asset in assets]
    said = {asset: tries for asset, tries in found if tries is not None}
    if not said:
        return dg.SkipReason("what it makes has changed since")
    worst = max(said.values(), key=lambda tries: tries.failed)
    context.instance.add_run_tags(run.run_id, {TRY_TAG: worst.summarize()})
    of = f" of {partition}" if partition else ""
    return dg.SkipReason(f"{', '.join(said)}{of}: {worst.explain()}")
