"""Only an import path that host scripts know."""
