"""The Kolors model: loading, text, sampling, LoRA and training. Nothing here knows of Dagster."""
