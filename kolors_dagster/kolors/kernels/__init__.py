"""Triton kernels for what the UNet does between its matrix products and convolutions.

They are forward and backward passes alone; `kolors.fused_functions` makes differentiable functions of them.
"""
