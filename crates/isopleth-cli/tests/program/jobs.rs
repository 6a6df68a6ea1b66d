//! Analyses that clients ask the running service for, and a service that is killed meanwhile.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use crate::support::{Service, borough, fixtures, ok, str};
use serde_json::{Value, json};

/// A running service with what these tests ask of it.
struct Client(Service);

impl Client {
    fn start(store: &Path) -> Self {
        Self(Service::start(store))
    }

    /// Status, head and body of an answer.
    fn send(&self, method: &str, target: &str, headers: &str, body: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.0.host).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {target} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}",
            self.0.host
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (
            head[9..12].parse().unwrap(),
            head.to_owned(),
            body.to_owned(),
        )
    }

    fn get(&self, target: &str) -> Value {
        let (status, _, body) = self.send("GET", target, "", "");
        assert_eq!(status, 200, "{target}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    fn execute(&self, request: &str, prefer: &str) -> (u16, Value) {
        let headers = format!("content-type: application/json\r\nprefer: {prefer}\r\n");
        let (status, _, body) =
            self.send("POST", "/processes/analyse/execution", &headers, request);
        (status, serde_json::from_str(&body).unwrap())
    }

    fn until(&self, job: &str, statuses: &[&str]) -> Value {
        for _ in 0..6000 {
            let info = self.get(job);
            if statuses.contains(&info["status"].as_str().unwrap()) {
                return info;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{job} never was {statuses:?}: {}", self.get(job));
    }
}

#[test]
fn a_killed_service_takes_its_jobs_up_again_and_they_give_what_the_command_line_gives() {
    let dir = tempfile::tempdir().unwrap();
    let store = borough(dir.path());
    let quick = fixtures().join("requests/burglary-hotspots.json");
    let text = std::fs::read_to_string(&quick).unwrap();
    // Some minutes of shuffles over small cells.
    let long = json!({
        "select": { "area": text_area(&text), "groups": ["burglary"] },
        "method": { "name": "getis_ord", "cells": "square", "cell_m": 20,
                    "p_value": { "permutation": { "permutations": 99_999 } } },
    })
    .to_string();

    let service = Client::start(&store);
    let (status, made) = service.execute(&long, "respond-async");
    assert_eq!(status, 201, "{made}");
    let running = format!("/jobs/{}", made["jobID"].as_str().unwrap());
    service.until(&running, &["running"]);
    let (status, made) = service.execute(&text, "respond-async");
    assert_eq!(status, 201, "{made}");
    let waiting = format!("/jobs/{}", made["jobID"].as_str().unwrap());
    drop(service);

    let service = Client::start(&store);
    let info = service.until(&running, &["running"]);
    assert_eq!(info["jobID"], running[6..]);
    assert_eq!(service.get(&waiting)["status"], "accepted");
    let (status, _, body) = service.send("DELETE", &running, "", "");
    assert_eq!(status, 200, "{body}");
    let info = service.until(&waiting, &["successful", "failed"]);
    assert_eq!(info["status"], "successful", "{info}");
    assert_eq!(service.get(&running)["status"], "dismissed");

    let (status, _, result) = service.send("GET", &format!("{waiting}/results"), "", "");
    assert_eq!(status, 200);
    let file = ok(&["analyse", "--store", str(&store), str(&quick)]);
    assert!(
        result == file,
        "the result is that of the command line, byte for byte"
    );
    let features = |text: &str| serde_json::from_str::<Value>(text).unwrap()["features"].clone();
    let kept = format!(
        "/collections/analysis-{}/items?limit=10000",
        info["run"].as_str().unwrap()
    );
    assert_eq!(service.get(&kept)["features"], features(&file));
    let (status, at_once) = service.execute(&text, "wait=5");
    assert_eq!(
        (status, at_once["features"] == features(&file)),
        (200, true)
    );
    drop(service);

    // And what was kept is there when the service is.
    let service = Client::start(&store);
    assert_eq!(service.get(&kept)["features"], features(&file));
    assert_eq!(service.get("/jobs")["numberMatched"], 2);
}

/// The study area of a request.
fn text_area(request: &str) -> Value {
    serde_json::from_str::<Value>(request).unwrap()["select"]["area"].clone()
}
