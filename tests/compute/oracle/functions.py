"""Functions over a block, one of every kind of return, as users write them; a test sends this text as it stands.

Each takes the name of a variable and of some of its dimensions, and raises in the slices that it is told.
"""

import numpy as np
import xarray as xr

import cloudify.slice


def fail(fails):
    if cloudify.slice.number in fails:
        raise ValueError(f"as slice {cloudify.slice.number} was told")


def same(block, name, dims, fails):
    fail(fails)
    return block


def main(block, name, dims, fails):
    fail(fails)
    return block[name]


def nameless(block, name, dims, fails):
    fail(fails)
    return block[name].notnull().rename(None)


def values(block, name, dims, fails):
    fail(fails)
    return np.asarray(block[name].values)


def turned(block, name, dims, fails):
    fail(fails)
    return block[name].transpose(..., *dims)


def alone(block, name, dims, fails):
    fail(fails)
    return block[[name]].reset_coords(drop=True)


def counted(block, name, dims, fails):
    fail(fails)
    return block[name].notnull().sum(dims, dtype="int64").rename("count").assign_attrs(cells=np.int16(3), of=name)


def first(block, name, dims, fails):
    fail(fails)
    return block[name].isel(dict.fromkeys(dims, 0))


def first_kept(block, name, dims, fails):
    fail(fails)
    return block[name].isel({dim: [0] for dim in dims})


def spread(block, name, dims, fails):
    """Reduce some dimensions and add one."""
    fail(fails)
    there = block[name].notnull().sum(dims, dtype="int32")
    return xr.concat([there, there * 2, there * 3], xr.Variable("times", ["one", "two", "three"])).rename("spread")


def deepened(block, name, dims, fails):
    """Add a dimension without labels at the end."""
    fail(fails)
    there = block[name].notnull()
    return xr.Dataset({"deep": ((*there.dims, "n"), np.stack([there.values, ~there.values], -1))})


def both(block, name, dims, fails):
    """Keep a dimension in one variable and reduce it in another."""
    fail(fails)
    there = block[name].notnull()
    return xr.Dataset({"kept": there, "left": there.sum(dims)}, attrs={"title": "both", "history": "größer"})


def added(block, name, dims, fails):
    fail(fails)
    return block.assign(extra=block[name].notnull())


def relabelled(block, name, dims, fails):
    """Add a coordinate along each dimension, and one without any."""
    fail(fails)
    there = block[name]
    more = {f"even_{dim}": (dim, np.arange(there.sizes[dim]) % 2 == 0) for dim in dims}
    return there.assign_coords(more | {"version": 7}).rename("relabelled")


def flipped(block, name, dims, fails):
    """Turn dimensions round, and their coordinates with them, but no bounds, which an array cannot have."""
    fail(fails)
    return block[name].isel(dict.fromkeys(dims, slice(None, None, -1)))


def total(block, name, dims, fails):
    fail(fails)
    return block[name].count()


def row(block, name, dims, fails):
    fail(fails)
    return {"n": np.int64(block[name].size), "half": block[name].size / 2, "of": name, "slice": cloudify.slice.number}


def raw(block, name, dims, fails):
    fail(fails)
    return np.ascontiguousarray(block[name].notnull().values).tobytes()
