"""A store with layers, and the service over it, for the client scripts.

`ISOPLETH` names the binary (default: target/debug/isopleth). Only the standard library is used, so
that every client's own Python can import this.
"""

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("ISOPLETH", str(ROOT / "target/debug/isopleth"))
WORK = Path(os.environ.get("CLIENTS_WORK", str(ROOT / "target/clients")))

SELECT = {
    "area": "E09900001",
    "period": "2024-01/2024-12",
    "groups": ["burglary"],
    "lens": "reported",
    "record_sources": ["data.police.uk"],
}

# Layers beside those of `isopleth demo`: polygons for the paging of 2,700, and one without any.
LAYERS = {
    "cells": {
        "title": "Burglary density, squares",
        "select": SELECT,
        "method": {"name": "kernel_density", "kernel": "quartic", "bandwidth_m": 400, "cell_m": 184.3},
    },
    "nothing": {
        "title": "Burglary hotspots, none of them",
        "select": SELECT,
        "method": {"name": "kernel_density", "kernel": "quartic", "bandwidth_m": 400, "h3_resolution": 10},
        "hotspots": {"share_of_incidents": 0.25, "min_count": 1_000_000},
    },
}


def isopleth(*arguments, **options):
    """Runs the binary to its end and returns what it printed."""
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"isopleth {' '.join(map(str, arguments))}: {done.stderr}")
    return done.stdout


def store():
    """A store with the layers of the demo and LAYERS; made once."""
    WORK.mkdir(parents=True, exist_ok=True)
    path = WORK / "clients.gpkg"
    if not path.exists():
        being_made = WORK / "being-made.gpkg"
        for old in WORK.glob("being-made.gpkg*"):
            old.unlink()
        isopleth("demo", "--once", "--store", being_made)
        for name, request in LAYERS.items():
            document = WORK / f"{name}.json"
            document.write_text(json.dumps(request))
            isopleth("layer", "add", "--store", being_made, name, document)
        being_made.rename(path)
    return path


# Services that are up: whoever ends without an unwinding ends them, too.
RUNNING = []


@contextlib.contextmanager
def service(path, *arguments, port=0):
    """The service over a store: its process and its address."""
    command = [BINARY, "serve", "--store", str(path), "--bind", f"127.0.0.1:{port}", *arguments]
    log = open(WORK / "serve.log", "ab")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    RUNNING.append(process)
    try:
        line = process.stdout.readline()
        if "http://" not in line:
            sys.exit(f"the service did not start; see {log.name}")
        yield process, line.rstrip().rsplit(" ", 1)[1].rstrip("/")
    finally:
        process.kill()
        process.wait()
        log.close()


def get(url, **headers):
    """Status, headers and body of an answer; errors too."""
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def get_json(url):
    """The document at an address."""
    status, _, body = get(url, Accept="application/json")
    if status != 200:
        sys.exit(f"{url}: {status} {body[:300]}")
    return json.loads(body)


class Report:
    """What was compared, and whether it was equal."""

    def __init__(self, client):
        self.client, self.failed = client, 0

    def compare(self, what, got, expected):
        """Notes one comparison."""
        equal = got == expected
        self.failed += not equal
        if equal:
            shown = f"{len(got):,} equal" if hasattr(got, "__len__") and not isinstance(got, str) else got
            print(f"{self.client}: {what}: {shown}")
        else:
            print(f"{self.client}: {what}: DIFFERENT")
            print(f"  got      {brief(got)}\n  expected {brief(expected)}")

    def end(self):
        """Ends the script with what came of it."""
        print(f"{self.client}: {'all equal' if not self.failed else f'{self.failed} different'}")
        # Some clients fail while they clean up after themselves; that says nothing of the service.
        sys.stdout.flush()
        for process in RUNNING:
            process.kill()
            process.wait()
        os._exit(1 if self.failed else 0)


def brief(value):
    """The start of a value's text."""
    text = repr(sorted(value) if isinstance(value, (set, frozenset)) else value)
    return text if len(text) < 600 else f"{text[:600]} … ({len(value):,})"
