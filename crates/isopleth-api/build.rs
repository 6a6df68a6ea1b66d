//! Builds the map page and lists its files for the service to embed.
//!
//! Without the feature `web` there is nothing to do. With it Node builds `web/` into `OUT_DIR`, from
//! a copy, so that the sources stay as they are; `ISOPLETH_WEB_DIST` names a page that was built
//! elsewhere, where a machine has no Node or no network.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

const OLDEST_NODE: u32 = 20;

/// What the page is made of, within `web/`.
const SOURCES: [&str; 6] = [
    "index.html",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "vite.config.ts",
    "src",
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=ISOPLETH_WEB_DIST");
    if std::env::var_os("CARGO_FEATURE_WEB").is_none() {
        return;
    }
    if let Err(reason) = build() {
        println!("cargo:warning=the map page was not built: {reason}");
        eprintln!(
            "\nThe map page was not built: {reason}\n\n\
             Do one of these:\n\
             - install Node {OLDEST_NODE} or later with npm (https://nodejs.org, or `apt install nodejs npm`);\n\
             - name a page that was built elsewhere: ISOPLETH_WEB_DIST=/path/to/dist;\n\
             - build without the page: cargo build --no-default-features.\n"
        );
        exit(1);
    }
}

fn build() -> Result<(), String> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let out = variable("OUT_DIR").ok_or("cargo names no OUT_DIR")?;
    let dist = match variable("ISOPLETH_WEB_DIST") {
        Some(dist) => dist,
        None => {
            let web = variable("CARGO_MANIFEST_DIR").ok_or("cargo names no manifest")?;
            with_node(&web.join("web"), &out.join("web"))?
        }
    };
    fs::write(out.join("web.rs"), list(&dist)?).map_err(|e| format!("writing web.rs: {e}"))
}

/// Builds a copy of the sources with Node; answers where the page is.
fn with_node(sources: &Path, copy: &Path) -> Result<PathBuf, String> {
    for name in SOURCES {
        println!("cargo:rerun-if-changed=web/{name}");
    }
    check_node()?;
    let lock = "package-lock.json";
    let installed = fs::read(copy.join(lock)).ok();
    let stamp = copy.join("installed");
    let fresh = stamp.exists() && installed == fs::read(sources.join(lock)).ok();
    let _ = fs::remove_dir_all(copy.join("src"));
    for name in SOURCES {
        copied(&sources.join(name), &copy.join(name))
            .map_err(|e| format!("copying web/{name}: {e}"))?;
    }
    if !fresh {
        let _ = fs::remove_file(&stamp);
        let quiet = [
            "ci",
            "--omit=dev",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ];
        npm(copy, &quiet)?;
        fs::write(&stamp, "").map_err(|e| e.to_string())?;
    }
    npm(copy, &["run", "--silent", "build"])?;
    Ok(copy.join("dist"))
}

fn check_node() -> Result<(), String> {
    let output = Command::new("node").arg("--version").output();
    let output = output.map_err(|e| format!("node cannot be run ({e})"))?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let major = version.trim_start_matches('v').split('.').next();
    match major.and_then(|m| m.parse::<u32>().ok()) {
        Some(major) if major >= OLDEST_NODE => Ok(()),
        _ => Err(format!(
            "it needs Node {OLDEST_NODE} or later, and this is {version}"
        )),
    }
}

fn npm(folder: &Path, arguments: &[&str]) -> Result<(), String> {
    let line = format!("npm {}", arguments.join(" "));
    let output = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" })
        .args(arguments)
        .current_dir(folder)
        .output()
        .map_err(|e| format!("npm cannot be run ({e})"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!(
        "`{line}` failed:\n{}",
        String::from_utf8_lossy(&said)
    ))
}

fn copied(from: &Path, to: &Path) -> std::io::Result<()> {
    if !from.is_dir() {
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        return fs::copy(from, to).map(|_| ());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copied(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// The page and its files as Rust: `PAGE`, and `ASSETS` in the order of their names.
fn list(dist: &Path) -> Result<String, String> {
    let missing = |path: &Path| format!("there is no {}", path.display());
    let page = dist.join("index.html");
    let page = page.canonicalize().map_err(|_| missing(&page))?;
    let folder = dist.join("assets");
    let entries = fs::read_dir(&folder).map_err(|_| missing(&folder))?;
    let mut names: Vec<String> = entries
        .filter_map(|e| e.ok()?.file_name().into_string().ok())
        .filter(|n| !n.ends_with(".br") && !n.ends_with(".gz"))
        .collect();
    names.sort();
    let mut text = format!("const PAGE: &str = include_str!({page:?});\n");
    text.push_str("const ASSETS: &[Asset] = &[\n");
    for name in names {
        let path = folder
            .join(&name)
            .canonicalize()
            .map_err(|e| e.to_string())?;
        let of = |ending: &str| {
            format!(
                "include_bytes!({:?})",
                format!("{}{ending}", path.display())
            )
        };
        let _ = writeln!(
            text,
            "Asset {{ name: {name:?}, plain: {}, brotli: {}, gzip: {} }},",
            of(""),
            of(".br"),
            of(".gz")
        );
    }
    text.push_str("];\n");
    Ok(text)
}
