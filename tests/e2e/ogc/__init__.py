"""Servers with jobs for tests: one whose jobs are played by hand, one that runs them."""
