"""Draws the pictures of docs/methods.md from real open data of Havering.

    python3 -m venv target/venv && target/venv/bin/pip install matplotlib==3.11.2 pillow==13.0.0
    cargo build -p isopleth
    target/venv/bin/python docs/pictures.py [--shared ../shared] [--isopleth target/debug/isopleth]
        [--store FOLDER/pictures.gpkg] [NAME ...]
    cargo run -p isopleth-tests --bin generate-docs

Reads the shared data into a store of its own (in a temporary folder, unless --store says where to
keep it), runs docs/requests/NAME.json, and writes docs/pictures/NAME.png with its line of
docs/pictures/captions.json. The data itself stays where it is; of stop and search the reader takes
day, place, object and outcome, and nothing about a person.
"""

import argparse
import io
import json
import math
import subprocess
import tempfile
import textwrap
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.collections import PolyCollection
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path as Outline
from PIL import Image

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
BOROUGH = "E09000016"
SOURCE = (
    "Contains public sector information licensed under the Open Government Licence v3.0 "
    "(data.police.uk, ONS, OS, GLA)"
)
# Read in grey and by colour-blind eyes alike: luminance rises along each ramp.
SEQUENTIAL, DIVERGING, CATEGORIES = "YlGnBu", "PuOr_r", ["#0072b2", "#e69f00", "#009e73", "#cc79a7"]
INK, FAINT, GROUND = "#222222", "#8a8a8a", "#f4f3ef"
KM_PER_DEGREE = 111.2
LIMIT_BYTES = 150_000


# ---------------------------------------------------------------------------------- the data

