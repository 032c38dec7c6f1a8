"""Who drew what: from a picture to its LoRA and its images, and back. Nothing here knows of Dagster."""
