"""The processes that run what users wrote: warm, one job each, ended when they misbehave. None of it runs elsewhere."""
