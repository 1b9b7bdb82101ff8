"""What is computed of a variable: group means and their like."""
