import pytest
import torch

from kolors_dagster.errors import UserError
from kolors_dagster.kolors.device import choose_device, choose_dtype, count_devices


@pytest.mark.parametrize(
    ("cuda", "mps", "chosen"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")]
)
def test_auto_takes_the_best_there_is(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, chosen: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert choose_device("auto").type == chosen


def test_a_device_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("cuda:0") == torch.device("cuda", 0)
    for name in ("cuda:1", "mps", "tpu", "meta"):
        with pytest.raises(UserError, match=name):
            choose_device(name)


def test_all_gpus_are_counted_unless_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    cuda, named, cpu = torch.device("cuda"), torch.device("cuda", 2), torch.device("cpu")
    assert [count_devices(device) for device in (cuda, named, cpu, torch.device("mps"))] == [4, 1, 1, 1]
    assert [count_devices(cuda, 3), count_devices(named, 1), count_devices(cpu, 2)] == [3, 1, 2]
    for device, requested, problem in (
        (cuda, 5, "PyTorch sees 4"),
        (named, 2, "cuda:2 is one"),
        (cuda, 0, "0 is not a number"),
        (cuda, "two", "'two' is not a number"),
        (cuda, True, "True is not a number"),
    ):
        with pytest.raises(UserError, match=problem):
            count_devices(device, requested)


def test_dtypes() -> None:
    cpu, cuda, mps = torch.device("cpu"), torch.device("cuda"), torch.device("mps")
    assert choose_dtype(cpu) == torch.float32
    assert choose_dtype(cuda) == choose_dtype(mps) == torch.float16
    assert choose_dtype(cpu, "bf16") == torch.bfloat16
    with pytest.raises(UserError, match="int8"):
        choose_dtype(cpu, "int8")


@pytest.mark.parametrize(
    ("capability", "has_fp8"), [((8, 0), False), ((8, 6), False), ((8, 9), True), ((12, 0), True)]
)
def test_fp8_is_for_the_gpus_that_have_it(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], has_fp8: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    cuda = torch.device("cuda")
    if has_fp8:
        assert choose_dtype(cuda, "fp8") == torch.float8_e4m3fn
    else:
        with pytest.raises(UserError, match=r"(?s)8\.9 and later.*write dtype: bf16"):
            choose_dtype(cuda, "fp8")
    for device, fix in (("cpu", "auto"), ("mps", "bf16")):
        with pytest.raises(UserError, match=rf"(?s){device} has none.*write dtype: {fix}"):
            choose_dtype(torch.device(device), "fp8")
