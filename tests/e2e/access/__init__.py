"""Datasets with an owner: whoever is not the owner cannot tell them from what is not there."""
