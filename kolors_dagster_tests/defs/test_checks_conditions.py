"""The condition on a small graph, beside Dagster's own: should that one change, ours may go."""

from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest

from kolors_dagster.defs.checks.conditions import NO_FAILED_CHECK_ABOVE
from kolors_dagster.defs.partitions import STYLES

pytestmark = pytest.mark.filterwarnings("ignore::dagster.PreviewWarning")


def test_a_run_that_dies_before_a_check_holds_up_nothing_but_a_failed_check_does(tmp_path: Path) -> None:
    switch = SimpleNamespace(images_fail=False, lora_fails=False)

    @dg.asset(partitions_def=STYLES)
    def images() -> None:
        if switch.images_fail:
            raise dg.Failure("no network", allow_retries=False)

    check = dg.AssetCheckSpec("acts", asset="lora", blocking=True, partitions_def=STYLES)

    @dg.asset(partitions_def=STYLES, deps=[images], check_specs=[check])
    def lora() -> dg.MaterializeResult:
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=not switch.lora_fails)])

    @dg.asset(partitions_def=STYLES, deps=[lora], automation_condition=NO_FAILED_CHECK_ABOVE)
    def ours() -> None: ...

    theirs_condition = dg.AutomationCondition.all_deps_blocking_checks_passed()

    @dg.asset(partitions_def=STYLES, deps=[lora], automation_condition=theirs_condition)
    def theirs() -> None: ...

    everything = dg.Definitions([images, lora, ours, theirs])
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        instance.add_dynamic_partitions("style", ["ink", "oil"])

        def train(style: str) -> dict[str, set[str]]:
            dg.materialize([images, lora], instance=instance, partition_key=style, raise_on_error=False)
            tick = dg.evaluate_automation_conditions(defs=everything, instance=instance)
            return {
                name: set(tick.get_requested_partitions(dg.AssetKey(name))) for name in ("ours", "theirs")
            }

        train("ink")
        both = {"ink", "oil"}
        assert train("oil") == {"ours": both, "theirs": both}
        switch.images_fail = True
        assert train("ink") == {"ours": both, "theirs": {"oil"}}
        switch.images_fail, switch.lora_fails = False, True
        assert train("ink") == {"ours": {"oil"}, "theirs": {"oil"}}
        switch.lora_fails = False
        assert train("ink") == {"ours": both, "theirs": both}
