//! The configuration of the service, as the person at the terminal meets it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{command, fails, have, ok, root, str};
use isopleth_core::domain::Policy;
use isopleth_store::Store;

/// An empty store.
fn store(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("s.gpkg");
    let none = serde_json::json!({ "id": "none", "version": "1", "group": [], "rule": [] });
    let policy: Policy = serde_json::from_value(none).unwrap();
    Store::open_or_create(&path, &policy).unwrap();
    path
}

/// A running service, ended when dropped.
struct Service {
    child: Child,
    address: String,
    log: std::sync::mpsc::Receiver<String>,
}

impl Service {
    fn start(args: &[&str]) -> Self {
        let mut child = command(&[&["serve"], args].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let (send, log) = std::sync::mpsc::channel();
        let err = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in err.lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        let url = line.trim_end().rsplit(' ').next().unwrap_or_default();
        let address = url
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_owned();
        assert!(address.starts_with("127.0.0.1:"), "{line}");
        Self {
            child,
            address,
            log,
        }
    }

    /// Waits for a line of the log.
    fn logs(&self, wanted: &str) -> String {
        loop {
            let line = self.log.recv_timeout(Duration::from_secs(30));
            let line = line.unwrap_or_else(|_| panic!("the log never says '{wanted}'"));
            if line.contains(wanted) {
                return line;
            }
        }
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks over a connection that is kept. Status and body.
fn ask(stream: &mut TcpStream, target: &str) -> (u16, String) {
    write!(stream, "GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    let (mut answer, mut buffer) = (String::new(), [0; 4096]);
    loop {
        if let Some((head, body)) = answer.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|l| l.strip_prefix("content-length: "));
            if body.len() == length.map_or(0, |n| n.parse().unwrap()) {
                return (head[9..12].parse().unwrap(), body.to_owned());
            }
        }
        let n = stream.read(&mut buffer).unwrap();
        assert!(n > 0, "the connection was closed after: {answer}");
        answer += std::str::from_utf8(&buffer[..n]).unwrap();
    }
}

#[test]
fn what_is_printed_is_a_configuration_with_its_sources() {
    let folder = tempfile::tempdir().unwrap();
    let (file, again) = (folder.path().join("a.toml"), folder.path().join("b.toml"));
    std::fs::write(
        &file,
        "store = 's.gpkg'\nmax_limit = 100\nallowed_hosts = ['a', 'b']\n",
    )
    .unwrap();
    let print = |config: &Path, args: &[&str]| {
        let mut printed = command(&["serve", "--config", str(config), "--print-config"]);
        let out = printed
            .args(args)
            .env("ISOPLETH_MAX_REQUESTS", "9")
            .output()
            .unwrap();
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        String::from_utf8(out.stdout).unwrap()
    };
    let first = print(
        &file,
        &[
            "--bind",
            "127.0.0.1:9",
            "--trusted-proxies",
            "10.0.0.0/8,::1",
        ],
    );
    for wanted in [
        "From: default.\npublic_base_url",
        "From: flag, --bind.\nbind = \"127.0.0.1:9\"",
        "From: environment, ISOPLETH_MAX_REQUESTS.\nmax_requests = 9",
        "a.toml, line 2.\nmax_limit = 100",
        "a.toml, line 3.\nallowed_hosts = [\"a\", \"b\"]",
        "trusted_proxies = [\"10.0.0.0/8\", \"::1/128\"]",
    ] {
        let wanted = wanted.replace("\npublic_base_url", "\n# public_base_url");
        assert!(first.contains(&wanted), "{wanted} is not in\n{first}");
    }
    std::fs::write(&again, &first).unwrap();
    let values = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|l| !l.starts_with("# From"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(values(&print(&again, &[])), values(&first));
}

#[test]
fn what_is_wrong_is_said_with_line_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("isopleth.toml");
    let check = |text: &str| {
        std::fs::write(&file, text).unwrap();
        fails(&["serve", "--config", str(&file), "--check-config"])
    };
    let said = check("store = 'none.gpkg'\nmax_limt = 3\nbind = 'here'\n");
    for wanted in [
        "isopleth.toml, line 2: 'max_limt' is not a key; did you mean 'max_limit'?",
        "isopleth.toml, line 3: bind: 'here' is not an address",
        "store: ",
    ] {
        assert!(said.contains(wanted), "{wanted} is not in {said}");
    }
    let said = check("bind = '192.0.2.1:80'\n");
    assert!(
        said.contains("bind: cannot listen on 192.0.2.1:80"),
        "{said}"
    );
    assert!(said.contains("no store is named"), "{said}");
    assert!(fails(&["serve", "--config", "none.toml"]).contains("none.toml: "));
    for (text, wanted) in [
        ("\nbasemap = 'x'\n", "isopleth.toml, line 2: basemap: 'x'"),
        (
            "\n\nallowed_hosts = ['a b']",
            "isopleth.toml, line 3: allowed_hosts: 'a b'",
        ),
        (
            "max_limit = 5",
            "isopleth.toml, line 1: default_limit is 10",
        ),
        (
            "write_timeout_s = 0",
            "isopleth.toml, line 1: write_timeout_s is 0",
        ),
        ("log = 'a=b=c'", "isopleth.toml, line 1: log: 'a=b=c'"),
    ] {
        let said = check(text);
        assert!(said.contains(wanted), "{wanted} is not in {said}");
    }

    let store = store(folder.path());
    let text = format!("store = '{}'\nbind = '127.0.0.1:0'\n", str(&store));
    std::fs::write(&file, text).unwrap();
    let said = ok(&["serve", "--config", str(&file), "--check-config"]);
    assert_eq!(said, "the configuration is sound\n");
}

#[cfg(unix)]
#[test]
fn a_hangup_and_a_changed_file_are_followed_over_a_kept_connection() {
    let folder = tempfile::tempdir().unwrap();
    let (store, file) = (store(folder.path()), folder.path().join("isopleth.toml"));
    let write = |more: &str| {
        let text = format!("store = '{}'\nbind = '127.0.0.1:0'\n{more}", str(&store));
        // As editors do: what is read is never half a file.
        let new = folder.path().join("new.toml");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, &file).unwrap();
    };
    write("poll_interval_s = 3600\n");
    let service = Service::start(&["--config", str(&file), "--log", "info"]);
    let mut kept = TcpStream::connect(&service.address).unwrap();
    let (status, _) = ask(&mut kept, "/readyz");
    assert!(status == 200 || status == 503, "{status}");
    let landing = |kept: &mut TcpStream| ask(kept, "/").1;
    assert!(landing(&mut kept).contains("http://127.0.0.1/collections"));

    // The file is not looked at for an hour, so it is the signal that is heard.
    write("poll_interval_s = 0.02\npublic_base_url = 'https://one.example'\n");
    service.signal("-HUP");
    service.logs("the configuration was read anew");
    assert!(landing(&mut kept).contains("https://one.example/collections"));

    write("poll_interval_s = 0.02\npublic_base_url = 'https://two.example'\nkept_runs = 1\n");
    service.logs("the configuration was read anew");
    service.logs("at the next start only");
    assert!(landing(&mut kept).contains("https://two.example/collections"));

    write("poll_interval_s = 0.02\npublic_base_ur = 'https://three.example'\n");
    let said = service.logs("the configuration stays as it was");
    assert!(
        said.contains("isopleth.toml, line 4: 'public_base_ur'"),
        "{said}"
    );
    assert!(landing(&mut kept).contains("https://two.example/collections"));

    let mut service = service;
    service.signal("-TERM");
    assert!(service.child.wait().unwrap().success());
}

#[cfg(unix)]
#[test]
fn health_is_asked_for_by_the_binary_itself() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let service = Service::start(&["--store", str(&store), "--bind", "127.0.0.1:0"]);
    let said = ok(&["healthcheck", "--bind", &service.address]);
    assert!(said.contains("/healthz answers 200"), "{said}");
    let port = service.address.rsplit(':').next().unwrap().to_owned();
    ok(&["healthcheck", "--bind", &format!("0.0.0.0:{port}")]);
    let gone = service.address.clone();
    drop(service);
    assert!(fails(&["healthcheck", "--bind", &gone]).contains("/healthz: "));
}

