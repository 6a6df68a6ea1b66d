"""OWSLib: the whole interface of its OGC API client."""

import json

import owslib
from owslib.ogcapi.features import Features

from service import WORK, Report, service, store

TRUTH = json.loads((WORK / "truth.json").read_text())
CRS = "http://www.opengis.net/def/crs/EPSG/0/"


def main():
    """Compares."""
    report = Report("OWSLib")
    print("OWSLib", owslib.__version__)
    with service(store()) as (_, base):
        client = Features(base + "/")
        report.compare("API definition", client.api()["openapi"], "3.0.3")
        report.compare("conformance", "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core"
                       in client.conformance()["conformsTo"], True)
        report.compare("collections", {"cells", "nothing"} <= set(client.feature_collections()), True)
        report.compare("collection", client.collection("cells")["id"], "cells")
        report.compare("queryables", {"count", "density_per_km2"}
                       <= set(client.collection_queryables("cells")["properties"]), True)

        def read(case, **options):
            page = client.collection_items(TRUTH[case]["collection"], limit=10_000, **options)
            found = {f["id"]: f["geometry"]["coordinates"] for f in page["features"]}
            report.compare(f"{case}, numberMatched", page["numberMatched"], len(found))
            undecided = set(TRUTH[case].get("undecided", []))
            report.compare(f"{case}, ids", set(found) - undecided, set(TRUTH[case]["ids"]) - undecided)
            return found

        ask = {name: case["request"] for name, case in TRUTH.items()}
        found = read("full")
        truth = dict(zip(TRUTH["full"]["ids"], TRUTH["full"]["coordinates"]))
        report.compare("full, coordinates", found, truth)
        read("bbox", bbox=ask["bbox"]["bbox"])
        read("datetime", datetime_=ask["datetime"]["datetime"])
        read("cql2", filter=ask["cql2"]["filter"])
        read("attribute", count=2)
        read("empty")
        read("bbox27700", bbox=ask["bbox27700"]["bbox27700"], **{"bbox-crs": CRS + "27700"})
        first = TRUTH["full"]["ids"][0]
        report.compare("item", client.collection_item("cells", first)["id"], first)
        report.end()


if __name__ == "__main__":
    main()
