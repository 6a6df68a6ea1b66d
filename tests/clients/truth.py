"""What every client must see: ids and coordinates, made without the service.

The features come from `isopleth analyse`; which of them a box, a time or a condition selects is
decided here by shapely and plain Python. Coordinates in EPSG:3857 are those of the spherical
formula. Those in EPSG:27700 are pyproj's without the grid shift file, good to 3 m: the exact
transformation is held to the Ordnance Survey's points by the Rust tests.
"""

import json
import sys

import pyproj
import shapely
from shapely.geometry import box, shape

from service import LAYERS, ROOT, WORK, isopleth, store

BOX = [-0.02, 51.52, 0.05, 51.56]


def layer(name):
    """The features of a layer, as the command line writes them."""
    path = WORK / f"{name}.json"
    if name not in LAYERS:
        path = ROOT / "fixtures/requests" / f"{name}.json"
    return json.loads(isopleth("analyse", "--store", store(), path))["features"]


def days(feature):
    """First and last day of a feature."""
    p = feature["properties"]
    return p.get("first_day") or p["period_from"], p.get("last_day") or p["period_to"]


def case(collection, features, keep=lambda f: True, coordinates=None, **request):
    """A case: what is asked, and what must come back."""
    kept = [f for f in features if keep(f)]
    coordinates = coordinates or (lambda f: f["geometry"]["coordinates"])
    return {
        "collection": collection,
        "request": request,
        "ids": [f["id"] for f in kept],
        "properties": [f["properties"] for f in kept],
        "coordinates": [coordinates(f) for f in kept],
    }


def projected(epsg):
    """The coordinates of a feature in another reference system."""
    to = pyproj.Transformer.from_crs("OGC:CRS84", f"EPSG:{epsg}", always_xy=True)
    return lambda f: shapely.geometry.mapping(shapely.transform(
        shape(f["geometry"]), lambda xy: to.transform(*xy.T), interleaved=True))["coordinates"]


def main():
    """Writes the cases."""
    cells, repeats = layer("cells"), layer("repeat-locations")
    if not 2_000 < len(cells) <= 3_000:
        sys.exit(f"{len(cells)} cells: the paging test needs three pages of 1,000")
    extent = shapely.GeometryCollection([shape(f["geometry"]) for f in cells]).bounds
    middle = [(extent[0] + extent[2]) / 2, (extent[1] + extent[3]) / 2]
    quarter = [middle[0], middle[1], extent[2], extent[3]]
    inside = lambda b: lambda f: shape(f["geometry"]).intersects(box(*b))
    # A box of the grid, through its outline made dense, back in degrees.
    back = pyproj.Transformer.from_crs("EPSG:27700", "OGC:CRS84", always_xy=True)
    out = pyproj.Transformer.from_crs("OGC:CRS84", "EPSG:27700", always_xy=True)
    e, n = (round(v, -3) for v in out.transform(*middle))
    # Half a cell from the edges of cells, so that the 3 m of the transformation decide nothing.
    grid = [e, n, e + 1500, n + 1500]
    outline = shapely.transform(shapely.segmentize(box(*grid), 10),
                                lambda xy: back.transform(*xy.T), interleaved=True)
    near = [f["id"] for f in cells
            if abs(shapely.distance(shape(f["geometry"]).boundary, outline.boundary)) < 4e-5
            and not shape(f["geometry"]).intersects(outline.boundary)]
    when = "2024-03-01"
    cases = {
        "full": case("cells", cells),
        "bbox": case("cells", cells, inside(quarter), bbox=quarter),
        "bbox27700": case("cells", cells, lambda f: shape(f["geometry"]).intersects(outline), bbox27700=grid),
        "crs27700": case("cells", cells, coordinates=projected(27700), crs="EPSG:27700"),
        "crs3857": case("cells", cells, coordinates=projected(3857), crs="EPSG:3857"),
        "datetime": case("repeat-locations", repeats, lambda f: days(f)[0] <= when <= days(f)[1], datetime=when),
        "attribute": case("cells", cells, lambda f: f["properties"]["count"] == 2, attribute=["count", 2]),
        "cql2": case("cells", cells,
                     lambda f: f["properties"]["count"] >= 1 and f["properties"]["density_per_km2"] > 5.0,
                     filter="count >= 1 AND density_per_km2 > 5.0"),
        "empty": case("nothing", layer("nothing")),
    }
    # Cells so near the edge of the box that three metres decide may come or not.
    cases["bbox27700"]["undecided"] = near
    for name, one in cases.items():
        print(f"truth: {name}: {len(one['ids']):,} features")
    if not cases["cql2"]["ids"] or not cases["attribute"]["ids"] or not cases["datetime"]["ids"]:
        sys.exit("a case selects nothing: it would not show anything")
    (WORK / "truth.json").write_text(json.dumps(cases))


if __name__ == "__main__":
    main()
