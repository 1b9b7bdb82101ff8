"""All that there is of us inside the process that runs functions: the standard library, numpy, and xarray where it is met.

The folder is started by its path (`__main__`), in an environment that need not have cloudify.
"""
