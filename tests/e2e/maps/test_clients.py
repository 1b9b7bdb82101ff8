"""Clients of others: OWSLib and GDAL find the map service and tiles, and their hot cell is where it belongs."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from owslib.util import ServiceException
from owslib.wms import WebMapService
from PIL import Image
from plots.fields import cases

from cloudify import Server
from cloudify.testing import running
from maps.seen import WORLD, Box, Seen, opened, wrong

CASES = {
    name: case for name, case in cases().items() if name in {"one-cell", "date-line", "from-20-to-380", "descending"}
}
WEB_BOX = (-WORLD, -WORLD, WORLD, WORLD)
GLOBE = (-180.0, -90.0, 180.0, 90.0)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running(Server({name: case.ds for name, case in CASES.items()}).app) as url:
        yield url


@pytest.mark.parametrize("version", ["1.1.1", "1.3.0"])
@pytest.mark.parametrize("name", CASES)
def test_owslib_finds_a_layer_and_draws_it(url: str, name: str, version: str) -> None:
    service = WebMapService(f"{url}/datasets/{name}/wms", version=version)
    layer = service["v"]
    assert layer.boundingBoxWGS84 == GLOBE
    assert {"EPSG:4326", "EPSG:3857"} <= set(layer.crsOptions)
    assert "image/png" in service.getOperationByName("GetMap").formatOptions
    for crs, box, size in (("EPSG:4326", GLOBE, (900, 450)), ("EPSG:3857", WEB_BOX, (900, 900))):
        body = service.getmap(
            layers=["v"], styles=["viridis"], srs=crs, bbox=box, size=size, format="image/png", transparent=True,
            colorscalerange="0,1",
        ).read()  # fmt: skip
        seen = Seen(opened(body), box, box[2] - box[0], crs == "EPSG:3857")
        assert wrong(seen, CASES[name]) == []


@pytest.mark.parametrize("version", ["1.1.1", "1.3.0"])
def test_owslib_hears_what_is_wrong(url: str, version: str) -> None:
    service = WebMapService(f"{url}/datasets/one-cell/wms", version=version)
    with pytest.raises(ServiceException, match="no variable 'w'"):
        service.getmap(layers=["w"], srs="EPSG:4326", bbox=GLOBE, size=(20, 10), format="image/png")
    with pytest.raises(ServiceException, match="there are"):
        service.getmap(layers=["v"], srs="EPSG:31467", bbox=GLOBE, size=(20, 10), format="image/png")


def by_gdal(document: str, folder: Path, size: tuple[int, int], window: Box) -> Image.Image:
    """Read a window of what a document of GDAL's WMS driver describes."""
    source, out = folder / "service.xml", folder / "out.png"
    source.write_text(document)
    west, south, east, north = map(str, window)
    command = [
        "gdal_translate", "-q", "-of", "PNG", "-outsize", *map(str, size), "-r", "nearest",
        "-projwin", west, north, east, south, str(source), str(out),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return opened(out.read_bytes())


def document(service: str, box: Box, projection: str, more: str, blocks: str = "") -> str:
    west, south, east, north = box
    return (
        f"<GDAL_WMS>{service}<DataWindow><UpperLeftX>{west!r}</UpperLeftX><UpperLeftY>{north!r}</UpperLeftY>"
        f"<LowerRightX>{east!r}</LowerRightX><LowerRightY>{south!r}</LowerRightY>{more}</DataWindow>"
        f"<Projection>{projection}</Projection>{blocks}<BandsCount>4</BandsCount><Timeout>20</Timeout></GDAL_WMS>"
    )


@pytest.mark.program("gdalinfo")
@pytest.mark.parametrize(
    ("version", "crs", "order"),
    [
        ("1.1.1", "EPSG:4326", "xyXY"),
        ("1.3.0", "EPSG:4326", "yxYX"),
        ("1.3.0", "CRS:84", "xyXY"),
        ("1.1.1", "EPSG:3857", "xyXY"),
        ("1.3.0", "EPSG:3857", "xyXY"),
    ],
)
@pytest.mark.parametrize("name", ["one-cell", "date-line"])
def test_gdal_draws_a_layer(url: str, tmp_path: Path, name: str, version: str, crs: str, order: str) -> None:
    is_web = crs == "EPSG:3857"
    box, size = (WEB_BOX, (720, 720)) if is_web else (GLOBE, (720, 360))
    key = "CRS" if version == "1.3.0" else "SRS"
    service = (
        f'<Service name="WMS"><Version>{version}</Version>'
        f"<ServerUrl>{url}/datasets/{name}/wms?COLORSCALERANGE=0,1&amp;</ServerUrl><{key}>{crs}</{key}>"
        "<ImageFormat>image/png</ImageFormat><Transparent>TRUE</Transparent><Layers>v</Layers><Styles>viridis</Styles>"
        f"<BBoxOrder>{order}</BBoxOrder></Service>"
    )
    more = f"<SizeX>{size[0]}</SizeX><SizeY>{size[1]}</SizeY>"
    picture = by_gdal(document(service, box, "EPSG:3857" if is_web else "EPSG:4326", more), tmp_path, size, box)
    assert wrong(Seen(picture, box, box[2] - box[0], is_web), CASES[name]) == []


@pytest.mark.program("gdalinfo")
@pytest.mark.parametrize("name", ["one-cell", "date-line"])
def test_gdal_draws_tiles(url: str, tmp_path: Path, name: str) -> None:
    service = (
        f'<Service name="TMS"><ServerUrl>{url}/datasets/{name}/tiles/v/${{z}}/${{x}}/${{y}}.png?vmin=0&amp;vmax=1'
        "</ServerUrl></Service>"
    )
    more = "<TileLevel>3</TileLevel><TileCountX>1</TileCountX><TileCountY>1</TileCountY><YOrigin>top</YOrigin>"
    blocks = "<BlockSizeX>256</BlockSizeX><BlockSizeY>256</BlockSizeY>"
    picture = by_gdal(document(service, WEB_BOX, "EPSG:3857", more, blocks), tmp_path, (2048, 2048), WEB_BOX)
    assert wrong(Seen(picture, WEB_BOX, 2 * WORLD, is_web=True), CASES[name]) == []
