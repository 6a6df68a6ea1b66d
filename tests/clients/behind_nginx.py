"""The service behind nginx, as docs/operations.md shows it: TLS, a host of its own, and a prefix.

usage: behind_nginx.py ISOPLETH STORE
Follows every link of every JSON document from https://maps.example.org/isopleth/ and reads every
page of items; then GDAL reads every collection. All links must keep scheme, host and prefix. Once the
links follow what nginx forwards, once the configured public base URL. Needs nginx, openssl and
ogrinfo; names are resolved by a small proxy, so nothing of the system is changed.
"""

import contextlib
import json
import os
import re
import select
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

HOST = "maps.example.org"
BASE = f"https://{HOST}/isopleth"
# Other hosts that documents name: the registry of identifiers, and the licence.
FOREIGN = ("http://www.opengis.net/", "https://spdx.org/")


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def tunnel(target):
    """A proxy that connects whoever asks for any host to one port. Returns its own port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def pump(client):
        with client, socket.create_connection(("127.0.0.1", target)) as server:
            head = b""
            while b"\r\n\r\n" not in head:
                part = client.recv(4096)
                if not part:
                    return
                head += part
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            other = {client: server, server: client}
            while True:
                for end in select.select([client, server], [], [])[0]:
                    part = end.recv(65536)
                    if not part:
                        return
                    other[end].sendall(part)

    def accept():
        while True:
            client = listener.accept()[0]
            threading.Thread(target=quietly, args=(client,), daemon=True).start()

    def quietly(client):
        # Whoever asks sees for itself that a connection broke.
        with contextlib.suppress(OSError):
            pump(client)

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def documented_location():
    """The location block of the documentation, so that what is documented is what is tested."""
    text = (Path(__file__).parents[2] / "docs/operations.md").read_text()
    return re.search(r"```nginx\n(.*?)```", text, re.S).group(1)


def nginx(folder, service_port):
    """Starts nginx in a folder. Returns the process and its port."""
    port = free_port()
    name = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *name]
        + ["-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"],
        check=True,
        capture_output=True,
    )
    location = documented_location().replace("127.0.0.1:8080", f"127.0.0.1:{service_port}")
    temporary = "\n".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    )
    config = f"""
        pid {folder}/nginx.pid;
        error_log stderr;
        daemon off;
        events {{}}
        http {{
            access_log off;
            {temporary}
            server {{
                listen 127.0.0.1:{port} ssl;
                server_name {HOST};
                ssl_certificate {folder}/cert.pem;
                ssl_certificate_key {folder}/key.pem;
                {location}
            }}
        }}
    """
    Path(folder, "nginx.conf").write_text(config)
    process = subprocess.Popen(["nginx", "-p", folder, "-c", f"{folder}/nginx.conf"])
    return process, port


class Client:
    def __init__(self, proxy, folder):
        context = ssl.create_default_context(cafile=f"{folder}/cert.pem")
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({"https": f"http://127.0.0.1:{proxy}"}),
            urllib.request.HTTPSHandler(context=context),
        )

    def get(self, url):
        """Status, headers and document of an address."""
        try:
            answer = self.opener.open(urllib.request.Request(url), timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            body = answer.read()
            # Sequences and files compress or hold many documents; links are in the single ones.
            kind = (answer.headers["Content-Type"] or "").split(";")[0]
            single = kind.endswith(("/json", "+json"))
            try:
                document = json.loads(body) if single else None
            except ValueError:
                sys.exit(f"{url} is no JSON but says {kind}: {body[:80]}")
            return answer.status, answer.headers, document

    def wait(self):
        for _ in range(300):
            try:
                if self.get(f"{BASE}/readyz")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        sys.exit("the service behind nginx never became ready")


def addresses(value):
    """Every absolute address in a document, and every relative one that a link has."""
    if isinstance(value, list):
        for member in value:
            yield from addresses(member)
    elif isinstance(value, dict):
        for name, member in value.items():
            if name in ("href", "url") and isinstance(member, str):
                yield member
            elif name == "type" and isinstance(member, str) and "://" in member:
                yield member
            else:
                yield from addresses(member)


def crawl(client):
    """Follows all links. Returns the number of documents and of features by collection."""
    waiting, seen, counts, matched = [f"{BASE}/", f"{BASE}/nowhere"], set(), {}, {}
    while waiting:
        url = waiting.pop()
        if url in seen:
            continue
        seen.add(url)
        status, headers, document = client.get(url)
        expected = 404 if url.endswith("/nowhere") else 200
        assert status == expected, f"{url}: {status} {document}"
        found = list(addresses(document or {}))
        for value in headers.get_all("Link") or []:
            found += re.findall(r"<([^>]*)>", value)
        for address in found:
            if address.startswith(FOREIGN):
                continue
            # CSVW names the table relative to itself, so that a downloaded pair stays a pair.
            if "csvm+json" in headers["Content-Type"]:
                address = urllib.parse.urljoin(url, address)
            assert address.startswith(BASE), f"{url} names {address}"
            # Templates are no addresses yet, and an execution wants a POST.
            if "{" not in address and not address.endswith("/execution"):
                waiting.append(address if address != BASE else f"{BASE}/")
        features = (document or {}).get("features")
        # Pages hang together by their next links; other links lead to the first page again.
        if isinstance(features, list) and "/items" in url:
            name = re.search(r"/collections/([^/]+)/items", url).group(1)
            ids = {feature["id"] for feature in features}
            counts.setdefault(name, set()).update(ids)
            matched[name] = document["numberMatched"]
    for name, ids in counts.items():
        assert len(ids) == matched[name], f"{name}: {len(ids)} of {matched[name]} features"
    return len(seen), {name: len(ids) for name, ids in counts.items()}


def gdal(proxy, counts):
    """GDAL reads every collection to its end."""
    environment = {
        **os.environ,
        "https_proxy": f"http://127.0.0.1:{proxy}",
        "GDAL_HTTP_UNSAFESSL": "YES",
    }
    done = subprocess.run(
        ["ogrinfo", "-ro", "-al", f"OAPIF:{BASE}/"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "ERROR" not in done.stderr, done.stderr
    read, name = {}, None
    for line in done.stdout.splitlines():
        if line.startswith("Layer name: "):
            name = line.removeprefix("Layer name: ")
            read[name] = 0
        elif line.startswith("OGRFeature("):
            read[name] += 1
    assert read == counts, f"GDAL reads {read}, not {counts}"


def main():
    isopleth, store = sys.argv[1:3]
    for flags in [["--trusted-proxies", "127.0.0.1"], ["--public-base-url", BASE]]:
        with tempfile.TemporaryDirectory() as folder:
            port = free_port()
            command = [isopleth, "serve", "--store", store, "--bind", f"127.0.0.1:{port}"]
            command += ["--allowed-hosts", HOST, "--log", "warn", *flags]
            service = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            proxy, tls_port = nginx(folder, port)
            try:
                way = tunnel(tls_port)
                client = Client(way, folder)
                client.wait()
                documents, counts = crawl(client)
                assert counts and max(counts.values()) > 10, counts
                gdal(way, counts)
                print(f"{flags[0]}: {documents} documents, {sum(counts.values())} features")
            finally:
                for process in (proxy, service):
                    process.terminate()
                for process in (proxy, service):
                    process.wait(timeout=60)


if __name__ == "__main__":
    main()
