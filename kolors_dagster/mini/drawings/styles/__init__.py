"""Styles: each is a `Look` for the drawing and a `finish` for the drawn layers."""
