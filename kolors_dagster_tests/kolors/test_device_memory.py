import psutil
import pytest
import torch

from kolors_dagster.kolors.device_memory import free_memory, limit_memory, release_memory

CPU = torch.device("cpu")


def test_the_cpu_has_the_memory_of_the_machine_and_no_limit() -> None:
    limit_memory(CPU, 0.001)
    assert free_memory(CPU) == pytest.approx(psutil.virtual_memory().available, rel=0.2)
    release_memory(CPU)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_limited_gpu_runs_out_where_a_smaller_one_would() -> None:
    device = torch.device("cuda")
    limit_memory(device, 1.0)
    try:
        assert free_memory(device) <= 2**30
        with pytest.raises(torch.OutOfMemoryError):
            torch.empty(2**30 + 2**21, dtype=torch.uint8, device=device)
        torch.empty(2**29, dtype=torch.uint8, device=device)
    finally:
        limit_memory(device, 10_000.0)
