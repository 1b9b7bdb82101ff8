"""What a function may import while it runs over a slice: where it is, how far it is, what it has to say.

Under a job the process that runs the function puts a module of the same names in this one's place. Here, outside of
any job, the same function runs too: what it says goes nowhere.
"""

number: int = 1
"""Which slice this is, counted from 1."""
total: int = 1
"""How many there are; of an open job, so far."""


def progress(fraction: float | None = None) -> None:
    """Say that the slice is alive, and how much of it is done, from 0 to 1."""


def emit(type: str, payload: object = None) -> None:  # noqa: A002  # the word of events
    """Add an event to the job: a type of at most 64 characters, and a payload that is JSON."""