#[test]
fn the_example_configuration_is_one() {
    let example = root().join("packaging/isopleth.toml");
    let printed = ok(&["serve", "--config", str(&example), "--print-config"]);
    assert!(printed.contains("public_base_url = \"https://maps.example.org/isopleth\""));
}

#[test]
fn the_documentation_has_every_key() {
    let text = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let help = ok(&["serve", "--store", "s.gpkg", "--print-config"]);
    for line in help.lines() {
        let key = line
            .trim_start_matches("# ")
            .split_once(" = ")
            .map(|(key, _)| key);
        if let Some(key) = key.filter(|k| !k.contains(' ')) {
            assert!(
                text.contains(&format!("| `{key}` | ")),
                "{key} is not documented"
            );
        }
    }
}

#[test]
fn systemd_accepts_the_unit() {
    if !have("systemd-analyze", &["--version"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let unit = std::fs::read_to_string(root().join("packaging/isopleth.service")).unwrap();
    // The binary has to exist where the unit says.
    let unit = unit.replace("/usr/bin/isopleth", env!("CARGO_BIN_EXE_isopleth"));
    let path = folder.path().join("isopleth.service");
    std::fs::write(&path, unit).unwrap();
    let verified = Command::new("systemd-analyze")
        .args(["verify", str(&path)])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(
        verified.status.success() && !said.contains("isopleth.service"),
        "{said}"
    );
}
