"""Entries become datasets: opened when first used, held while used, closed after."""
