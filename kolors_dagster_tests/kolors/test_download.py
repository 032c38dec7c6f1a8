import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from kolors_dagster.errors import UserError
from kolors_dagster.kolors import download
from kolors_dagster.kolors.base_model import describe_base_model
from kolors_dagster.kolors.download import RemoteFile, choose_files, download_base_model
from kolors_dagster.kolors.loading import load_text_encoder, load_unet, load_vae
from kolors_dagster_tests.kolors.model_hub import ModelHub

KOLORS, FIX = "Kwai-Kolors/Kolors", "AI-ModelScope/sdxl-vae-fp16-fix"
SHARD = "pytorch_model-00002-of-00003.bin"
PROGRAM = """
import json, sys
from pathlib import Path
from kolors_dagster.errors import UserError
from kolors_dagster.kolors.download import download_base_model
try:
    print(json.dumps({"folder": str(download_base_model("kolors", Path(sys.argv[1])))}))
except UserError as error:
    print(json.dumps({"problem": error.problem, "fix": error.fix}))
"""


@pytest.fixture
def hub(kwai_folder: Path, tmp_path: Path) -> ModelHub:
    served, fix = tmp_path / "served", tmp_path / "fix"
    shutil.copytree(kwai_folder, served)
    (served / "MODEL_LICENSE").write_text("the licence")
    (served / "README.md").write_text("not needed")
    (served / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(b"the same weights once more")
    shutil.copytree(kwai_folder / "vae", fix)
    (fix / "sdxl_vae.safetensors").write_bytes(b"the same weights in another format")
    return ModelHub({KOLORS: served, FIX: fix})


@pytest.fixture
def endpoint(hub: ModelHub) -> Iterator[str]:
    with hub.serve() as address:
        yield address


def run_download(endpoint: str, root: Path) -> tuple[dict[str, str], str]:
    """Download with the real client, in a process of its own, for the client reads its settings but once."""
    settings = {
        "MODELSCOPE_ENDPOINT": endpoint,
        "MODELSCOPE_HOME": str(root / "home"),
        "MODELSCOPE_DOWNLOAD_TIMEOUT": "1",
        "MODELSCOPE_DOWNLOAD_MAX_RETRIES": "0",
        "MODELSCOPE_DOWNLOAD_INTRA_CLOUD": "false",
        "MODELSCOPE_REPO_TREE_PAGE_MAX_ATTEMPTS": "1",
        "MODELSCOPE_API_TOKEN": "secret-token",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(root)], env=os.environ | settings, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "secret-token" not in done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def test_downloads_what_is_read_and_nothing_else(
    hub: ModelHub, endpoint: str, kwai_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "data"
    monkeypatch.setenv("KOLORS_DATA", str(root))
    answer, said = run_download(endpoint, root)
    folder = root / "models" / "kolors"
    assert answer == {"folder": str(folder)}
    assert said.count("commercial use must be registered") == 1
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    model = describe_base_model("kolors", folder)
    assert files == {*model.files, "MODEL_LICENSE", ".download.json"}
    assert "sdxl-vae-fp16-fix/diffusion_pytorch_model.fp16.safetensors" in files
    theirs = load_unet(kwai_folder, torch.device("cpu"), torch.float32).state_dict()
    ours = load_unet(folder, torch.device("cpu"), torch.float32).state_dict()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())
    load_text_encoder(folder, torch.device("cpu"), torch.float32).encode(["读得出来"])
    load_vae(folder, torch.device("cpu"), torch.float16)
    asked = hub.requests
    answer, said = run_download(endpoint, root)
    assert answer == {"folder": str(folder)} and hub.requests == asked and "registered" not in said


@pytest.mark.parametrize("fault", ["failing", "truncated", "hanging", "corrupt"])
def test_a_bad_download_is_told_and_goes_on_where_it_stopped(
    hub: ModelHub, endpoint: str, tmp_path: Path, fault: str
) -> None:
    hub.faults = {SHARD: fault}
    answer, _ = run_download(endpoint, tmp_path / "data")
    folder = tmp_path / "data" / "models" / "kolors"
    assert SHARD in answer["problem"] and "goes on where it stopped" in answer["fix"]
    assert not (folder / "text_encoder" / SHARD).exists() and not (folder / ".download.json").exists()
    with pytest.raises(UserError, match=SHARD):
        describe_base_model("kolors", folder)
    hub.faults, hub.served = {}, 0
    hub.ranges.clear()
    answer, _ = run_download(endpoint, tmp_path / "data")
    assert answer == {"folder": str(folder)}
    shard = hub.repositories[KOLORS] / "text_encoder" / SHARD
    assert (folder / "text_encoder" / SHARD).read_bytes() == shard.read_bytes()
    fix = sum(path.stat().st_size for path in hub.repositories[FIX].iterdir())
    assert hub.served <= shard.stat().st_size + fix, "what was there already came again"
    if fault in ("truncated", "hanging"):
        assert hub.ranges and min(hub.ranges) > 0


def test_a_hub_without_the_model_is_told(hub: ModelHub, endpoint: str, tmp_path: Path) -> None:
    del hub.repositories[FIX]
    answer, _ = run_download(endpoint, tmp_path / "data")
    assert FIX in answer["problem"] and "not found" in answer["problem"]
    assert hub.served == 0


def test_a_hub_that_cannot_be_reached_is_told(tmp_path: Path) -> None:
    answer, _ = run_download("http://127.0.0.1:9", tmp_path / "data")
    assert KOLORS in answer["problem"] and "MODELSCOPE_ENDPOINT" in answer["fix"]


def test_a_full_disk_is_told_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil._ntuple_diskusage(2**40, 2**40, 2**33)  # type: ignore[attr-defined]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    monkeypatch.setattr(
        download, "_list", lambda repository: [RemoteFile("unet/config.json", 17 * 10**9, "")]
    )
    monkeypatch.setattr(download, "_fetch", lambda *arguments: pytest.fail("it fetched"))
    with pytest.raises(UserError, match=r"31\.7 GiB to download, but only 8\.0 GiB free"):
        download_base_model("kolors", tmp_path)


