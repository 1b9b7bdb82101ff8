"""Pictures of variables: which pixel shows which cell, in which colour, and what stands around them. Knows no HTTP."""
