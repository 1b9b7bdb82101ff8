"""Frozen values made of the standard library: what the other layers talk about."""