def test_chooses_one_format_of_each_part() -> None:
    listing = """
        README.md MODEL_LICENSE model_index.json scheduler/scheduler_config.json imgs/model.png
        text_encoder/config.json text_encoder/modeling_chatglm.py text_encoder/tokenizer.model
        text_encoder/model.safetensors.index.json text_encoder/model-00001-of-00002.safetensors
        text_encoder/model.safetensors.index.fp16.json text_encoder/model.fp16-00001-of-00001.safetensors
        text_encoder/pytorch_model.bin.index.json text_encoder/pytorch_model-00001-of-00002.bin
        unet/config.json unet/diffusion_pytorch_model.fp16.safetensors unet/diffusion_pytorch_model.bin
        vae/config.json vae/diffusion_pytorch_model.safetensors vae/diffusion_pytorch_model.bin
        tokenizer/vocab.txt deep/down/config.json ../config.json
    """
    assert [file.path for file in choose_files(RemoteFile(name, 1, "") for name in listing.split())] == [
        "MODEL_LICENSE",
        "model_index.json",
        "scheduler/scheduler_config.json",
        "text_encoder/config.json",
        "text_encoder/model.fp16-00001-of-00001.safetensors",
        "text_encoder/model.safetensors.index.fp16.json",
        "text_encoder/tokenizer.model",
        "unet/config.json",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
    ]


def test_kolors_mini_is_built_once_and_again_when_out_of_date(tmp_path: Path) -> None:
    folder = download_base_model("kolors-mini", tmp_path)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    made = weights.stat().st_mtime_ns
    assert download_base_model("kolors-mini", tmp_path) == folder
    assert weights.stat().st_mtime_ns == made
    (folder / ".recipe").write_text("of another version")
    download_base_model("kolors-mini", tmp_path)
    assert weights.stat().st_mtime_ns != made


def test_a_folder_is_used_as_it_is(mini_folder: Path, kwai_folder: Path, tmp_path: Path) -> None:
    assert download_base_model(str(mini_folder), tmp_path) == mini_folder
    assert download_base_model(str(kwai_folder), tmp_path) == kwai_folder
    assert not list(tmp_path.iterdir())
    for name, told in (("koIors", "no such folder"), (str(tmp_path), "not a complete Kolors model")):
        with pytest.raises(UserError, match=told):
            download_base_model(name, tmp_path)
