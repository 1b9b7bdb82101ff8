"""The forms of an answer: what ``?f=`` may say."""

from typing import TypeVar

from cloudify.errors import BadOptionError

Form = TypeVar("Form", bound=str)


def read_form(text: str, forms: tuple[Form, ...]) -> Form:
    """Read the form of an answer.

    Raises
    ------
    BadOptionError
        If there is none of its name.
    """
    for known in forms:
        if text == known:
            return known
    raise BadOptionError(f"no form f={text[:40]!r}; there are {', '.join(forms)}")
