"""Deterministic simulation: the real agent and collector on a virtual disk, network and clock."""
