"""QGIS, headless: opens layers as a person would, counts requests, compares with the truth.

Run by Debian's Python, which has QGIS's bindings.
"""

import json
import os
import re

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from qgis.core import (  # noqa: E402
    Qgis,
    QgsApplication,
    QgsFeatureRequest,
    QgsRectangle,
    QgsVectorLayer,
)

from service import WORK, Report, service, store  # noqa: E402

TRUTH = json.loads((WORK / "truth.json").read_text())


def key(properties, coordinates):
    """What tells a feature: QGIS does not show ids that are text."""
    corner = coordinates
    while isinstance(corner[0], (list, tuple)):
        corner = corner[0]
    return (properties["count"], round(corner[0], 7), round(corner[1], 7))


def expected(name):
    """The keys of a case."""
    truth = TRUTH[name]
    return sorted(key(p, c) for p, c in zip(truth["properties"], truth["coordinates"]))


def opened(base, collection, subset=None):
    """A layer as the dialog makes it."""
    uri = f" pagingEnabled='true' typename='{collection}' url='{base}' version='OGC_API_FEATURES'"
    layer = QgsVectorLayer(uri, collection, "OAPIF")
    if subset:
        layer.setSubsetString(subset)
    return layer


def read(layer, request=None):
    """The keys of what a layer gives."""
    found = []
    for feature in layer.getFeatures(request or QgsFeatureRequest()):
        properties = dict(zip((f.name() for f in layer.fields()), feature.attributes()))
        found.append(key(properties, json.loads(feature.geometry().asJson(9))["coordinates"]))
    return sorted(found)


def main():
    """Compares."""
    report = Report("QGIS")
    application = QgsApplication([], False)
    application.initQgis()
    print("QGIS", Qgis.QGIS_VERSION)
    path = store()
    log = WORK / "serve.log"
    with service(path, "--log-json") as (_, base):
        before = log.stat().st_size
        layer = opened(base, "cells")
        report.compare("valid", layer.isValid(), True)
        report.compare("full", read(layer), expected("full"))
        with open(log) as text:
            text.seek(before)
            requests = [line for line in text if re.search(r'"path":"/', line)]
        report.compare(f"requests to open and read {len(TRUTH['full']['ids']):,} features "
                       f"({len(requests)}), at most 7", len(requests) <= 7, True)
        report.compare("reference system", layer.crs().authid(), "OGC:CRS84")
        box = QgsRectangle(*TRUTH["bbox"]["request"]["bbox"])
        request = QgsFeatureRequest().setFilterRect(box).setFlags(QgsFeatureRequest.ExactIntersect)
        report.compare("bbox", read(opened(base, "cells"), request), expected("bbox"))
        report.compare("attribute", read(opened(base, "cells", "count = 2")), expected("attribute"))
        report.compare("cql2", read(opened(base, "cells", TRUTH["cql2"]["request"]["filter"])), expected("cql2"))
        repeats = opened(base, "repeat-locations")
        report.compare("datetime layer", repeats.featureCount() > 0, True)
        empty = opened(base, "nothing")
        report.compare("empty", [empty.isValid(), len(list(empty.getFeatures()))], [True, 0])
        report.end()


if __name__ == "__main__":
    main()
