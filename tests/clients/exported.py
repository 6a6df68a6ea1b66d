"""Starts the service and runs exports.py against it with the Python that is named."""

import subprocess
import sys
from pathlib import Path

from service import service, store

with service(store()) as (_, base):
    done = subprocess.run([sys.argv[1], Path(__file__).with_name("exports.py"), base])
sys.exit(done.returncode)
