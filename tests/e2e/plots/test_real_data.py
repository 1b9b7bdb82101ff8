"""Every variable of the real data on every kind of plot: a picture, or the reason that was written down before."""

import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from cloudify.model.entry import suggest_id
from plots.expected import CLASSES, KINDS, MAPS, REASONS
from plots.real import SOURCES, serving

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "plots.md"
HEAD = (
    "<!-- made by tests/e2e/plots/test_real_data.py --write-plots -->\n"
    "# Plots of real data\n\n"
    "What `/datasets/{id}/plot/{var}/{kind}/...` answers for every variable of two dozen real files, by what its data\n"
    "are. `422` comes with the reason that is quoted.\n\n"
)
MEANT = {
    "map": "a field on a grid of many rows: regular, curvilinear, rotated, projected",
    "cells": "a field on one line of cells: ICON's triangles, a cubed sphere",
    "series": "numbers along one dimension, without a place",
    "several": "at most ten such series side by side",
    "many": "more of them",
    "one": "one number in a dimension of size one",
    "station": "a series at one place, of which the file does not say how far it reaches",
    "times": "times",
    "text": "text",
    "scalar": "a single value",
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as url:
        yield url


@pytest.mark.parametrize("name", SOURCES)
def test_every_kind_of_every_variable_answers_as_it_must(url: str, name: str) -> None:
    path, table = SOURCES[name]
    if path is None:
        pytest.skip(f"{name} is not here: the shared data are absent")
    wrong = []
    with httpx.Client(timeout=60) as client:
        listed = client.get(f"{url}/datasets/{suggest_id(name)}/keys").json()
        assert set(listed) == set(table)
        for variable, kind_of in table.items():
            for kind in KINDS:
                answer = client.get(f"{url}/datasets/{suggest_id(name)}/plot/{variable}/{kind}/viridis/?width=400")
                expected = CLASSES[kind_of][kind]
                if expected == "200":
                    good = answer.status_code == 200 and is_picture(answer.content)
                else:
                    good = answer.status_code == 422 and REASONS[expected] in answer.json()["detail"]
                if not good:
                    wrong.append((variable, kind, expected, answer.status_code, answer.text[:300]))
    assert wrong == []


def is_picture(body: bytes) -> bool:
    """Whether a body is a PNG of the width asked for, with more than paper on it."""
    image = Image.open(io.BytesIO(body))
    image.load()
    return image.format == "PNG" and image.width <= 400 and len(np.unique(np.asarray(image.convert("L")))) > 1


def test_the_table_in_the_docs_is_that_of_the_tests(request: pytest.FixtureRequest) -> None:
    others = [kind for kind in KINDS if kind not in MAPS]
    rows = [
        f"| what it is | {', '.join(MAPS)} | {' | '.join(others)} | variables |",
        "|---|" + "---|" * (len(others) + 2),
    ]
    for name, kinds in CLASSES.items():
        count = sum(table.count(name) for table in (list(table.values()) for _, table in SOURCES.values()))
        assert len({kinds[kind] for kind in MAPS}) == 1
        answers = [kinds[kind] for kind in (MAPS[0], *others)]
        cells = " | ".join(answer if answer == "200" else f"422: {REASONS[answer]}" for answer in answers)
        rows.append(f"| {MEANT[name]} | {cells} | {count} |")
    files = [
        f"- `{name}`: {', '.join(f'{one} ({kind})' for one, kind in table.items())}"
        for name, (_, table) in SOURCES.items()
    ]
    text = HEAD + "\n".join(rows) + "\n\n" + "\n".join(files) + "\n"
    if request.config.getoption("--write-plots", default=False):
        PAGE.write_text(text)
    assert PAGE.read_text() == text
