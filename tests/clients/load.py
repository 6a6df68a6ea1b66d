"""CPU per request beside pygeoapi and tipg, on the same data, in one run.

Each server answers the same requests of `wrk` from another process; what is compared is the CPU
time that the server's processes (and tipg's database) used per request, from /proc. Wall times of
a shared machine say little and are not compared.

    python load.py OUR_STORE [--peers PYGEOAPI_VENV TIPG_VENV] [--seconds S]

The collections are `cells` (2,700 polygons) and all sites of more than 100,000 points.
"""

import argparse
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from service import WORK, get, get_json, service

TICK = os.sysconf("SC_CLK_TCK")


def family(pid):
    """A process and all that descend from it."""
    found, children = [pid], {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = entry.read_text().rsplit(")", 1)[1].split()
            children.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    for one in found:
        found += children.get(one, [])
    return found


def cpu(pids):
    """CPU seconds of processes and of what they have waited for."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += sum(int(f) for f in fields[11:15])
    return total / TICK


def memory(pid, field="VmRSS"):
    """Memory of a process in MB."""
    return int(re.search(rf"{field}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def per_request(roots, url, seconds, headers=()):
    """CPU milliseconds per request; the median of three runs."""
    results = []
    for _ in range(3):
        before = cpu([p for r in roots for p in family(r)])
        command = ["wrk", "-t1", "-c4", f"-d{seconds}s", *[x for h in headers for x in ("-H", h)], url]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        after = cpu([p for r in roots for p in family(r)])
        requests = int(re.search(r"(\d+) requests in", text)[1])
        wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
        if wrong and int(wrong[1]):
            sys.exit(f"{url}: {wrong[0]}")
        results.append((after - before) / requests * 1000)
    return sorted(results)[1]


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ready(url, seconds=60):
    """Waits until an address answers."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(url):
                return
        time.sleep(0.3)
    sys.exit(f"{url} does not answer")


@contextlib.contextmanager
def pygeoapi(venv, geojson):
    """pygeoapi with its GeoJSON provider, as it is installed, with one worker."""
    port = free_port()
    config = WORK / "pygeoapi.yml"
    config.write_text(json.dumps({
        "server": {"bind": {"host": "127.0.0.1", "port": port}, "url": f"http://127.0.0.1:{port}",
                   "mimetype": "application/json", "encoding": "utf-8", "language": "en-GB",
                   "limits": {"default_items": 10, "max_items": 10000},
                   "map": {"url": "https://localhost/{z}/{x}/{y}", "attribution": "none"}},
        "logging": {"level": "ERROR"},
        "metadata": {"identification": {"title": "t", "description": "d", "keywords": ["k"], "keywords_type": "theme",
                                        "terms_of_service": "none", "url": "http://localhost"},
                     "license": {"name": "none", "url": "http://localhost"},
                     "provider": {"name": "none", "url": "http://localhost"},
                     "contact": {"name": "none", "email": "a@b.c", "url": "http://localhost"}},
        "resources": {"cells": {
            "type": "collection", "title": "cells", "description": "d", "keywords": ["k"],
            "links": [{"type": "text/html", "rel": "canonical", "title": "t", "href": "http://localhost"}],
            "extents": {"spatial": {"bbox": [-180, -90, 180, 90], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}},
            "providers": [{"type": "feature", "name": "GeoJSON", "data": str(geojson), "id_field": "id"}]}},
    }))
    openapi = WORK / "pygeoapi-openapi.yml"
    environment = {**os.environ, "PYGEOAPI_CONFIG": str(config), "PYGEOAPI_OPENAPI": str(openapi)}
    subprocess.run([f"{venv}/bin/pygeoapi", "openapi", "generate", str(config), "--output-file", str(openapi)],
                   env=environment, check=True, capture_output=True)
    process = subprocess.Popen([f"{venv}/bin/gunicorn", "-w", "1", "-b", f"127.0.0.1:{port}", "pygeoapi.flask_app:APP"],
                               env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        ready(f"http://127.0.0.1:{port}/collections/cells?f=json")
        yield [process.pid], f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def tipg(venv, geojson):
    """tipg over a PostgreSQL of its own with PostGIS, one worker."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    folder, port, http = WORK / "postgres", free_port(), free_port()
    subprocess.run(["rm", "-rf", str(folder)], check=True)
    folder.mkdir(parents=True)
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
    if as_user:
        subprocess.run(["chown", "postgres", str(folder)], check=True)
        for parent in folder.parents:
            if parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o011)
    subprocess.run([*as_user, binaries / "initdb", "-A", "trust", "-D", folder / "data"], check=True, capture_output=True)
    log = open(WORK / "postgres.log", "wb")
    postgres = subprocess.Popen([*as_user, binaries / "postgres", "-D", folder / "data", "-p", str(port), "-k", str(folder)],
                                stdout=log, stderr=log)
    try:
        dsn = f"host=127.0.0.1 port={port} user=postgres dbname=postgres"
        for _ in range(100):
            if subprocess.run(["psql", dsn, "-c", "select 1"], capture_output=True).returncode == 0:
                break
            time.sleep(0.2)
        subprocess.run(["psql", dsn, "-c", "create extension postgis"], check=True, capture_output=True)
        subprocess.run(["ogr2ogr", "-f", "PostgreSQL", f"PG:{dsn}", str(geojson), "-nln", "cells", "-lco", "FID=ogc_fid",
                        "-nlt", "POLYGON"], check=True, capture_output=True)
        subprocess.run(["psql", dsn, "-c", "analyze cells"], check=True, capture_output=True)
        environment = {**os.environ, "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{port}/postgres"}
        server = subprocess.Popen([f"{venv}/bin/uvicorn", "tipg.main:app", "--port", str(http), "--log-level", "error"],
                                  env=environment, stdout=log, stderr=log)
        try:
            ready(f"http://127.0.0.1:{http}/collections/public.cells")
            yield [server.pid, postgres.pid], f"http://127.0.0.1:{http}"
        finally:
            server.terminate()
            server.wait()
    finally:
        postgres.send_signal(signal.SIGINT)
        postgres.wait()
        log.close()


def download(store, collection):
    """Reads a collection to its end as GeoJSON, by one page and as a file, and tells what that adds."""
    for path in (f"items?limit={10**7}", "files/latest.geojson"):
        with service(store, "--max-limit", str(10**7)) as (process, base):
            get(f"{base}/collections/{collection}/items?limit=1")
            Path(f"/proc/{process.pid}/clear_refs").write_text("5")  # the peak begins anew
            before, length = memory(process.pid), 0
            with urllib.request.urlopen(f"{base}/collections/{collection}/{path}") as answer:
                while part := answer.read(1 << 20):
                    length += len(part)
            peak = memory(process.pid, "VmHWM")
        print(f"{collection}/{path}: {length / 1e6:.0f} MB read; memory {before:.0f} MB before, {peak:.0f} MB at its peak")


def main():
    """Prints the table."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("store")
    arguments.add_argument("--peers", nargs=2, metavar="VENV")
    arguments.add_argument("--seconds", type=int, default=5)
    given = arguments.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    figures = {}
    with service(given.store) as (process, base):
        features = get_json(f"{base}/collections/cells/items?limit=10000")
        x = sorted(f["geometry"]["coordinates"][0][0][0] for f in features["features"])
        y = sorted(f["geometry"]["coordinates"][0][0][1] for f in features["features"])
        n = len(x)
        box = f"{x[n // 2]},{y[n // 2]},{x[n // 2] + 0.02},{y[n // 2] + 0.01}"
        west, south, east, north = x[0], y[0], x[-1], y[-1]
        print(f"cells: {n:,} polygons; box {box}")
        run = features["run"]
        geojson = WORK / "load.geojson"
        for feature in features["features"]:
            feature["properties"]["id"] = feature["id"]
        geojson.write_text(json.dumps({"type": "FeatureCollection", "features": features["features"]}))
        z, tx, ty = tile_of(west, south, east, north)
        items = "/collections/{}/items?limit={}"
        asked = {
            "items limit=10": items.format("{c}", 10),
            "items limit=100": items.format("{c}", 100),
            "items limit=1000": items.format("{c}", 1000),
            "bbox, limit=100": items.format("{c}", 100) + f"&bbox={box}",
            "one feature": "/collections/{c}/items/{f}",
            "tile of all polygons": None,
        }
        tile = f"/tiles/cells/{z}/{tx}/{ty}.mvt"
        for name, path in asked.items():
            url = base + (path.format(c="cells", f=features["features"][0]["id"]) if path else tile)
            status, headers, body = get(url)
            figures[name] = {"isopleth": per_request([process.pid], url, given.seconds), "bytes": len(body)}
        url = f"{base}/collections/cells/items?limit=1000&run={run}"
        _, headers, _ = get(url)
        figures["304"] = {"isopleth": per_request([process.pid], url, given.seconds, [f"If-None-Match: {headers['ETag']}"])}
        figures["items limit=1000, gzip"] = {"isopleth": per_request(
            [process.pid], f"{base}/collections/cells/items?limit=1000", given.seconds, ["Accept-Encoding: gzip"])}
        points = [c["id"] for c in get_json(f"{base}/collections")["collections"] if c["id"].startswith("sites-") and c["features"] > 100_000]
        for collection in points:
            for name, path in (("items limit=1000", "items?limit=1000"), ("bbox, limit=100", f"items?limit=100&bbox={box}")):
                figures[f"{collection} {name}"] = {"isopleth": per_request(
                    [process.pid], f"{base}/collections/{collection}/{path}", given.seconds)}
        print(f"memory of the service after all this: {memory(process.pid):.0f} MB")
    # Nothing is kept, so that every request cuts its tile anew.
    with service(given.store, "--tile-cache-bytes", "0") as (process, base):
        get(base + tile)  # which waits until all is loaded
        figures["tile of all polygons, uncached"] = {"isopleth": per_request([process.pid], base + tile, given.seconds)}
    for collection in points:
        download(given.store, collection)
    if given.peers:
        for peer, start, collection in (("pygeoapi", pygeoapi, "cells"), ("tipg", tipg, "public.cells")):
            with start(given.peers[peer == "tipg"], geojson) as (roots, base):
                seen = get_json(f"{base}/collections/{collection}/items?limit=1&f={'json' if peer == 'pygeoapi' else 'geojson'}")
                for name, path in asked.items():
                    if path is None:
                        if peer != "tipg":
                            continue
                        url = f"{base}/collections/{collection}/tiles/WebMercatorQuad/{z}/{tx}/{ty}"
                    else:
                        url = base + path.format(c=collection, f=seen["features"][0]["id"])
                        url += ("&" if "?" in url else "?") + ("f=json" if peer == "pygeoapi" else "f=geojson")
                    figures[name][peer] = per_request(roots, url, given.seconds)
    print(f"{'CPU ms per request':34}{'isopleth':>10}{'pygeoapi':>10}{'tipg':>10}{'least ratio':>13}")
    for name, row in figures.items():
        peers = [row[p] for p in ("pygeoapi", "tipg") if p in row]
        ratio = f"{min(peers) / row['isopleth']:.0f}x" if peers else ""
        cells = [f"{row[p]:.3f}" if p in row else "" for p in ("isopleth", "pygeoapi", "tipg")]
        print(f"{name:34}{cells[0]:>10}{cells[1]:>10}{cells[2]:>10}{ratio:>13}")


def tile_of(west, south, east, north):
    """The smallest tile that holds a box: z, x, y."""
    import math

    def at(lon, lat, z):
        s = math.sin(math.radians(lat))
        y = 0.5 - math.log((1 + s) / (1 - s)) / (4 * math.pi)
        return int((lon + 180) / 360 * 2**z), int(y * 2**z)

    return next((z, *at(west, south, z)) for z in range(20, -1, -1) if at(west, south, z) == at(east, north, z))


if __name__ == "__main__":
    main()
