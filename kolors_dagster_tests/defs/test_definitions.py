"""What Dagster sees, as a snapshot: a change of the graph has to be meant."""

import subprocess
import sys

import dagster as dg

from kolors_dagster.definitions import defs
from kolors_dagster.kolors.cache_format import CACHE_FORMAT

STYLE, STORY, BOTH = "style", "story", "story|style"
GRAPH = {
    "base_model": (None, "model", []),
    "raw_dataset": (STYLE, "dataset", []),
    "filtered_dataset": (STYLE, "dataset", ["raw_dataset"]),
    "processed_dataset": (STYLE, "dataset", ["filtered_dataset", "raw_dataset"]),
    "training_recipe": (STYLE, "training", []),
    "training_cache": (STYLE, "training", ["base_model", "processed_dataset", "training_recipe"]),
    "lora_checkpoint": (STYLE, "training", ["base_model", "training_cache", "training_recipe"]),
    "sampling_recipe": (STORY, "story", []),
    "captions": (STORY, "story", []),
    **{f"prompt_{n}": (STORY, "story", []) for n in range(1, 9)},
    **{
        f"panel_{n}": (BOTH, "story", ["base_model", "lora_checkpoint", f"prompt_{n}", "sampling_recipe"])
        for n in range(1, 9)
    },
    "story_grid": (BOTH, "story", ["captions", *(f"panel_{n}" for n in range(1, 9))]),
}


def test_the_asset_graph() -> None:
    seen = {}
    for node in defs.resolve_asset_graph().asset_nodes:
        partitions = node.partitions_def
        names = None
        if partitions is not None:
            dimensions = getattr(partitions, "partitions_defs", None)
            names = "|".join(d.name for d in dimensions) if dimensions else partitions.name
        parents = sorted(key.to_user_string() for key in node.parent_keys)
        seen[node.key.to_user_string()] = (names, node.group_name, parents)
    assert seen == GRAPH


def test_what_uses_the_gpu_waits_in_one_pool() -> None:
    graph = defs.resolve_asset_graph()
    pooled = {node.key.to_user_string() for node in graph.asset_nodes if node.pools == {"gpu"}}
    assert pooled == {"training_cache", "lora_checkpoint", *(f"panel_{n}" for n in range(1, 9))}


def test_every_asset_says_what_it_is_and_which_code_made_it() -> None:
    for node in defs.resolve_asset_graph().asset_nodes:
        assert node.description and node.code_version, node.key


def test_training_caches_of_another_format_count_as_made_by_other_code() -> None:
    node = defs.resolve_asset_graph().get(dg.AssetKey("training_cache"))
    assert node.code_version == str(CACHE_FORMAT)


CHECKS = {  # (asset, check): blocking
    **{(stage, "files"): True for stage in ("raw_dataset", "filtered_dataset", "processed_dataset")},
    ("processed_dataset", "enough_images"): True,
    ("processed_dataset", "enough_for_a_style"): False,
    ("lora_checkpoint", "acts"): True,
    **{(f"prompt_{n}", "lint"): False for n in range(1, 9)},
    ("captions", "fit"): False,
    **{(f"panel_{n}", "picture"): True for n in range(1, 9)},
    ("story_grid", "whole"): True,
}


def test_the_checks() -> None:
    graph = defs.resolve_asset_graph()
    nodes = [graph.get(key) for key in graph.asset_check_keys]
    assert {(n.key.asset_key.to_user_string(), n.key.name): n.blocking for n in nodes} == CHECKS
    for node in nodes:
        # Without its asset's partitions, one story's failure would be every story's.
        assert node.partitions_def == graph.get(node.key.asset_key).partitions_def, node.key
        assert "If it " in (node.description or ""), node.key


def test_the_jobs() -> None:
    names = {job.name for job in defs.resolve_all_job_defs() if not job.name.startswith("__")}
    assert names == {"prepare_base_model", "train_style", "write_story", "draw_story"}


def test_loading_the_definitions_imports_nothing_heavy() -> None:
    heavy = ["torch", "diffsynth", "diffusers", "transformers", "data_juicer", "modelscope", "lightning"]
    script = f"import sys, kolors_dagster.definitions; print([m for m in {heavy!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
