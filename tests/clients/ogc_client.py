"""Starts the service and runs ogc_client.mjs against it."""

import subprocess
import sys

from service import WORK, service, store

with service(store()) as (_, base):
    done = subprocess.run(["node", WORK / "npm/ogc_client.mjs", base, WORK / "truth.json"])
sys.exit(done.returncode)
