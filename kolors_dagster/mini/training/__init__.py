"""How kolors-mini was trained: scenes drawn by code, an autoencoder, then text encoder and UNet."""
