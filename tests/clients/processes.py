"""The analyses of a running service through ogc-api-processes-client (PyPI, 0.6.0).

Reads every document through the client's own types, makes a job, waits for its end, follows the
result to its collection, and dismisses it. Prints what it compared and exits with 1 at the first
difference.
"""

import json
import time
import urllib.error
import urllib.request

from ogc_api_processes_client.api_client_wrapper import ApiClientWrapper
from ogc_api_processes_client.configuration import Configuration

from service import LAYERS, Report, service, store


def plain(target, method="GET"):
    """Status and document, without the client."""
    request = urllib.request.Request(target, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def compare(report, base, request):
    client = ApiClientWrapper(Configuration(host=base))
    as_json = {"Accept": "application/json"}

    rels = {link.rel for link in client.get_landing_page(_headers=dict(as_json)).links}
    for rel in ("processes", "job-list"):
        report.compare(f"landing page has {rel}", f"http://www.opengis.net/def/rel/ogc/1.0/{rel}" in rels, True)
    classes = client.get_conformance_classes(_headers=dict(as_json)).conforms_to
    own = sorted(c.rsplit("/", 1)[1] for c in classes if "ogcapi-processes-1" in c)
    report.compare("conformance", own,
         ["core", "dismiss", "html", "job-list", "json", "oas30", "ogc-process-description"])
    processes = client.get_processes(_headers=dict(as_json)).processes
    report.compare("processes", [p.id for p in processes], ["analyse"])
    process = client.get_process_description("analyse", _headers=dict(as_json))
    report.compare("inputs", sorted(process.inputs), ["request"])
    report.compare("outputs", sorted(process.outputs), ["layer"])

    execution = {"inputs": {"request": {"value": request}}, "response": "document"}
    headers = {"Content-Type": "application/json", "Prefer": "respond-async", **as_json}
    job = client.execute_simple("analyse", execution, _headers=headers)
    report.compare("type", job.type, "process")
    while job.status.value in ("accepted", "running"):
        time.sleep(0.1)
        job = client.get_status(job.job_id, _headers=dict(as_json))
    report.compare("status", job.status.value, "successful")
    report.compare("progress", job.progress, 100)
    listed = client.get_jobs(_headers=dict(as_json)).jobs
    report.compare("listed", job.job_id in [j.job_id for j in listed], True)

    result = client.get_result_simple(job.job_id, _headers=dict(as_json))
    layer = result["layer"]
    layer = getattr(layer, "actual_instance", layer)
    kept, collection = plain(layer.href)
    report.compare("collection", kept, 200)
    _, items = plain(f"{layer.href}/items?limit=10000")
    report.compare("features", items["numberMatched"], collection["features"])
    report.compare("request kept", items["numberMatched"] > 0, True)

    report.compare("dismissed", client.dismiss(job.job_id, _headers=dict(as_json)).status.value, "dismissed")
    report.compare("result afterwards", plain(f"{base}/jobs/{job.job_id}/results")[0], 410)
    report.compare("collection afterwards", plain(layer.href)[0], 404)


def main():
    report = Report("processes")
    request = LAYERS["cells"]
    with service(store()) as (_, base):
        compare(report, base, request)
    report.end()


if __name__ == "__main__":
    main()
