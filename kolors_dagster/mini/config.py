"""The configs of kolors-mini: Kolors' own, with smaller numbers; written as each part's config.json."""

from pathlib import Path
from typing import Any

from kolors_dagster.hashing import hash_file, hash_json
from kolors_dagster.kolors.base_model import DEFAULT_STEPS_KEY, DEFAULT_TRAINING_KEY, EARLY_GUIDANCE_KEY
from kolors_dagster.kolors.request import MAX_TOKENS

TOKENIZER_MODEL = Path(__file__).parent / "assets" / "tokenizer.model"
WEIGHTS = Path(__file__).parent / "weights"
RECIPE_FILE = ".recipe"
DEFAULT_STEPS = 20
EARLY_GUIDANCE = 2.0  # more, with a LoRA, and night scenes glare
# A small model takes larger steps than Kolors, and turns to a style with more of its layers: all of the
# blocks' but the 3 × 3 convolutions, which cost a quarter of a step's time.
TRAINING: dict[str, Any] = {
    "learning_rate": 3e-3,
    "alpha": 16.0,
    "snr_gamma": 1.0,
    "noise_offset": 0.07,  # without it paper stays grey and night bluish, whatever the style
    "prior_preservation": 0.9,
    "steps": 320,
    "batch_size": 2,
    "warmup_steps": 20,
    "decay": "cosine",
    "target_modules": [
        *("to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2"),
        *("conv_shortcut", "time_emb_proj"),
    ],
}

TEXT_ENCODER: dict[str, Any] = {
    "_class_name": "ChatGLMModel",
    "architectures": ["ChatGLMModel"],
    "model_type": "chatglm",
    "dtype": "float16",
    "add_bias_linear": False,
    "add_qkv_bias": True,
    "apply_query_key_layer_scaling": True,
    "apply_residual_connection_post_layernorm": False,
    "attention_dropout": 0.0,
    "attention_softmax_in_fp32": True,
    "bias_dropout_fusion": True,
    "eos_token_id": 2,
    "ffn_hidden_size": 512,
    "fp32_residual_connection": False,
    "hidden_dropout": 0.0,
    "hidden_size": 192,
    "kv_channels": 48,
    "layernorm_epsilon": 1e-05,
    "multi_query_attention": True,
    "multi_query_group_num": 2,
    "num_attention_heads": 4,
    "num_layers": 4,
    "original_rope": True,
    "pad_token_id": 0,
    "padded_vocab_size": 4880,
    "post_layer_norm": True,
    "rmsnorm": True,
    "seq_length": 2 * MAX_TOKENS,
    "tie_word_embeddings": False,
    "use_cache": True,
    "vocab_size": 4880,
}

UNET: dict[str, Any] = {
    "_class_name": "UNet2DConditionModel",
    "act_fn": "silu",
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 64,
    "attention_head_dim": [2, 4, 5],
    "block_out_channels": [64, 128, 160],
    "center_input_sample": False,
    "cross_attention_dim": 128,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "downsample_padding": 1,
    "encoder_hid_dim": TEXT_ENCODER["hidden_size"],
    "encoder_hid_dim_type": "text_proj",
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "in_channels": 4,
    "layers_per_block": 2,
    "mid_block_type": "UNetMidBlock2DCrossAttn",
    "norm_eps": 1e-05,
    "norm_num_groups": 32,
    "out_channels": 4,
    "projection_class_embeddings_input_dim": TEXT_ENCODER["hidden_size"] + 6 * 64,
    "sample_size": 32,
    "transformer_layers_per_block": [1, 1, 1],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "use_linear_projection": True,
}

VAE: dict[str, Any] = {
    "_class_name": "AutoencoderKL",
    "act_fn": "silu",
    "block_out_channels": [32, 64, 128, 128],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "force_upcast": True,
    "in_channels": 3,
    "latent_channels": 4,
    "layers_per_block": 2,
    "norm_num_groups": 32,
    "out_channels": 3,
    "sample_size": 256,
    "scaling_factor": 0.13025,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
}

SCHEDULER: dict[str, Any] = {
    "_class_name": "EulerDiscreteScheduler",
    "beta_end": 0.014,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "interpolation_type": "linear",
    "num_train_timesteps": 1100,
    "prediction_type": "epsilon",
    "rescale_betas_zero_snr": False,
    "steps_offset": 1,
    "timestep_spacing": "leading",
    "trained_betas": None,
    "use_karras_sigmas": False,
}

TOKENIZER: dict[str, Any] = {
    "tokenizer_class": "ChatGLMTokenizer",
    "do_lower_case": False,
    "remove_space": False,
    "padding_side": "left",
}

MODEL_INDEX: dict[str, Any] = {
    "_class_name": "KolorsPipeline",
    DEFAULT_STEPS_KEY: DEFAULT_STEPS,
    DEFAULT_TRAINING_KEY: TRAINING,
    EARLY_GUIDANCE_KEY: EARLY_GUIDANCE,
    "force_zeros_for_empty_prompt": False,
    "scheduler": ["diffusers", "EulerDiscreteScheduler"],
    "text_encoder": ["kolors", "ChatGLMModel"],
    "tokenizer": ["kolors", "ChatGLMTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}


def mini_recipe(seed: int | None = None) -> str:
    """Return a hash of all that kolors-mini is made from, to tell whether a built one is up to date.

    With a `seed` it is that of random weights, as `build.random_weights` draws them.
    """
    if seed is None:
        weights = [hash_file(WEIGHTS / f"{part}.safetensors") for part in ("text_encoder", "unet", "vae")]
    else:
        weights = ["random, 1", str(seed)]
    configs = [TEXT_ENCODER, UNET, VAE, SCHEDULER, TOKENIZER, MODEL_INDEX]
    return hash_json([configs, hash_file(TOKENIZER_MODEL), weights])
