"""What Dagster itself says is stale: the resolver behind its UI, and the UI's own GraphQL."""

import sys
from collections.abc import Collection, Sequence

import dagster as dg
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster_graphql.test.utils import execute_dagster_graphql

from kolors_dagster.defs.freshness import AssetState, Freshness

_QUERY = """
query Stale($keys: [AssetKeyInput!]!, $partition: String) {
  assetNodes(assetKeys: $keys) {
    assetKey { path }
    staleStatus(partition: $partition)
    staleCauses(partition: $partition) { key { path } reason }
  }
}
"""


def check_agreement(
    instance: dg.DagsterInstance, definitions: dg.Definitions, states: Collection[AssetState]
) -> None:
    """Assert that each state is what Dagster's resolver says, but for edited files and lost outputs."""
    resolver = CachingStaleStatusResolver(
        instance, definitions.resolve_asset_graph(), LoadingContextForTest(instance)
    )
    for state in states:
        key = dg.AssetKey(state.key)
        if state.status == "missing":
            lost = state.causes != ("never made",)
            assert lost or resolver.get_status(key, state.partition).value == "MISSING", state
            continue
        causes = {
            cause.reason + (f": {cause.dependency.asset_key.to_user_string()}" if cause.dependency else "")
            for cause in resolver.get_stale_causes(key, state.partition)
        }
        assert {cause for cause in state.causes if "changed" not in cause} == causes, state


def all_states(
    instance: dg.DagsterInstance, definitions: dg.Definitions, style: str, story: str
) -> list[AssetState]:
    """Return what `status` shows."""
    fresh = Freshness(instance, definitions.resolve_asset_graph())
    return [
        *fresh.of_model(),
        *fresh.of_style(style),
        *fresh.of_story(story),
        *fresh.of_pictures(style, story),
    ]


def stale_in_ui(instance: dg.DagsterInstance, keys: Sequence[str], partition: str) -> dict[str, set[str]]:
    """Return, by asset that is not fresh, what Dagster's page says: which parent has a new data version."""
    target = LoadableTargetOrigin(module_name="kolors_dagster.definitions", executable_path=sys.executable)
    workspace = InProcessWorkspaceLoadTarget([InProcessCodeLocationOrigin(target)])
    with WorkspaceProcessContext(instance, workspace) as process:
        variables = {"keys": [{"path": [key]} for key in keys], "partition": partition}
        result = execute_dagster_graphql(process.create_request_context(), _QUERY, variables)
    return {
        node["assetKey"]["path"][-1]: {
            f"{cause['key']['path'][-1]} {cause['reason']}" for cause in node["staleCauses"]
        }
        for node in result.data["assetNodes"]
        if node["staleStatus"] != "FRESH"
    }
