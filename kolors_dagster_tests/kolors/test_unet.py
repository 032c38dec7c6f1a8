import hashlib

import torch

from kolors_dagster.kolors.unet import KolorsUNet, make_time_ids

KOLORS = {
    "sample_size": 128,
    "in_channels": 4,
    "out_channels": 4,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "block_out_channels": [320, 640, 1280],
    "layers_per_block": 2,
    "cross_attention_dim": 2048,
    "attention_head_dim": [5, 10, 20],
    "transformer_layers_per_block": [1, 2, 10],
    "norm_num_groups": 32,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 5632,
    "encoder_hid_dim": 4096,
}


def test_the_full_size_layout_is_kolors() -> None:
    with torch.device("meta"):
        weights = KolorsUNet(KOLORS).state_dict()
    names = [f"{key}:{'_'.join(map(str, tensor.shape))}" for key, tensor in weights.items()] + list(weights)
    assert hashlib.md5(",".join(sorted(names)).encode()).hexdigest() == "52817e4fdd89df154f02749ca6f692ac"
    assert sum(tensor.numel() for tensor in weights.values()) == 2_579_458_820


def test_time_ids_are_height_before_width() -> None:
    ids = make_time_ids(512, 768, 3, torch.device("cpu"), torch.float32)
    assert ids.tolist() == [[512, 768, 0, 0, 512, 768]] * 3
