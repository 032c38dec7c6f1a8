"""Pictures drawn while training, to look at: the first six prompts of the shipped stories, and more."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from kolors_dagster.kolors.noise_schedule import NoiseSchedule
from kolors_dagster.kolors.sampling import sample_latents
from kolors_dagster.kolors.vae import VAE
from kolors_dagster.mini import config
from kolors_dagster.mini.training.captions import load_tokenizer, pad_left, tokenize
from kolors_dagster.mini.training.text_encoder import embed

PROMPTS = (
    "一个紫色头发的女孩，短发，穿着白色连衣裙，坐在家里的沙发上，双手托腮，一脸无聊，窗外是夏天的阳光",
    "一个紫色头发的女孩，短发，穿着白色连衣裙，坐在演唱会现场的座位上，一脸惊讶，周围是观众和灯光，夜晚",
    "一个紫色头发的女孩，短发，穿着白色连衣裙，站在天台上，双手合十，闭着眼睛许愿，夜空中有一颗流星划过",
    "一个紫色头发的女孩，齐肩发，穿着蓝色连衣裙，在练习室里弹吉他，神情专注",
    "一个黑色短发的小男孩，穿着蓝色外套，站在小镇的街道上，撑着一把红色的大伞，开心地笑着，下着雨",
    "一个银色短发的老爷爷，穿着蓝色外套，坐在家里的沙发上，双手托腮，神情平静，窗外天气晴朗",
    "特写，一个绿色长发的少女，穿着黄色毛衣，站在海边，微笑着",
    "一个金色头发的女孩，长发，扎着双马尾，穿着红色礼服长裙，站在灯光闪耀的舞台上放声歌唱，手里握着话筒",
)
UNWANTED = "低分辨率，画面模糊，五官变形，手指畸形，水印，text"


@torch.no_grad()
def draw_preview(text: Any, unet: Any, work: Path, step: int) -> Path:
    """Draw `PROMPTS` in 20 steps at guidance 4 with the autoencoder in `work`, two seeds each."""
    from safetensors.torch import load_file

    from kolors_dagster.mini.training.autoencoder import make_autoencoder

    device = unet.conv_in.weight.device
    vae = make_autoencoder().to(device).eval()
    vae.load_state_dict(load_file(work / "weights" / "vae.safetensors"))
    rows, lengths = tokenize([*PROMPTS, UNWANTED], load_tokenizer())
    tokens = pad_left(
        torch.from_numpy(rows.astype(np.int32)).to(device), torch.from_numpy(lengths).to(device)
    )
    states = embed(text, tokens)
    count = len(PROMPTS)
    schedule = NoiseSchedule(
        config.SCHEDULER["beta_start"],
        config.SCHEDULER["beta_end"],
        config.SCHEDULER["num_train_timesteps"],
        config.SCHEDULER["steps_offset"],
    )
    again = torch.arange(2 * count, device=device) % count
    positive = type(states)(states.hidden_states[again], states.pooled[again])
    unwanted = torch.full((2 * count,), count, device=device)
    negative = type(states)(states.hidden_states[unwanted], states.pooled[unwanted])
    latents = sample_latents(
        unet,
        schedule,
        positive,
        negative,
        range(2 * count),
        width=256,
        height=256,
        steps=20,
        guidance_scale=4.0,
    )
    pictures = VAE(vae).decode(latents)
    half = [np.concatenate(list(pictures[start : start + count]), axis=1) for start in (0, count)]
    path = work / f"preview-{step:06d}.png"
    Image.fromarray(np.concatenate(half)).save(path)
    return path
