import dagster as dg
import pytest
import torch

from kolors_dagster.definitions import defs
from kolors_dagster.defs.resources import KolorsResource, model_kept
from kolors_dagster.errors import UserError


def test_the_model_is_kept_between_runs_only_where_asked_for(instance: dg.DagsterInstance) -> None:
    assert defs.resolve_job_def("prepare_base_model").execute_in_process(instance=instance).success

    def run(**changes: float) -> object:
        resource = KolorsResource(device="cpu", **changes)
        bundle = resource.bundle()
        assert resource.bundle() is bundle
        resource.teardown_after_execution(dg.build_init_resource_context())
        return bundle

    assert run() is not run()
    with model_kept():
        kept = run()
        assert run() is kept
        assert run(batch_size=2) is not kept
        assert run(memory_gib=12.0) is not kept
    assert run(batch_size=2) is not run(batch_size=2)


def test_the_launchpad_takes_a_word_or_a_number_of_devices() -> None:
    counted: list[int] = []

    @dg.op
    def count(kolors: KolorsResource) -> None:
        counted.append(kolors.device_count())

    @dg.job(resource_defs={"kolors": KolorsResource(device="cpu")})
    def count_job() -> None:
        count()

    for config in ({}, {"devices": "auto"}, {"devices": 2}):
        count_job.execute_in_process(run_config={"resources": {"kolors": {"config": config}}})
    assert counted == [1, 1, 2]
    with pytest.raises(UserError, match="'both' is not a number of devices"):
        KolorsResource(device="cpu", devices="both").device_count()


def test_fp8_is_recorded_as_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    names = [KolorsResource(device="cuda", dtype=dtype).dtype_name() for dtype in ("bf16", "fp8")]
    assert names == ["bfloat16", "float8_e4m3fn"]
    with pytest.raises(UserError, match="cpu has none"):
        KolorsResource(device="cpu", dtype="fp8").dtype_name()
