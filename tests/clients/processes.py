"""The analyses of a running service through ogc-api-processes-client (PyPI, 0.6.0).

Reads every document through the client's own types, makes a job, waits for its end, follows the
result to its collection, and dismisses it. Prints what it compared and exits with 1 at the first
difference.
"""

import json
import sys
import time
import urllib.error
import urllib.request

from ogc_api_processes_client.api_client_wrapper import ApiClientWrapper
from ogc_api_processes_client.configuration import Configuration

from service import LAYERS, service, store


def same(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: found {found!r}, expected {wanted!r}")
    print(f"{what}: {found!r}")


def plain(target, method="GET"):
    """Status and document, without the client."""
    request = urllib.request.Request(target, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


client = ApiClientWrapper(Configuration(host=URL))
as_json = {"Accept": "application/json"}

rels = {link.rel for link in client.get_landing_page(_headers=dict(as_json)).links}
for rel in ("processes", "job-list"):
    same(f"landing page has {rel}", f"http://www.opengis.net/def/rel/ogc/1.0/{rel}" in rels, True)
classes = client.get_conformance_classes(_headers=dict(as_json)).conforms_to
own = sorted(c.rsplit("/", 1)[1] for c in classes if "ogcapi-processes-1" in c)
same("conformance", own,
     ["core", "dismiss", "html", "job-list", "json", "oas30", "ogc-process-description"])
processes = client.get_processes(_headers=dict(as_json)).processes
same("processes", [p.id for p in processes], ["analyse"])
process = client.get_process_description("analyse", _headers=dict(as_json))
same("inputs", sorted(process.inputs), ["request"])
same("outputs", sorted(process.outputs), ["layer"])

execution = {"inputs": {"request": {"value": REQUEST}}, "response": "document"}
headers = {"Content-Type": "application/json", "Prefer": "respond-async", **as_json}
job = client.execute_simple("analyse", execution, _headers=headers)
same("type", job.type, "process")
while job.status.value in ("accepted", "running"):
    time.sleep(0.1)
    job = client.get_status(job.job_id, _headers=dict(as_json))
same("status", job.status.value, "successful")
same("progress", job.progress, 100)
listed = client.get_jobs(_headers=dict(as_json)).jobs
same("listed", job.job_id in [j.job_id for j in listed], True)

result = client.get_result_simple(job.job_id, _headers=dict(as_json))
layer = result["layer"]
layer = getattr(layer, "actual_instance", layer)
kept, collection = plain(layer.href)
same("collection", kept, 200)
_, items = plain(f"{layer.href}/items?limit=10000")
same("features", items["numberMatched"], collection["features"])
same("request kept", items["numberMatched"] > 0, True)

same("dismissed", client.dismiss(job.job_id, _headers=dict(as_json)).status.value, "dismissed")
same("result afterwards", plain(f"{URL}/jobs/{job.job_id}/results")[0], 410)
same("collection afterwards", plain(layer.href)[0], 404)
