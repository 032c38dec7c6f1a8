"""The embedded base model and the pictures drawn by the project's own code."""
