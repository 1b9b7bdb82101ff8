"""All of us that is inside a process that runs functions: standard library, numpy, and xarray where it is met.

The folder is started by its path (`__main__`), in an environment that need not have cloudify.
"""
