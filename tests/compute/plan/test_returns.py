"""What a function may not return, and what is said then; plain values and files; templates that are given."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from cloudify.compute.blocks import Reader
from cloudify.compute.coordinates import coordinate_parts
from cloudify.compute.fit import Fitter, fit
from cloudify.compute.given_template import read_template
from cloudify.compute.part import FilePart
from cloudify.compute.plan import SINGLE, DataPlan, Plan
from cloudify.compute.template import Template
from cloudify.compute.templating import template_of, with_coordinates
from cloudify.datasets.opened import Opened
from cloudify.errors import BadInputError, InvalidResultError

Made = Callable[[xr.Dataset | xr.DataTree], Opened]
PlanOf = Callable[..., Plan]

DS = xr.Dataset(
    {"v": (("t", "x"), np.arange(20.0).reshape(5, 4))}, {"t": np.arange(5), "x": [0.0, 1.0, 2.0, 3.0], "height": 2.0}
)


class Slices:
    """A job over DS in slices of two times."""

    def __init__(self, made: Made, plan_of: PlanOf, **inputs: Any) -> None:
        self.opened = made(DS)
        self.plan = plan_of(self.opened, **{"chunks": {"t": 2}} | inputs)
        self._reader = Reader(self.opened, self.plan)

    def template(self, value: Any) -> Template:
        return template_of(value, self.plan, 1, "f", opened=self.opened, block=self.block(1))

    def block(self, number: int) -> xr.Dataset:
        return self._reader.block(number)

    def fit(self, template: Template, value: Any, number: int) -> Any:
        return Fitter(template, self.plan, "f").fit(value, number, self.block(number))


@pytest.fixture
def slices(made: Made, plan_of: PlanOf) -> Slices:
    return Slices(made, plan_of)


def array(shape: tuple[int, ...], *dims: str, dtype: Any = float, name: str | None = None) -> xr.DataArray:
    return xr.DataArray(np.zeros(shape, dtype), dims=dims, name=name)


def named(*names: Any) -> xr.Dataset:
    return xr.Dataset({name: array((2, 4), "t", "x") for name in names})


FIRST: dict[str, tuple[Any, str]] = {
    "a shape that is not the block's": (np.zeros((2, 3)), "(2, 3), where the block has (2, 4) along ('t', 'x')"),
    "an array without dimensions": (np.zeros(()), "of shape (), where the block has (2, 4)"),
    "a part of a dimension": (array((2, 3), "t", "x"), "'f' has 3 elements along 'x', where the block has 4"),
    "no elements along a new dimension": (array((2, 4, 0), "t", "x", "n"), "'f' has no elements along 'n'"),
    "Python objects": (np.array([[{}] * 4] * 2), "'f': it holds Python objects (dict); return numbers, texts or times"),
    "records": (array((2, 4), "t", "x", dtype=[("a", "i4")]), "and a result holds numbers, texts or times"),
    "times of a strange unit": (np.zeros((2, 4), "M8[ps]"), "times in the unit 'ps'"),
    "coordinates alone": (xr.Dataset(coords={"a": [1]}), "a Dataset without a data variable"),
    "a slash in a name": (named("a/b"), "named 'a/b'"),
    "a name of the store": (named("zarr.json"), "named 'zarr.json'"),
    "a name that is hidden": (named("__a"), "named '__a'"),
    "a name of two dots": (named(".."), "named '..'"),
    "a name that is a number": (named(7), "named 7, which is no text"),
    "a name that is long": (named("n" * 129), "a name has 1 to 128 printable characters"),
    "a dimension with a line break": (array((2, 4, 1), "t", "x", "a\nb"), "named 'a\\nb'"),
    "the name of a coordinate": (DS.v.isel(t=slice(2)).rename("x"), "named 'x' as one of its coordinates is"),
    "a chunk too large to serve": (
        xr.DataArray(np.broadcast_to(np.zeros(1), (2, 4, 2**24)), dims=("t", "x", "n")), "above the limit of 268435456"
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FIRST)
def test_a_first_result_that_cannot_be_is_told_what_came_and_what_was_expected(slices: Slices, what: str) -> None:
    value, said = FIRST[what]
    with pytest.raises(InvalidResultError) as caught:
        slices.template(value)
    assert said in str(caught.value)


LATER: dict[str, tuple[Any, str]] = {
    "other variables": (named("w"), "the variables w came, where the first slice returned v"),
    "more variables": (named("v", "w"), "the variables v, w came, where the first slice returned v"),
    "a kept dimension reduced": (named("v").isel(x=0), "'v': it has no dimension 'x', which the first slice had"),
    "a dimension more": (named("v").expand_dims(n=2), "'v': it has a dimension 'n', which the first slice had not"),
    "fewer elements": (named("v").isel(x=slice(3)), "'v': it has 3 elements along 'x', expected 4"),
    "texts for numbers": (named("v").astype(str), "cannot hold its values as float64"),
    "complex numbers": (named("v") + 1j, "cannot hold its values as float64, the type of the first slice, exactly"),
    "times for numbers": (named("v").astype("M8[s]"), "cannot hold its values as float64"),
    "integers too large": (named("v").astype("i8") + 2**53 + 1, "its type int64 cannot hold its values as float64"),
    "another coordinate": (named("v").assign_coords(x=[9, 8, 7, 6]), "'x' differs from that of the block"),
}  # fmt: skip


@pytest.mark.parametrize("what", LATER)
def test_a_later_result_that_differs_is_told_how(slices: Slices, what: str) -> None:
    value, said = LATER[what]
    template = slices.template(named("v"))
    with pytest.raises(InvalidResultError) as caught:
        slices.fit(template, value, 2)
    assert said in str(caught.value)


def test_values_of_another_type_pass_where_they_are_the_same_numbers(slices: Slices) -> None:
    template = slices.template(named("v"))
    (part,) = slices.fit(template, named("v").astype("i8") + 2**53, 2)
    assert (part.values.dtype, part.values[0, 0]) == (np.dtype("f8"), 2.0**53)
    whole = slices.template(named("v").astype("i2"))
    (part,) = slices.fit(whole, named("v") + 7.0, 2)
    assert (part.values.dtype, part.values[0, 0]) == (np.dtype("i2"), 7)
    for wrong in (7.5, np.nan, 2.0**15):
        with pytest.raises(InvalidResultError, match="as int16, the type of the first slice, exactly"):
            slices.fit(whole, named("v") + wrong, 2)


def test_a_result_already_trimmed_of_its_overlap_is_told_what_is_expected(made: Made, plan_of: PlanOf) -> None:
    slices = Slices(made, plan_of, overlap={"t": 1})
    template = slices.template(np.zeros((3, 4)))
    with pytest.raises(InvalidResultError, match=r"of shape \(2, 4\), where the block has \(4, 4\)"):
        slices.fit(template, np.zeros((2, 4)), 2)
    with pytest.raises(
        InvalidResultError, match="2 elements along 't', expected 4, overlap included, which is trimmed"
    ):
        slices.fit(template, array((2, 4), "t", "x"), 2)


def test_a_new_dimension_keeps_its_size_and_its_labels(slices: Slices) -> None:
    def result(size: int, label: float) -> xr.DataArray:
        return xr.DataArray(np.zeros(size), {"bin": np.arange(size) + label}, "bin")

    template = slices.template(result(3, 0.5))
    assert [part.variable for part in slices.fit(template, result(3, 0.5), 2)] == ["f"]  # the labels are the first's
    with pytest.raises(InvalidResultError, match="'f': it has 4 elements along 'bin', where the first slice had 3"):
        slices.fit(template, result(4, 0.5), 2)
    with pytest.raises(InvalidResultError, match=r"'bin': its labels differ .*drop_vars\('bin'\)"):
        slices.fit(template, result(3, 1.5), 2)


def test_what_came_back_as_it_was_may_not_come_back_changed(made: Made, plan_of: PlanOf) -> None:
    opened = made(DS.assign(mask=("x", [1.0, 0.0, 1.0, 1.0])))
    plan = plan_of(opened, chunks={"t": 2})
    first, second = (Reader(opened, plan).block(number) for number in (1, 2))
    template = template_of(first, plan, 1, "f", block=first)
    assert template == template_of(first, plan, 1, "f", block=first)
    assert "mask" not in {part.variable for part in fit(second, template, plan, 2, block=second)}  # the first wrote it
    with pytest.raises(InvalidResultError, match="'mask' came back changed, while the first slice left it as it was"):
        fit(second.assign(mask=second["mask"] + 1), template, plan, 2, block=second)
    given = read_template(template.to_json(), plan)
    assert given.fields == template.fields


def test_one_kind_of_result_is_not_another(slices: Slices, plain: Any, file: Any) -> None:
    values = {"an array": np.zeros((2, 4)), "a plain value": plain("1"), "a file": file("a", b"")}
    for expected, one in values.items():
        template = slices.template(one)
        for other in values.values():
            if other is not one:
                with pytest.raises(InvalidResultError, match=f"came, where {expected} was expected"):
                    slices.fit(template, other, 2)


@pytest.mark.parametrize(
    ("value", "said"),
    [("null", "nothing"), ("NaN", "NaN is no JSON"), ("[1, -Infinity]", "-Infinity is no JSON"), ("{", "not JSON")],
)
def test_nothing_and_what_is_no_json_are_refused(slices: Slices, plain: Any, value: str, said: str) -> None:
    with pytest.raises(InvalidResultError, match=said):
        slices.template(plain(value))
    with pytest.raises(InvalidResultError, match=said):
        slices.fit(slices.template(plain("1")), plain(value), 2)


def test_plain_values_leave_no_parts_and_files_one_each(slices: Slices, plain: Any, file: Any) -> None:
    assert slices.fit(slices.template(plain('{"a": 1}')), plain("[2]"), 2) == []
    template = slices.template(file("map.png", b"1"))
    parts = [slices.fit(template, file("x/../../map.png", b"2"), number)[0] for number in (1, 3)]
    assert all(isinstance(part, FilePart) for part in parts)
    assert [(part.key, part.data) for part in parts] == [("1-map.png", b"2"), ("3-map.png", b"2")]
    assert slices.fit(template, file("..\\", b""), 2)[0].key == "2-file"


def test_what_is_left_after_combining_is_a_dataset_of_its_own() -> None:
    value = xr.DataArray([1, 2, 3], {"bin": ["a", "b", "c"]}, "bin", name="counts")
    template = template_of(value, SINGLE, 1, "f")
    parts = fit(value, template, SINGLE, 1)
    assert [part.key for part in parts] == ["counts/c/0", "bin/c/0"]
    assert json.loads(template.documents(SINGLE)["counts/zarr.json"])["shape"] == [3]
    scalar = template_of(xr.DataArray(5.0), SINGLE, 1, "total")
    assert [part.key for part in fit(xr.DataArray(5.0), scalar, SINGLE, 1)] == ["total/c"]


def test_slices_that_were_added_since_fit_too() -> None:
    """The plan that a worker has is of the time when the job was opened."""
    template = template_of(np.arange(3), DataPlan(0), 1, "f")
    parts = fit(np.arange(3) + 5, template, DataPlan(0), 7)
    assert [(part.key, part.values.tolist()) for part in parts] == [("f/c/6/0", [[5, 6, 7]])]
    assert json.loads(template.documents(DataPlan(9))["f/zarr.json"])["shape"] == [9, 3]
    (numbers,) = coordinate_parts(template, DataPlan(9))
    assert numbers.values.tolist() == list(range(1, 10))
    assert not list(coordinate_parts(template, DataPlan(0)))


def test_coordinates_can_be_put_in_where_the_dataset_is_at_hand(slices: Slices) -> None:
    """A worker that was sent the block has no dataset."""
    value = slices.block(1).v * 2
    apart = template_of(value, slices.plan, 1, "f", block=slices.block(1))
    assert not apart.carried
    whole = with_coordinates(Template.from_json(apart.to_json()), slices.plan, slices.opened)
    assert whole == slices.template(value)
    assert [one.name for one in whole.carried] == ["t", "x", "height"]


def test_a_dropped_scalar_stays_away_and_a_dropped_dimension_comes_back(slices: Slices) -> None:
    template = slices.template(slices.block(1).v.drop_vars(["height", "x", "t"]))
    assert [one.name for one in template.carried] == ["t", "x"]


GIVEN = {"variables": {"w": {"dims": ["t", "x"], "dtype": "float32", "attrs": {"units": "m"}}}}


def test_a_template_that_is_given_stands_for_the_first_slice(slices: Slices) -> None:
    template = read_template(json.dumps(GIVEN), slices.plan, slices.opened)
    assert template == Template.from_json(template.to_json())
    assert template.layouts(slices.plan)["w"].grid.chunk == (2, 4)
    assert [one.name for one in template.carried] == ["t", "x", "height"]
    (part,) = slices.fit(template, np.full((1, 4), 7.5), 3)
    assert (part.key, part.values.dtype) == ("w/c/2/0", np.dtype("f4"))


def test_a_template_of_another_job_can_be_given(slices: Slices, plain: Any) -> None:
    value = xr.DataArray(np.zeros((4, 3)), {"x": DS.x, "bin": [1, 2, 3]}, ("x", "bin"), name="h")
    made = slices.template(value)
    given = read_template(made.to_json(), slices.plan, slices.opened)
    assert given.fields == made.fields
    assert [part.key for part in slices.fit(given, value, 1)] == ["h/c/0/0/0", "bin/c/0"]
    for kind in ("table", "files"):
        assert read_template(json.dumps({"kind": kind}), slices.plan).kind == kind
    assert slices.fit(read_template('{"kind": "table"}', slices.plan), plain("1"), 1) == []


def test_dimensions_that_a_template_leaves_out_are_reduced(slices: Slices) -> None:
    short = read_template('{"variables": {"m": {"dims": ["x"], "dtype": "int64"}}}', slices.plan)
    long = {"variables": {"m": {"dims": ["t", "x"], "dtype": "int64", "reduced": ["t"]}}}
    assert short == read_template(json.dumps(long), slices.plan)
    assert short.layouts(slices.plan)["m"].grid.shape == (3, 4)


def variable(**members: Any) -> dict[str, Any]:
    return {"variables": {"w": {"dims": ["t", "x"], "dtype": "float32"} | members}}


WRONG: dict[str, tuple[Any, str]] = {
    "a member nobody knows": ({"variable": {}}, "did you mean 'variables'"),
    "a kind nobody knows": ({"kind": "cube"}, "kind: expected one of grid, table, files"),
    "no variable": ({"variables": {}}, "expected 1 to 1000 variables"),
    "variables that are a list": ({"variables": [1]}, "expected a JSON object"),
    "a variable that is text": ({"variables": {"w": "f4"}}, "input 'template.variables.w': expected a JSON object"),
    "a name that cannot be": ({"variables": {"a/b": variable()["variables"]["w"]}}, "named 'a/b'"),
    "no type": (variable(dtype=None), "dtype': expected a text"),
    "a type that is none": (variable(dtype="float33"), "no type 'float33'"),
    "a type of objects": (variable(dtype="object"), "Python objects"),
    "a calendar that is none": (variable(dtype="cftime:mayan"), "no type 'cftime:mayan'"),
    "dimensions that are text": (variable(dims="tx"), "expected a list of dimensions"),
    "a dimension twice": (variable(dims=["t", "t"]), "none twice"),
    "a dimension that is a number": (variable(dims=[1]), "expected a text"),
    "a new dimension without a size": (variable(dims=["t", "n"]), "'n' is none of the dimensions that are cut (t, x)"),
    "a new dimension of no size": (variable(dims=["t", "n"], sizes={"n": 0}), "give its size"),
    "a reduced dimension nobody has": (variable(reduced=["z"]), "'z' is no dimension that is cut: t, x are"),
    "a dimension reduced and whole": (variable(dims=["t", "s"], reduced={"s": "t"}), "whole and reduced"),
    "reduced that is a number": (variable(reduced=5), "expected a JSON object"),
    "coordinates alone": (variable(coordinate=True), "all its variables are coordinates"),
    "a hash that is none": (variable(digest="x"), "32 hexadecimal digits"),
    "the name of a dimension": ({"variables": {"x": variable()["variables"]["w"]}}, "named 'x' as a dimension is"),
    "a chunk too large": (variable(dims=["t", "n"], sizes={"n": 2**40}), "above the limit"),
    "more elements than can be": (variable(dims=["t", "n"], sizes={"n": 2**70}), "above the limit"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_template_that_cannot_be_is_told_why(slices: Slices, what: str) -> None:
    given, said = WRONG[what]
    with pytest.raises(BadInputError, match="template") as caught:
        read_template(json.dumps(given), slices.plan, slices.opened)
    assert said in str(caught.value)
