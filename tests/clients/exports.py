"""Every file of every collection of a running service, read back by independent readers.

usage: exports.py URL

Reads with whichever of these the interpreter has: osgeo (GDAL), pyogrio with geopandas, pyarrow,
geoparquet-validator, geojson-validator; says plainly what it skips. Compares ids, values with their
types and nulls, and coordinates, bit for bit, with the features of the service's own pages.
Exits with 1 at the first difference.
"""

import http.client
import http.server
import importlib.util
import json
import math
import multiprocessing
import os
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

URL = sys.argv[1].rstrip("/")
FORMATS = ["geojson", "geojsonl", "fgb", "csv", "parquet", "kml", "gpkg"]
GUARDED = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def have(module):
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def get_json(url):
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def leaves(coordinates):
    """Lists of positions, whatever they are nested in."""
    if coordinates and isinstance(coordinates[0], (int, float)):
        return [[tuple(float(v) for v in coordinates)]]
    if coordinates and isinstance(coordinates[0][0], (int, float)):
        return [[tuple(float(v) for v in c) for c in coordinates]]
    return [leaf for part in coordinates for leaf in leaves(part)]


def truth(collection):
    """Features by id, from the pages of the service."""
    found, url = {}, f"{URL}/collections/{collection}/items?limit=1000"
    while url:
        page = get_json(url)
        for f in page["features"]:
            shape = leaves(f["geometry"]["coordinates"]) if f["geometry"] else None
            found[f["id"]] = (f["properties"], shape)
        url = next((l["href"] for l in page["links"] if l["rel"] == "next"), None)
    return found


def compare(what, expected, found, columns):
    if set(found) != set(expected):
        missing = sorted(set(expected) ^ set(found))[:5]
        sys.exit(f"{what}: other ids than the service's: {missing}")
    for id, (values, shape) in expected.items():
        read, at = found[id]
        if at != shape:
            sys.exit(f"{what}: {id}: other coordinates\n{str(at)[:300]}\n{str(shape)[:300]}")
        for c in columns:
            name, value = c["name"], values[c["name"]]
            if read.get(name) != value or isinstance(read.get(name), bool) != isinstance(value, bool):
                sys.exit(f"{what}: {id}: {name} is {read.get(name)!r}, not {value!r}")
    print(f"{what}: {len(found)} features, {len(columns)} columns: equal")


def typed(format, column, value):
    """A value as a reader without types or nulls gives it, as the column has it."""
    kind = column["kind"]
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if format in ("csv", "kml") and value == "":
        return None
    if kind == "boolean":
        return value in (True, 1, "1", "true")
    if kind == "integer":
        return int(value)
    if kind == "real":
        return float(value)
    if kind == "date":
        return str(value).replace("/", "-")[:10]
    if format == "csv" and value.startswith("'") and value[1:].startswith(GUARDED):
        return value[1:]
    return value


def unguarded(format, id):
    guarded = format == "csv" and id.startswith("'") and id[1:].startswith(GUARDED)
    return id[1:] if guarded else id


def free(columns, wanted):
    while any(c["name"].lower() == wanted.lower() for c in columns):
        wanted += "_"
    return wanted


def with_gdal(path, format, columns):
    from osgeo import gdal, ogr

    gdal.UseExceptions()
    options = []
    if format == "csv":
        options = ["AUTODETECT_TYPE=NO", "GEOM_POSSIBLE_NAMES=outline_wkt",
                   "X_POSSIBLE_NAMES=longitude", "Y_POSSIBLE_NAMES=latitude"]
    driver = {"kml": ["LIBKML"], "geojsonl": ["GeoJSONSeq"]}.get(format, [])
    source = gdal.OpenEx(path, gdal.OF_VECTOR, open_options=options, allowed_drivers=driver)
    layer = source.GetLayer(0)
    definition = layer.GetLayerDefn()
    names = [definition.GetFieldDefn(i).GetName() for i in range(definition.GetFieldCount())]
    id_name = free(columns, "id")
    if format == "gpkg" and "id" in [c["name"].lower() for c in columns]:
        id_name = "id"

    def shape(g):
        if g is None or g.IsEmpty():
            return None
        if g.GetGeometryCount():
            parts = [shape(g.GetGeometryRef(i)) for i in range(g.GetGeometryCount())]
            return [leaf for part in parts for leaf in part]
        return [[(g.GetX(i), g.GetY(i)) for i in range(g.GetPointCount())]]

    found, kinds = {}, {c["name"]: c for c in columns}
    for f in layer:
        values = {}
        for i, name in enumerate(names):
            # LIBKML takes a column `name` for the name of the placemark.
            name = "name" if format == "kml" and name == "Name" else name
            if name in kinds:
                value = f.GetField(i) if f.IsFieldSetAndNotNull(i) else None
                # GDAL takes texts for times where all of a column look like them.
                if value and definition.GetFieldDefn(i).GetType() == ogr.OFTDateTime:
                    value = value.replace("/", "-").replace(" ", "T")[:16]
                values[name] = typed(format, kinds[name], value)
        id = f.GetField(names.index(id_name))
        found[unguarded(format, id)] = (values, shape(f.GetGeometryRef()))
    if format in ("fgb", "gpkg"):
        expected = {"boolean": (ogr.OFTInteger, ogr.OFSTBoolean), "integer": (ogr.OFTInteger64, 0),
                    "real": (ogr.OFTReal, 0), "text": (ogr.OFTString, 0)}
        for c in columns:
            field = definition.GetFieldDefn(names.index(c["name"]))
            if c["kind"] in expected and (field.GetType(), field.GetSubType()) != expected[c["kind"]]:
                sys.exit(f"{path}: {c['name']} has type {field.GetTypeName()}")
    return found