def call(isopleth, *words):
    done = subprocess.run([isopleth, *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"isopleth {' '.join(map(str, words))}\n{done.stderr}{done.stdout}")
    return done.stdout


def build_store(isopleth, store, data):
    call(isopleth, "ingest", "--store", store,
         "--mapping", ROOT / "examples/mappings/london-2022.toml", data / "london_crimes_2022.csv.gz")
    call(isopleth, "ingest", "--store", store,
         data / "police_uk_metropolitan_stop_and_search_2022-02_2023-01.zip")
    call(isopleth, "areas", "add", "--store", store, data / "areas/london_boroughs.geojson",
         "--kind", "borough", "--vintage", "2022", "--id-field", "gss_code", "--name-field", "name")
    call(isopleth, "areas", "add", "--store", store, data / "areas/london_wards_2018.geojson",
         "--kind", "ward", "--vintage", "2018", "--id-field", "GSS_CODE", "--name-field", "NAME")
    call(isopleth, "sites", "add", "--store", store, data / "sites/Pubs.csv", "--class", "pub")
    call(isopleth, "harm", "add", "--store", store,
         ROOT / "examples/harm/cchi-2026-subgroup-ranges.toml")


class Layer:
    """A result as it leaves: features, provenance, and the document that asked for it."""

    def __init__(self, name, path):
        self.name = name
        whole = json.loads(path.read_text())
        self.features = whole["features"]
        self.title, self.description = whole["title"], whole["description"]
        self.provenance = whole["provenance"]
        self.resolved = self.provenance["resolved"]
        self.method = self.provenance["request"]["method"]
        self.selected = self.provenance["records"]["selected"]
        self.enforcement = self.provenance["lens"] == "police_generated"

    def values(self, column):
        return [f["properties"][column] for f in self.features]


# ---------------------------------------------------------------------------------- drawing

class Map:
    """The borough with its wards on the left, and what is to be read on the right."""

    def __init__(self, layer, borough, wards):
        self.figure = plt.figure(figsize=(8, 6), dpi=100, facecolor="white")
        self.axes = self.figure.add_axes((0.01, 0.075, 0.60, 0.835))
        self.side = self.figure.add_axes((0.625, 0.075, 0.365, 0.835))
        self.side.axis("off")
        self.line = 1.0
        self.wards = wards
        west, south, east, north = bounds([borough])
        self.aspect = math.cos(math.radians((south + north) / 2))
        self.axes.set_aspect(1 / self.aspect)
        # Not the box: the borough stays where it is whatever the layer reaches.
        self.axes.set_xlim(west - 0.004, east + 0.004)
        self.axes.set_ylim(south - 0.003, north + 0.003)
        self.axes.axis("off")
        self.axes.add_patch(shape(borough, facecolor=GROUND, edgecolor="none", zorder=0))
        for ward in wards:
            self.axes.add_patch(
                shape(ward, facecolor="none", edgecolor="#9a9a9a", linewidth=0.5, zorder=4))
        self.axes.add_patch(
            shape(borough, facecolor="none", edgecolor=INK, linewidth=1.2, zorder=5))
        self.frame(layer)
        self.scale(west, south)

    def frame(self, layer):
        title = textwrap.wrap(layer.title, 84)
        self.figure.text(0.015, 0.985, "\n".join(title[:2]), size=11.5, weight="bold", va="top",
                         color=INK, linespacing=1.15)
        self.figure.text(0.015, 0.012, SOURCE, size=7, color="#555555", va="bottom")
        if layer.enforcement:
            self.figure.text(0.015, 0.036, "Enforcement activity: where police searched, "
                             "not where demand is", size=8.5, weight="bold", color="#8c2d04")

    def scale(self, west, south):
        length = 3 / (KM_PER_DEGREE * self.aspect)
        x, y = west + 0.006, south + 0.006
        self.axes.plot([x, x + length], [y, y], color=INK, linewidth=3, solid_capstyle="butt", zorder=9)
        self.axes.text(x + length / 2, y + 0.0015, "3 km", ha="center", va="bottom", size=8, zorder=9)

    def cells(self, features, colours):
        outlines, faces = [], []
        for feature, colour in zip(features, colours):
            if colour is not None:
                outlines.append(rings(feature["geometry"])[0])
                faces.append(colour)
        self.axes.add_collection(
            PolyCollection(outlines, facecolors=faces, edgecolors=faces, linewidths=0.3, zorder=2))

    def polygons(self, features, colours, alpha=0.9):
        for feature, colour in zip(features, colours):
            self.axes.add_patch(shape(feature["geometry"], facecolor=colour, edgecolor=INK,
                                      linewidth=0.8, alpha=alpha, zorder=3))

    def label(self, features, column="rank"):
        """Numbers beside the places, moved apart where they would lie on each other."""
        taken = []
        for feature in features:
            x0, y0, x1, y1 = bounds([feature["geometry"]])
            x, y = (x0 + x1) / 2, (y0 + y1) / 2
            px, py = self.axes.transData.transform((x, y))
            reach = (self.axes.transData.transform((x1, y1)) -
                     self.axes.transData.transform((x0, y0))).max() / 2
            inside = reach > 14
            ring = [(px, py)] if inside else []
            for step in range(1, 7):
                ring += [(px + (reach + 10 * step) * math.cos(a), py + (reach + 10 * step) * math.sin(a))
                         for a in (k * math.pi / 6 for k in range(12))]
            spot = next((s for s in ring if all(math.dist(s, t) > 15 for t in taken)), ring[0])
            taken += [spot] + ([] if inside else [(px, py)])
            self.axes.annotate(
                str(feature["properties"][column]), (x, y), xycoords="data", textcoords="offset points",
                xytext=((spot[0] - px) * 0.72, (spot[1] - py) * 0.72), ha="center", va="center", size=8,
                weight="bold", color=INK, zorder=8,
                arrowprops=None if inside else {"arrowstyle": "-", "color": INK, "linewidth": 0.6},
                bbox={"boxstyle": "circle,pad=0.12", "facecolor": "white", "edgecolor": INK,
                      "linewidth": 0.5})

    def zoom(self, box, at):
        """A second map of the ground in `box`, to be drawn on like the first; returns the first."""
        west, south, east, north = box
        first = self.axes
        first.add_patch(plt.Rectangle((west, south), east - west, north - south, facecolor="none",
                                      edgecolor=INK, linewidth=0.9, linestyle=":", zorder=7))
        self.axes = self.figure.add_axes(at)
        self.axes.set_aspect(1 / self.aspect)
        self.axes.set_xlim(west, east)
        self.axes.set_ylim(south, north)
        self.axes.set_xticks([])
        self.axes.set_yticks([])
        self.axes.set_facecolor(GROUND)
        for ward in self.wards:
            self.axes.add_patch(
                shape(ward, facecolor="none", edgecolor="#9a9a9a", linewidth=0.5, zorder=4))
        km = 0.5 / (KM_PER_DEGREE * self.aspect)
        x, y = west + 0.0008, south + 0.0008
        self.axes.plot([x, x + km], [y, y], color=INK, linewidth=2.5, solid_capstyle="butt", zorder=9)
        self.axes.text(x + km / 2, y + 0.0003, "500 m", ha="center", va="bottom", size=7, zorder=9)
        return first

    def text(self, words, size=9, weight="normal", colour=INK, width=44, gap=0.0, mono=False):
        for piece in words.split("\n"):
            for line in (textwrap.wrap(piece, width) if not mono else [piece]) or [""]:
                self.side.text(0, self.line, line, size=size, weight=weight, color=colour, va="top",
                               transform=self.side.transAxes,
                               family="DejaVu Sans Mono" if mono else None)
                self.line -= size * 0.0031
        self.line -= gap

    def legend(self, heading, entries):
        """Colour patches with what each means, the highest on top."""
        self.text(heading, weight="bold", gap=0.005)
        for colour, meaning in entries:
            self.side.add_patch(plt.Rectangle((0, self.line - 0.026), 0.07, 0.024, facecolor=colour,
                                              edgecolor="#777777", linewidth=0.4,
                                              transform=self.side.transAxes))
            self.side.text(0.09, self.line - 0.014, meaning, size=8.5, va="center", color=INK,
                           transform=self.side.transAxes)
            self.line -= 0.032
        self.line -= 0.012

    def table(self, head, rows, gap=0.01):
        widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
        left = [name in ("place", "ward") for name in head]

        def put(row):
            return " ".join(str(v).ljust(w) if l else str(v).rjust(w)
                            for v, w, l in zip(row, widths, left))

        self.text(put(head), size=7.5, weight="bold", mono=True)
        for row in rows:
            self.text(put(row), size=7.5, mono=True)
        self.line -= gap

    def save(self, name):
        raw = io.BytesIO()
        self.figure.savefig(raw, format="png", dpi=100)
        plt.close(self.figure)
        image = Image.open(raw).convert("RGB").quantize(
            256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        out = DOCS / f"pictures/{name}.png"
        image.save(out, optimize=True)
        size = out.stat().st_size
        assert size <= LIMIT_BYTES, f"{name}: {size} bytes"
        print(f"{name}: {size} bytes")


def rings(geometry):
    kind, inner = geometry["type"], geometry["coordinates"]
    if kind == "Point":
        return [[inner]]
    return inner if kind == "Polygon" else [ring for polygon in inner for ring in polygon]


def bounds(geometries):
    points = [p for g in geometries for ring in rings(g) for p in ring]
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    return min(xs), min(ys), max(xs), max(ys)


def shape(geometry, **style):
    vertices, codes = [], []
    for ring in rings(geometry):
        vertices += [p[:2] for p in ring]
        codes += [Outline.MOVETO] + [Outline.LINETO] * (len(ring) - 2) + [Outline.CLOSEPOLY]
    return PathPatch(Outline(vertices, codes), **style)


def ramp(count, name=SEQUENTIAL, low=0.15, high=1.0):
    colours = matplotlib.colormaps[name]
    return [matplotlib.colors.to_hex(colours(low + (high - low) * i / max(count - 1, 1)))
            for i in range(count)]


def classed(values, breaks, colours):
    """The colour of each value's class [breaks[i], breaks[i + 1]); none below the first."""
    chosen = []
    for value in values:
        below = None if value is None else sum(value >= b for b in breaks) - 1
        chosen.append(None if below is None or below < 0 else colours[below])
    return chosen


def class_names(breaks, unit=""):
    names = [f"{a:g} to {b:g}{unit}" for a, b in zip(breaks, breaks[1:])]
    return names + [f"{breaks[-1]:g} and more{unit}"]


def short(name, width=24):
    return name if len(name) <= width else name[: width - 1] + "…"


# ---------------------------------------------------------------------------------- one picture each

def density(page, layer, breaks=(1, 5, 10, 20, 40, 80)):
    colours = ramp(len(breaks))
    page.cells(layer.features, classed(layer.values("density_per_km2"), breaks, colours))
    page.legend("Burglaries per km² in the year",
                list(zip(reversed(colours), reversed(class_names(breaks)))))
    page.text(f"{layer.selected:,} incidents in Havering", gap=0.006)
    peak = max(layer.features, key=lambda f: f["properties"]["density_per_km2"])["properties"]
    page.text(f"Highest density {peak['density_per_km2']:.1f} per km²; {peak['count']} incidents in "
              "that cell itself", gap=0.006)
    page.text(f"{layer.method['kernel']} kernel, bandwidth {layer.resolved['bandwidth_m']:.0f} m "
              f"({layer.resolved['bandwidth_rule']['decided_by']}), "
              f"{layer.resolved['cells']:,} H3 cells", gap=0.006)


def kernel_density(page, layer):
    density(page, layer)
    return (f"Density of {layer.selected:,} burglaries recorded in Havering in 2022, on "
            f"{layer.resolved['cells']:,} H3 cells; `\"auto\"` came to a bandwidth of "
            f"{layer.resolved['bandwidth_m']:.0f} m. Incidents beyond the boundary count where their "
            "disc reaches in; east of it lies Essex, of which this data has none.")


def edge(page, layer):
    density(page, layer)
    told = layer.resolved["edge_correction"]
    page.text(f"Each incident divided by its mass inside; least mass at a cell "
              f"{told['least_edge_mass']:.2f}")
    return (f"The same {layer.selected:,} burglaries with `\"edge_correction\": \"diggle\"`: only "
            f"incidents of the borough count, each divided by the share of its disc that lies inside. "
            f"At {told['cells_below_0.8']:,} of {layer.resolved['cells']:,} cells less than 0.8 of the "
            "kernel's mass lies in the borough.")


def estimate(page, layer):
    density(page, layer)
    told = layer.resolved["adaptive"]
    page.text(f"Bandwidths {told['least_m']:.0f} to {told['greatest_m']:.0f} m, "
              f"median {told['median_m']:.0f} m")
    return (f"The same {layer.selected:,} burglaries with `\"adaptive\": \"abramson\"`: bandwidths from "
            f"{told['least_m']:.0f} m where incidents are dense (the floor) to "
            f"{told['greatest_m']:.0f} m where they are few.")


def ranked(page, layer, rows, head, colours=None):
    page.polygons(layer.features, colours or [CATEGORIES[1]] * len(layer.features))
    page.label(layer.features)
    page.table(head, rows)


def hotspots(page, layer):
    each = [f["properties"] for f in layer.features]
    ranked(page, layer, [(p["rank"], short(p["name"], 20), p["count"], f"{p['density_per_km2']:.0f}")
                         for p in each], ("#", "ward", "count", "per km²"))
    inside = sum(layer.values("count"))
    page.text(f"{inside} of {layer.selected:,} incidents lie in the hotspots, on "
              f"{100 * sum(layer.values('share_of_area')):.1f} % of the borough", gap=0.006)
    page.text(f"Cells of at least {layer.resolved['threshold_per_km2']:.1f} per km²: the densest that "
              "hold a quarter of the incidents", gap=0.006)
    page.text(f"Quartic kernel, bandwidth {layer.resolved['bandwidth_m']:.0f} m")
    return (f"The densest cells that hold a quarter of {layer.selected:,} burglaries make "
            f"{len(each)} hotspots with {inside} incidents inside their outlines, ranked by count.")


def stability(page, layer):
    each = [f["properties"] for f in layer.features]
    breaks, colours = (0, 0.5, 0.8, 0.95), ramp(4, low=0.1, high=0.8)
    page.legend("Share of 500 reruns", list(zip(
        reversed(colours), ("0.95 and more", "0.80 to 0.95", "0.50 to 0.80", "less than 0.50"))))
    ranked(page, layer, [(p["rank"], short(p["name"], 18), p["count"], f"{p['stability']:.2f}")
                         for p in each], ("#", "ward", "count", "stability"),
           classed(layer.values("stability"), breaks, colours))
    page.text(f"{layer.selected:,} incidents. In each rerun records move by their location error, cells "
              "by up to half their spacing, the bandwidth by up to a half, and one month is left out")
    return (f"The share of 500 reruns in which each hotspot of the picture above stays "
            "among the first. It is no significance.")


def harm(page, layer):
    each = [f["properties"] for f in layer.features]
    ranked(page, layer, [(p["rank"], short(p["name"].split(",")[-1].strip(), 18), p["count"],
                          f"{p['harm_low']:,.0f}", f"{p['harm_high']:,.0f}") for p in each],
           ("#", "ward", "count", "low", "high"))
    page.text("Harm in days, low and high end of the range that each class of open data stands for",
              gap=0.006)
    page.text(f"{layer.selected:,} incidents; the densest 2 % of the ground, by harm", gap=0.006)
    page.text("Schedule: cchi-2026-subgroup-ranges, illustrative")
    return (f"The 2 % of the borough that is densest in harm by {layer.selected:,} robberies and "
            "burglaries, ranked by the low end of the illustrative schedule in `examples/harm`. Open "
            "categories stand for ranges of weights, and the totals are ranges.")


def contours(page, layer):
    order = sorted(layer.features, key=lambda f: -f["properties"]["volume"])
    colours = ramp(len(order), low=0.3, high=0.85)
    page.polygons(order, colours)
    told = [f["properties"] for f in reversed(order)]
    page.legend("Smallest areas that hold", [
        (c, f"{100 * p['volume']:.0f} % of the density") for c, p in zip(reversed(colours), told)])
    page.table(("volume", "per km²", "count", "km²", "% of ground"), [
        (f"{100 * p['volume']:.0f} %", f"{p['threshold_per_km2']:.1f}", p["count"],
         f"{p['area_m2'] / 1e6:.1f}", f"{100 * p['share_of_area']:.1f}") for p in told])
    page.text(f"{layer.selected:,} incidents; quartic kernel, bandwidth "
              f"{layer.resolved['bandwidth_m']:.0f} m, squares of 50 m", gap=0.006)
    half = next(p for p in told if p["volume"] == 0.5)
    return (f"The smallest areas that hold 10, 25 and 50 % of the density of {layer.selected:,} "
            f"burglaries: half of it on {100 * half['share_of_area']:.1f} % of the ground, with "
            f"{half['count']} incidents inside.")


def dbscan(page, layer):
    each = [f["properties"] for f in layer.features]
    ranked(page, layer, [(p["rank"], short(p["name"], 24), p["count"], p["distinct_locations"])
                         for p in each], ("#", "place", "count", "points"))
    told = layer.resolved
    page.text(f"{told['clusters']} clusters with {told['incidents_in_clusters']:,} incidents; "
              f"{told['noise_incidents']:,} are in none", gap=0.006)
    page.text(f"Radius {told['radius_m']:.0f} m, at least {told['min_count']} incidents", gap=0.006)
    page.text("points: distinct map points, not addresses")
    return (f"Of {layer.selected:,} vehicle crimes {told['incidents_in_clusters']:,} lie in "
            f"{told['clusters']} clusters (within {told['radius_m']:.0f} m of each, {told['min_count']} "
            f"or more); {told['noise_incidents']:,} lie in none. Clusters of one or two map points are "
            "drawn by discs.")


ROMFORD = (0.171, 51.567, 0.193, 51.584)


def in_romford(feature):
    west, south, east, north = ROMFORD
    x0, y0, x1, y1 = bounds([feature["geometry"]])
    return west <= (x0 + x1) / 2 <= east and south <= (y0 + y1) / 2 <= north


def st_dbscan(page, layer):
    each = [f["properties"] for f in layer.features]
    town = [f for f in layer.features if in_romford(f)]
    page.polygons(layer.features, [CATEGORIES[1]] * len(each))
    page.label([f for f in layer.features if f not in town])
    first = page.zoom(ROMFORD, (0.665, 0.075, 0.30, 0.38))
    page.polygons(town, [CATEGORIES[1]] * len(town), alpha=0.35)
    page.label(town)
    page.axes = first
    page.table(("#", "ward", "n", "first", "last"), [(p["rank"], short(p["name"], 15), p["count"], p["first_day"][2:],
                          p["last_day"][2:]) for p in each[:14]])
    told = layer.resolved
    page.text(f"{len(each)} largest of {told['clusters']} spates; {told['noise_incidents']:,} of "
              f"{layer.selected:,} searches are in none", gap=0.006)
    page.text(f"Within {told['radius_m']:.0f} m and {told['within_days']} days of each at least "
              f"{told['min_count']} searches")
    return (f"Spates among {layer.selected:,} stops and searches: {told['clusters']} clusters in place and "
            f"days, of which the {len(each)} largest are drawn. Open crime data is dated to the month, and "
            "the method refuses it; searches are dated to the minute. This is enforcement activity on "
            "anonymous map points.")


def near_repeat_risk(page, layer):
    breaks = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
    colours = ramp(len(breaks))
    page.cells(layer.features, classed(layer.values("share_of_peak"), breaks, colours))
    page.legend("Risk, share of the highest", list(zip(reversed(colours), reversed(class_names(breaks)))))
    first = layer.features[0]["properties"]
    told = layer.resolved
    page.text(f"{told['fresh_incidents']} searches of the 28 days before {told['day']}", gap=0.006)
    page.text(f"Highest cell: {first['count']} within 400 m, the latest on {first['latest_day']}", gap=0.006)
    page.text("Cells of 100 m; risk falls with distance (400 m) and days (28). It ranks the cells of one "
              "day, and is no number of incidents to come")
    return (f"Zones on {told['day']} after {told['fresh_incidents']} stops and searches of the 28 days "
            "before. The method is made for burglary dated to the day, which open data lacks; what is seen "
            "is that searches follow searches. `\"allow\": [\"snap_points\"]` lets it run on anonymous map "
            "points. Never grounds to search anybody.")


def circles(page, features, colours, column="count", scale=1.0):
    """Circles whose area is the count; a dot where it is 0."""
    for feature, colour in zip(features, colours):
        x, y = feature["geometry"]["coordinates"]
        page.axes.scatter([x], [y], s=5 + scale * feature["properties"][column], zorder=6, alpha=0.75,
                          color=colour, edgecolors="white", linewidths=0.5)


def repeat_locations(page, layer):
    each = [f["properties"] for f in layer.features]
    colours = [CATEGORIES[3] if p["station_stack"] else CATEGORIES[0] for p in each]
    circles(page, layer.features, colours)
    page.label([f for f in layer.features[:10] if not in_romford(f)])
    first = page.zoom(ROMFORD, (0.665, 0.075, 0.30, 0.42))
    circles(page, layer.features, colours)
    page.label([f for f in layer.features[:10] if in_romford(f)])
    page.axes = first
    page.table(("#", "place", "count", "months"), [
        (p["rank"], short(p["name"].replace(" (map point)", ""), 26), p["count"], p["distinct_months"])
        for p in each[:10]])
    if CATEGORIES[3] in colours:
        page.legend("Area of a circle: count", [(CATEGORIES[0], "map point"),
                                                (CATEGORIES[3], "records look placed at a station")])
    else:
        page.text("Area of a circle: count", gap=0.006)
    page.text(f"First {len(each)} of {len(each) + layer.resolved['left_out_beyond_max']} map points with 20 "
              f"or more of {layer.selected:,} reported incidents, points within 25 m taken together")
    return (f"Map points (each stands for eight or more addresses) with most of {layer.selected:,} reported "
            "incidents; the first ten are numbered. On snapped data nearly every street is a repeat "
            "location, and shopping centres head the list.")


def dual_density(page, layer):
    breaks = (-1.5, -1, -0.5, 0, 0.5, 1, 1.5)
    colours = ramp(len(breaks) + 1, DIVERGING, 0.02, 0.98)
    faces, beyond = [], 0
    for p in (f["properties"] for f in layer.features):
        value, adjusted = p["log_relative_risk"], p["p_adjusted"]
        if value is None:
            faces.append("#ffffff")
            continue
        sure = adjusted is not None and adjusted <= 0.05
        beyond += sure
        full = matplotlib.colors.to_rgb(colours[sum(value >= b for b in breaks)])
        faces.append(matplotlib.colors.to_hex(full if sure else [0.72 + 0.28 * c for c in full]))
    page.cells(layer.features, faces)
    names = [f"below {breaks[0]:g}"] + class_names(breaks)
    page.legend("ln(f₁ / f₀) of vehicle crime", list(zip(reversed(colours), reversed(names)))
                + [("#ffffff", "undefined: next to nothing there")])
    told = layer.resolved
    page.text(f"Full colours: p adjusted over all cells at most 0.05 ({beyond} of "
              f"{len(layer.features):,} cells); pale: no more than chance would make", gap=0.006)
    page.text(f"{layer.selected:,} vehicle crimes against {told['against']['selected']:,} of burglary, "
              "robbery, theft from person, bicycle and other theft", gap=0.006)
    page.text(f"Bandwidth {told['bandwidth_m']:.0f} m; 0: as many as their number lets expect")
    return (f"Where {layer.selected:,} vehicle crimes are more (brown) or less (purple) dense than "
            f"{told['against']['selected']:,} burglaries, robberies and thefts let expect. In pale cells "
            "the difference is no more than random labels make; the brightest colours would stand where "
            "hardly anything happened. Romford's town centre has thefts rather than vehicle crime.")


def hdbscan(page, layer):
    each = [f["properties"] for f in layer.features]
    ranked(page, layer, [(p["rank"], short(p["name"], 24), p["count"], p["distinct_locations"])
                         for p in each[:24]], ("#", "place", "count", "points"))
    told = layer.resolved
    page.text(f"{told['clusters']} clusters with {told['incidents_in_clusters']:,} incidents; "
              f"{told['noise_incidents']:,} are in none", gap=0.006)
    page.text(f"{layer.selected:,} incidents in Havering; no radius stated")
    return (f"Of {layer.selected:,} vehicle crimes {told['incidents_in_clusters']:,} lie in "
            f"{told['clusters']} clusters that the hierarchy of densities finds without a radius; "
            f"{told['noise_incidents']:,} lie in none.")


def concentration(page, layer):
    told = layer.resolved
    sets = told["sets"]
    colours = list(reversed(ramp(len(sets), low=0.3, high=1.0)))
    names = [f"{100 * one['share_of_incidents']:.0f} %" for one in sets]
    of = dict(zip(names, colours))
    page.cells(layer.features, [of[f["properties"]["set"]] for f in layer.features])
    page.legend("Fewest cells that hold", [(of[n], f"{n} of the incidents, with those above")
                                           for n in names])
    page.table(("share", "cells", "count", "of all cells"), [
        (n, one["places"], f"{one['incidents']:,}", f"{100 * one['of_all_places']['share']:.1f} %")
        for n, one in zip(names, sets)])
    page.text(f"{layer.selected:,} incidents; {told['places_with_incidents']:,} of "
              f"{told['all_places']:,} H3 cells have any", gap=0.006)
    page.text(f"Gini {told['gini_over_all_places']['gini']:.2f} over all cells, "
              f"{told['gini_over_places_with_incidents']['gini']:.2f} over those with incidents")
    half = next(one for one in sets if one["share_of_incidents"] == 0.5)
    return (f"Half of {layer.selected:,} incidents of violence and sexual offences in "
            f"{half['places']:,} of {told['all_places']:,} cells: "
            f"{100 * half['of_all_places']['share']:.1f} % of all, parks and fields among them, and "
            f"{100 * half['of_places_with_incidents']['share']:.1f} % of those with an incident. Snapping "
            "gathers incidents on few points and makes both smaller.")


def overlap(page, layer):
    told = layer.resolved
    kinds = [("both", CATEGORIES[1], "places of both"), ("first_only", CATEGORIES[3], "of drug offences only"),
             ("second_only", CATEGORIES[0], "of violence only")]
    of = {kind: colour for kind, colour, _ in kinds}
    page.cells(layer.features, [of.get(f["properties"]["own_place_of"]) for f in layer.features])
    have = layer.values("own_place_of")
    page.legend("H3 cells with 3 or more", [(c, f"{words}: {have.count(kind)}") for kind, c, words in kinds])
    there = told["first_groups_incidents_at_second_groups_places"]
    chance = told["shared_places_by_chance"]
    page.text(f"{layer.selected:,} drug offences (police-generated), "
              f"{told['second_group']['incidents']:,} of violence (reported)", gap=0.006)
    page.text(f"{told['shared_places']} shared cells; {chance['mean']:.0f} if dealt blindly", gap=0.006)
    page.text(f"{there['number']} of {there['of']} drug offences lie at the places of violence "
              f"({100 * there['share']:.0f} %, {100 * there['low']:.0f} to {100 * there['high']:.0f})",
              gap=0.006)
    page.text(f"Jaccard {told['jaccard']:.2f}, proportional similarity "
              f"{told['proportional_similarity']['value']:.2f}")
    return (f"Cells with three or more of {layer.selected:,} drug offences, of "
            f"{told['second_group']['incidents']:,} violent and sexual offences, and of both: "
            f"{told['shared_places']} shared. Drug offences are recorded where police search, so that "
            "agreement may be one of patrols.")


def site_circles(page, layer, column, scale):
    """Circles without names: near a pub is not at it, and a picture is no place to name one."""
    colours = [CATEGORIES[0] if p[column] else FAINT for p in (f["properties"] for f in layer.features)]
    circles(page, layer.features, colours, column, scale)
    first = page.zoom(ROMFORD, (0.665, 0.075, 0.30, 0.40))
    circles(page, layer.features, colours, column, scale)
    page.axes = first


def risky_facilities(page, layer):
    told = layer.resolved
    site_circles(page, layer, "count", 2.5)
    busiest, chance = told["busiest"], told["by_chance"]
    low, high = chance["busiest_hold_middle_95"]
    page.text("Circles: incidents within 100 m of a pub, each at the nearest. Grey: none", gap=0.006)
    page.text(f"{told['incidents_at_sites']} of {layer.selected:,} incidents, at {told['sites']} pubs",
              gap=0.006)
    page.text(f"The {busiest['sites']['number']} busiest pubs hold {busiest['hold']['number']} "
              f"({100 * busiest['hold']['share']:.0f} %); thrown at random {low} to {high}", gap=0.006)
    page.text(f"Generalised Gini {told['generalised_gini']:.2f}", gap=0.006)
    page.text(f"{told['sites_at_the_place_of_another']} pubs stand at the very place of another, which "
              "has their incidents")
    return (f"Violent and sexual offences within 100 m of the {told['sites']} pubs of Havering: "
            f"{busiest['sites']['number']} of them hold {busiest['hold']['number']} of "
            f"{told['incidents_at_sites']}, more than equal risk would make ({low} to {high}). Near is not "
            "at, and pubs are not named.")


def vicinity(page, layer):
    told = layer.resolved
    site_circles(page, layer, "count", 5)
    page.text("Circles: drug offences within 250 m of a pub, each at the nearest. Grey: none", gap=0.006)
    rows = []
    for band in told["bands"]:
        number = band["incidents"]["number"]
        area, group = band.get("by_area") or {}, band.get("by_group") or {}
        to = band.get("to_m")
        name = f"{band['from_m']:.0f}–{to:.0f}" if to else f"over {band['from_m']:.0f}"
        figures = [area.get("expected"), area.get("ratio"), group.get("location_quotient")]
        rows.append((name, number, *("–" if v is None else f"{v:.{d}f}" for v, d in zip(figures, (0, 1, 2)))))
    page.table(("metres", "count", "even", "ratio", "quotient"), rows)
    page.text(f"{layer.selected:,} drug offences, {told['sites_looked_at']} pubs. even: expected were they "
              "scattered evenly. quotient: against violence, of which "
              f"{told['against']['incidents']:,}", gap=0.006)
    return (f"{layer.selected:,} drug offences by their distance to the nearest of "
            f"{told['sites_looked_at']} pubs, against an even scatter and against "
            f"{told['against']['incidents']:,} violent and sexual offences. An even scatter over fields is "
            "a weak yardstick; the other group is of another lens. Pubs are not named.")


def knox(page, layer):
    """The result is a table: the map makes room for it."""
    page.axes.clear()
    told = layer.resolved
    distances = list(dict.fromkeys(c["distance_m"] for c in told["table"]))
    days = list(dict.fromkeys(c["days"] for c in told["table"]))
    of = {(c["distance_m"], c["days"]): c for c in told["table"]}
    breaks = (0, 0.8, 0.95, 1.05, 1.25, 2)
    colours = ramp(len(breaks), DIVERGING, 0.2, 0.9)
    axes = page.axes
    axes.set_position((0.115, 0.13, 0.50, 0.72))
    axes.set_aspect("auto")
    axes.axis("on")
    for y, distance in enumerate(distances):
        for x, day in enumerate(days):
            cell = of[distance, day]
            face = colours[sum(cell["ratio"] >= b for b in breaks) - 1]
            axes.add_patch(plt.Rectangle((x, y), 1, 1, facecolor=face, edgecolor="white"))
            ink = "white" if sum(c * w for c, w in zip(
                matplotlib.colors.to_rgb(face), (0.3, 0.59, 0.11))) < 0.45 else INK
            star = "*" if cell["p"] <= 0.05 else ""
            axes.text(x + 0.5, y + 0.5, f"{cell['ratio']:.2f}{star}\n{cell['observed']:,}", ha="center",
                      va="center", size=8, color=ink)
    axes.set_xlim(0, len(days))
    axes.set_ylim(len(distances), 0)
    axes.set_xticks([i + 0.5 for i in range(len(days))], days, size=8)
    axes.set_yticks([i + 0.5 for i in range(len(distances))], distances, size=8)
    axes.set_xlabel("days between", size=9)
    axes.set_ylabel("metres between", size=9)
    axes.tick_params(length=0)
    names = ["below 0.8"] + class_names(breaks)[1:]
    page.legend("Observed over expected pairs", list(zip(reversed(colours), reversed(names))))
    page.text("In each cell the ratio and the pairs observed; * p at most 0.05 for more than by chance",
              gap=0.006)
    page.text(f"{told['incidents']:,} searches of Havering, {told['pairs']:,} pairs", gap=0.006)
    page.text(f"{told['pairs_of_same_place_and_day']:,} pairs are of one map point and one day: several "
              "people, one stop")
    return (f"Pairs of {told['incidents']:,} stops and searches by distance and days between, over what "
            "every order of the days would give on average. Several people in one stop make the first "
            "cell; map points make the first row (`\"allow\": [\"snap_points\"]`). Open crime data is dated "
            "to the month, and the method refuses it. This is enforcement activity.")


def getis_ord(page, layer):
    told = layer.resolved
    kinds = [("hot_99", "at most 0.01"), ("hot_95", "at most 0.05"), ("hot_90", "at most 0.10")]
    of = {kind: colour for (kind, _), colour in zip(kinds, reversed(ramp(3, low=0.35)))}
    page.cells(layer.features, [of.get(f["properties"]["class"]) for f in layer.features])
    have = layer.values("class")
    page.legend("Unusually much: adjusted p", [(of[kind], f"{words}: {have.count(kind)} cells")
                                              for kind, words in kinds])
    page.table(("hotspot", "cells", "count"), [
        (one["hotspot"], one["cells"], one["count"]) for one in told["hotspots_by_count"][:12]])
    page.text(f"{layer.selected:,} incidents in {told['cells']:,} H3 cells, "
              f"{told['cells_with_incidents']:,} of them with any; each with the ring around it", gap=0.006)
    page.text(f"Exact permutation p, adjusted over {told['tests']:,} cells (Benjamini and Hochberg)")
    return (f"Gi\\* of {layer.selected:,} burglaries in {told['cells']:,} H3 cells of resolution 9: "
            f"{told['significant_hot_cells']} cells have significantly more around them than cells at random "
            f"would, in {told['hotspots']} connected hotspots. Where fields are empty, the built-up area "
            "itself is unusual.")


def local_moran(page, layer):
    told = layer.resolved
    kinds = [("high_high", CATEGORIES[1], "much among much"), ("high_low", CATEGORIES[3], "much among little"),
             ("low_high", CATEGORIES[0], "little among much"), ("low_low", CATEGORIES[2], "little among little")]
    of = {kind: colour for kind, colour, _ in kinds}
    page.cells(layer.features, [of.get(f["properties"]["quadrant"]) if f["properties"]["significant"] else None
                                for f in layer.features])
    page.legend("Significant at 0.05, adjusted", [
        (c, f"{words}: {told['significant_cells'][kind]}") for kind, c, words in kinds])
    page.text(f"{layer.selected:,} incidents in {told['cells']:,} H3 cells", gap=0.006)
    page.text(f"Exact conditional permutation p over {told['tests']:,} cells (Benjamini and Hochberg)")
    return (f"Local Moran's I of {layer.selected:,} violent and sexual offences: "
            f"{told['significant_cells']['high_high']} cells with much among others with much, and "
            f"{told['significant_cells']['low_high']} quiet ones beside them.")


PICTURES = {draw.__name__: draw for draw in (
    concentration, contours, dbscan, dual_density, edge, estimate, getis_ord, harm, hdbscan, hotspots,
    kernel_density, knox, local_moran, near_repeat_risk, overlap, repeat_locations, risky_facilities, st_dbscan, stability, vicinity)}


def main():
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    read.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    read.add_argument("--isopleth", type=Path, default=ROOT / "target/debug/isopleth")
    read.add_argument("--store", type=Path)
    read.add_argument("names", nargs="*")
    asked = read.parse_args()

    data = asked.shared / "data"
    areas = data / "areas"
    of = {f["properties"]["gss_code"]: f for f in json.loads(
        (areas / "london_boroughs.geojson").read_text())["features"]}
    wards = [f["geometry"] for f in json.loads((areas / "london_wards_2018.geojson").read_text())["features"]
             if f["properties"]["LAGSSCODE"] == BOROUGH]
    written = DOCS / "pictures/captions.json"
    captions = json.loads(written.read_text()) if written.exists() else {}

    with tempfile.TemporaryDirectory() as folder:
        store = asked.store or Path(folder) / "pictures.gpkg"
        if not store.exists():
            build_store(asked.isopleth, store, data)
        for name in asked.names or sorted(PICTURES):
            out = Path(folder) / f"{name}.geojson"
            call(asked.isopleth, "analyse", "--store", store, DOCS / f"requests/{name}.json", "-o", out)
            layer = Layer(name, out)
            page = Map(layer, of[BOROUGH]["geometry"], wards)
            caption = PICTURES[name](page, layer)
            page.save(name)
            captions[name] = {"alt": f"{'Table' if name == 'knox' else 'Map'}: {layer.title}", "caption": caption}
    written.write_text(json.dumps(captions, indent=2, ensure_ascii=False, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
