"""Loads every layer of a GeoPackage and every collection of a service in QGIS, headless.

usage: qgis_layers.py GPKG URL
Prints one line a layer: source, name, number of features read, geometry type. Fails on a layer that
QGIS finds invalid, or of which it reads another number than the provider counts.
"""

import json
import os
import sys
import urllib.request

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from osgeo import ogr  # noqa: E402
from qgis.core import QgsApplication, QgsVectorLayer, QgsWkbTypes  # noqa: E402


def check(kind, name, layer):
    if not layer.isValid():
        sys.exit(f"{kind} {name}: QGIS finds the layer invalid: {layer.error().message()}")
    features = list(layer.getFeatures())
    if layer.featureCount() not in (-1, len(features)):
        sys.exit(f"{kind} {name}: counts {layer.featureCount()}, reads {len(features)}")
    print(kind, name, len(features), QgsWkbTypes.displayString(layer.wkbType()))


def main():
    gpkg, url = sys.argv[1:3]
    app = QgsApplication([], False)
    app.initQgis()
    source = ogr.Open(gpkg)
    for name in [source.GetLayer(i).GetName() for i in range(source.GetLayerCount())]:
        if source.GetLayerByName(name).GetGeomType() != ogr.wkbNone:
            layer = QgsVectorLayer(f"{gpkg}|layername={name}", name, "ogr")
            check("gpkg", name, layer)
            del layer
    with urllib.request.urlopen(f"{url}/collections") as answer:
        collections = json.load(answer)["collections"]
    for collection in collections:
        name = collection["id"]
        uri = f" pagingEnabled='true' typename='{name}' url='{url}' version='OGC_API_FEATURES'"
        layer = QgsVectorLayer(uri, name, "OAPIF")
        check("oapif", name, layer)
        del layer
    sys.stdout.flush()
    # QGIS is known to crash while it tidies up, after all is done.
    os._exit(0)


main()
