"""What slices leave, and the dataset that is made of it."""
