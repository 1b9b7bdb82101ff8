"""OGC API - Processes: what is asked over HTTP in its words, and answered in them."""
