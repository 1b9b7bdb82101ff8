"""Plots over HTTP: fields with known answers, real data, the page."""