def with_pyogrio(source, format, columns, **options):
    import pyogrio
    import shapely

    table = pyogrio.read_dataframe(source, **options)
    return from_table(table, format, columns, shapely)


def with_geopandas(path, columns):
    import geopandas
    import shapely

    return from_table(geopandas.read_parquet(path), "parquet", columns, shapely)


def from_table(table, format, columns, shapely):
    def shape(g):
        if g is None or g.is_empty:
            return None
        return leaves(shapely.geometry.mapping(g)["coordinates"])

    found, id = {}, free(columns, "id")
    for at in range(len(table)):
        row = table.iloc[at]
        values = {}
        for c in columns:
            value = row.get(c["name"])
            missing = value is None or value != value or str(value) in ("<NA>", "NaT")
            # pandas has no column of whole numbers with gaps: it makes decimals of them.
            value = None if missing else value.item() if hasattr(value, "item") else value
            values[c["name"]] = typed(format, c, value)
        found[row[id]] = (values, shape(row[table.geometry.name]))
    return found


# A process of its own does the counting: readers may hold this one's lock while they wait for it.
FORK = multiprocessing.get_context("fork")
READ = FORK.Value("q", 0)


class Counting(http.server.BaseHTTPRequestHandler):
    """Passes requests on to the service and counts the bytes of the answers."""

    def pass_on(self):
        upstream = http.client.HTTPConnection(urllib.parse.urlparse(URL).netloc)
        headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
        upstream.request(self.command, self.path, headers=headers)
        answer = upstream.getresponse()
        body = answer.read()
        with READ.get_lock():
            READ.value += len(body)
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_HEAD = pass_on

    def log_message(self, *_):
        pass


def over_http(collection, run, expected, columns):
    """FlatGeobuf is read over HTTP, and for a box only in part."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    counting = FORK.Process(target=server.serve_forever, daemon=True)
    counting.start()
    url = f"http://127.0.0.1:{server.server_port}/collections/{collection}/files/{run}.fgb"
    compare(f"{collection} fgb over HTTP", expected, with_pyogrio(url, "fgb", columns), columns)
    placed = {i: s for i, (_, s) in expected.items() if s}
    if placed:
        x, y = next(iter(placed.values()))[0][0]
        box = (x - 1e-4, y - 1e-4, x + 1e-4, y + 1e-4)
        direct = urllib.request.Request(url, method="HEAD")
        with urllib.request.urlopen(direct) as head:
            length = int(head.headers["Content-Length"])
        url += "?datetime=../.."  # another address, so that nothing of it has been read before
        READ.value = 0
        found = with_pyogrio(url, "fgb", columns, bbox=box)
        if not found or any(expected[i][1] != s for i, (_, s) in found.items()):
            sys.exit(f"{collection}: the box {box} finds {sorted(found)[:5]}")
        print(f"{collection} fgb box over HTTP: {len(found)} of {len(expected)} features, "
              f"{READ.value} of {length} bytes read")
        if length > 1_000_000 and READ.value > length // 2:
            sys.exit("a box reads more than half of the file")
    counting.terminate()
    counting.join()
    server.server_close()


def main():
    for module in ["osgeo", "pyogrio", "geopandas", "pyarrow", "geoparquet_validator", "geojson_validator"]:
        if not have(module):
            print(f"skipped: this Python has no {module}")
    compared = 0
    with tempfile.TemporaryDirectory() as folder:
        for listed in get_json(f"{URL}/collections")["collections"]:
            id = listed["id"]
            document = get_json(f"{URL}/collections/{urllib.parse.quote(id)}")
            columns, run, expected = document["columns"], document["run"], truth(id)
            for format in FORMATS:
                path = os.path.join(folder, f"{id}.{format}")
                url = f"{URL}/collections/{urllib.parse.quote(id)}/files/latest.{format}"
                urllib.request.urlretrieve(url, path)
                # A sequence of no texts is an empty file, in which GDAL cannot tell what it is.
                if format == "geojsonl" and not expected:
                    if os.path.getsize(path):
                        sys.exit(f"{id} {format}: not empty")
                elif have("osgeo") and format != "parquet":
                    compare(f"{id} {format} by GDAL", expected, with_gdal(path, format, columns), columns)
                    compared += 1
                if format == "gpkg" and have("osgeo_utils"):
                    check = [sys.executable, "-m", "osgeo_utils.samples.validate_gpkg", path]
                    subprocess.run(check, check=True)
                    print(f"{id} gpkg: valid by validate_gpkg")
                if format == "parquet" and have("pyarrow") and have("geopandas"):
                    compare(f"{id} parquet by geopandas", expected, with_geopandas(path, columns), columns)
                    compared += 1
                if format == "parquet" and have("geoparquet_validator"):
                    tool = os.path.join(os.path.dirname(sys.executable), "geoparquet-validator")
                    check = subprocess.run([tool, "check", path], capture_output=True, text=True)
                    if check.returncode:
                        sys.exit(f"{id} parquet: {check.stdout}{check.stderr}")
                    print(f"{id} parquet: valid by geoparquet-validator")
                if format == "geojson" and have("geojson_validator"):
                    import geojson_validator

                    faults = geojson_validator.validate_structure(json.load(open(path)))
                    if faults:
                        sys.exit(f"{id} geojson: {faults}")
                    print(f"{id} geojson: valid by geojson-validator")
                if format == "fgb" and have("pyogrio"):
                    compare(f"{id} fgb by pyogrio", expected, with_pyogrio(path, format, columns), columns)
                    over_http(id, run, expected, columns)
                    compared += 2
    if not compared:
        sys.exit("nothing was compared: no reader is installed")
    print(f"{compared} comparisons")


main()
