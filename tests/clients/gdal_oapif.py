"""GDAL's OAPIF driver: 3.6 by Debian's bindings, 3.12 by the wheel of pyogrio.

Compares ids and coordinates with the truth for every case that the version can ask for.
"""

import json
import sys

from service import WORK, Report, get_json, service, store

TRUTH = json.loads((WORK / "truth.json").read_text())


def rounded(coordinates, digits):
    """Coordinates as text, rounded, so that sets of them can be compared."""
    if isinstance(coordinates, (int, float)):
        return round(coordinates, digits)
    return tuple(rounded(c, digits) for c in coordinates)


def far(a, b):
    """The largest difference between two nested lists of numbers."""
    if isinstance(a, (int, float)):
        return abs(a - b)
    if len(a) != len(b):
        return float("inf")
    return max((far(x, y) for x, y in zip(a, b)), default=0.0)


def debian(report, base):
    """GDAL 3.6: no reference systems, no CQL2 but the draft's name."""
    from osgeo import gdal, ogr

    gdal.UseExceptions()
    print(report.client, gdal.VersionInfo("RELEASE_NAME"))

    def read(collection, bbox=None, where=None, options=()):
        source = gdal.OpenEx(f"OAPIF:{base}/", open_options=list(options))
        layer = source.GetLayerByName(collection)
        if bbox:
            layer.SetSpatialFilterRect(*bbox)
        if where:
            layer.SetAttributeFilter(where)
        return {f.GetField("id"): json.loads(f.GetGeometryRef().ExportToJson(["COORDINATE_PRECISION=9"]))["coordinates"]
                for f in layer}

    check(report, "full", read("cells"))
    check(report, "bbox", read("cells", bbox=[TRUTH["bbox"]["request"]["bbox"][i] for i in (0, 1, 2, 3)]))
    check(report, "attribute", read("cells", where="count = 2"))
    check(report, "cql2", read("cells", where=TRUTH["cql2"]["request"]["filter"]))
    check(report, "empty", read("nothing"))


def wheel(report, base):
    """GDAL 3.12, with reference systems and the filter pushed to the server."""
    import pyogrio
    import shapely

    print(report.client, pyogrio.__gdal_version_string__)

    def read(collection, **options):
        meta, _, geometry, fields = pyogrio.raw.read(f"OAPIF:{base}/", layer=collection, **options)
        if geometry is None or len(geometry) == 0:
            return {}
        names = list(meta["fields"])
        ids = fields[names.index("id")]
        shapes = shapely.from_wkb(geometry)
        return {i: shapely.geometry.mapping(g)["coordinates"] for i, g in zip(ids, shapes)}

    def exact(crs=None, **k):
        return read("cells", **({"CRS": crs} if crs else {"CRS": "OGC:CRS84"}), **k)

    check(report, "full", exact())
    check(report, "bbox", exact(bbox=tuple(TRUTH["bbox"]["request"]["bbox"])))
    check(report, "bbox27700", exact("EPSG:27700", bbox=tuple(TRUTH["bbox27700"]["request"]["bbox27700"])), None)
    check(report, "crs27700", exact("EPSG:27700"), 3.0)
    check(report, "crs3857", exact("EPSG:3857"), 0.02)
    check(report, "datetime", read("repeat-locations", CRS="OGC:CRS84", DATETIME=TRUTH["datetime"]["request"]["datetime"]))
    check(report, "attribute", exact(where="count = 2"))
    check(report, "cql2", exact(where=TRUTH["cql2"]["request"]["filter"]))
    check(report, "empty", read("nothing"))


def check(report, name, got, tolerance=1e-7):
    """Compares what a client read with a case; without a tolerance by ids alone."""
    truth = TRUTH[name]
    undecided = set(truth.get("undecided", []))
    report.compare(f"{name}, ids", set(got) - undecided, set(truth["ids"]) - undecided)
    if tolerance is None:
        return
    worst = max((far(got[i], c) for i, c in zip(truth["ids"], truth["coordinates"]) if i in got), default=0.0)
    report.compare(f"{name}, coordinates within {tolerance} (worst {worst:.2g})", worst <= tolerance, True)


def main():
    """Runs the version that this Python has."""
    client = {"3.6": debian, "3.12": wheel}[sys.argv[1]]
    report = Report(f"GDAL {sys.argv[1]}")
    with service(store()) as (_, base):
        get_json(f"{base}/collections")
        client(report, base)
        report.end()


if __name__ == "__main__":
    main()
