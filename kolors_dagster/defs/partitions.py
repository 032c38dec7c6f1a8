"""Partitions: one per style file, one per story file, and a picture for each pair."""

import dagster as dg

from kolors_dagster.paths import stories_folder, styles_folder

STYLES = dg.DynamicPartitionsDefinition(name="style")
STORIES = dg.DynamicPartitionsDefinition(name="story")
STYLES_AND_STORIES = dg.MultiPartitionsDefinition({"style": STYLES, "story": STORIES})


def pair_key(style: str, story: str) -> dg.MultiPartitionKey:
    """Return the partition key of a story drawn in a style."""
    return dg.MultiPartitionKey({"style": style, "story": story})


def split_pair(partition: str) -> tuple[str, str]:
    """Return the style and the story of a picture's partition key."""
    found = STYLES_AND_STORIES.get_partition_key_from_str(partition).keys_by_dimension
    return found["style"], found["story"]


def sync_partitions(instance: dg.DagsterInstance) -> list[str]:
    """Make the partitions those of the YAML files that are there; return what changed, in words."""
    changes = []
    for name, folder in (("style", styles_folder()), ("story", stories_folder())):
        wanted = {path.stem for path in folder.glob("*.yaml") if not path.name.startswith(".")}
        have = set(instance.get_dynamic_partitions(name))
        if wanted - have:
            instance.add_dynamic_partitions(name, sorted(wanted - have))
        for key in sorted(have - wanted):
            instance.delete_dynamic_partition(name, key)
        changes += [f"new {name} {key}" for key in sorted(wanted - have)]
        changes += [f"removed {name} {key}" for key in sorted(have - wanted)]
    return changes
