"""A server that is killed between two pages, and data that change meanwhile.

The first page is read, new data and a new run arrive, the server is killed and started again on
the same port; following `next` must give the rest of the first run, and the address without a run
the new one.
"""

import json
import shutil

from service import WORK, Report, get_json, isopleth, service, store

TRUTH = json.loads((WORK / "truth.json").read_text())


def copy_of_store():
    """A copy that may be changed."""
    path = WORK / "restart.gpkg"
    for old in WORK.glob("restart.gpkg*"):
        old.unlink()
    shutil.copy(store(), path)
    return path


def main():
    """Compares."""
    report = Report("restart")
    path = copy_of_store()
    with service(path) as (process, base):
        page = get_json(f"{base}/collections/cells/items?limit=1000")
        port = base.rsplit(":", 1)[1]
        read = [f["id"] for f in page["features"]]
        request = json.loads((WORK / "cells.json").read_text())
        request["method"]["bandwidth_m"] = 500
        (WORK / "changed.json").write_text(json.dumps(request))
        process.kill()
        process.wait()
    isopleth("layer", "remove", "--store", path, "cells")
    isopleth("layer", "add", "--store", path, "cells", WORK / "changed.json")
    with service(path, port=port) as (process, base):
        now = get_json(f"{base}/collections/cells/items?limit=1")
        report.compare("a new run is published", now["run"] != page["run"], True)
        runs = set()
        while (following := [l["href"] for l in page["links"] if l["rel"] == "next"]):
            process.kill()
            process.wait()
            with service(path, port=port) as (process, base):
                page = get_json(following[0])
            runs.add(page["run"])
            read += [f["id"] for f in page["features"]]
        report.compare("pages after kills are of one run", len(runs), 1)
        report.compare("ids of all pages", read, TRUTH["full"]["ids"])
        report.end()


if __name__ == "__main__":
    main()
