"""Ablation: run the network with units silenced."""
