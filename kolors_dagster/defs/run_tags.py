"""Tags that every run carries, whoever started it: by them the UI's list of runs can be searched."""

import dagster as dg

from kolors_dagster.defs.outputs import output_file
from kolors_dagster.defs.process import PROCESS_TAG, process_tag
from kolors_dagster.files import read_json

STYLE_TAG, STORY_TAG, BASE_MODEL_TAG = "kolors/style", "kolors/story", "kolors/base_model"
_BY_DIMENSION = {"style": STYLE_TAG, "story": STORY_TAG}


def tag_run(context: dg.AssetExecutionContext) -> None:
    """Give the run the style, the story and the base model of the asset it makes, where it lacks them.

    The command line tags its runs itself; those of the Launchpad and of automation get theirs here. One tag
    names the process, so that another can tell when it is gone.
    """
    wanted = {PROCESS_TAG: process_tag(), **_tags_of_partition(context)}
    recorded = output_file("base_model")
    if recorded.is_file():
        wanted[BASE_MODEL_TAG] = read_json(recorded)["name"]
    missing = {name: value for name, value in wanted.items() if context.run.tags.get(name) != value}
    if missing:
        context.instance.add_run_tags(context.run.run_id, missing)


def _tags_of_partition(context: dg.AssetExecutionContext) -> dict[str, str]:
    partitions = context.assets_def.partitions_def  # None: the base model, also in a run that has a partition
    if partitions is None or not context.has_partition_key:
        return {}
    key = context.partition_key
    if isinstance(key, dg.MultiPartitionKey):
        keys = dict(key.keys_by_dimension)
    else:
        assert isinstance(partitions, dg.DynamicPartitionsDefinition)
        keys = {str(partitions.name): key}
    return {_BY_DIMENSION[dimension]: value for dimension, value in keys.items()}
