//! `/collections/{id}/files/{name}`: a run, or a selection of it, as one file.
//!
//! A file of a run never changes: it has a strong entity tag, and parts of it can be had by
//! `Range`, as readers of FlatGeobuf and GeoParquet ask for them. `latest` leads to the file of the
//! present run.

use std::io::{Cursor, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE};
use isopleth_io::crs::Crs;
use isopleth_io::write::{Format, csv_metadata};
use isopleth_store::write_layer_file;
use serde_json::{Map, Value as Json};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use crate::call::Call;
use crate::dataset::{Dataset, Selection};
use crate::files::Stored;
use crate::links::{JSON, Link};
use crate::problem::Problem;
use crate::ranges::{Wanted, wanted};
use crate::reply::{Cache, Reply};
use crate::representation::{MATCHED, RETURNED, disposition, in_crs, refuse_crs};
use crate::selection::{crs, select, told};
use crate::state::AppState;

/// The name that stands for the present run.
const LATEST: &str = "latest";

/// The ending of the description of a CSV file, where the W3C's vocabulary looks for it.
const CSV_METADATA: &str = "csv-metadata.json";

/// Media type of that description.
const CSVM_JSON: &str = "application/csvm+json";

/// Bytes that are read from a file at a time.
const CHUNK: usize = 128 * 1024;

/// Separates the parts of an answer with several ranges. Long enough not to be in a file by chance.
const BOUNDARY: &str = "isopleth-7d1f4a0c9be2836f";

/// What a file name says.
enum Kind {
    File(Format),
    CsvMetadata,
}

/// A file.
pub(crate) async fn file(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    let (run, kind) = named(name_of(call))?;
    if run == LATEST {
        let present = state.dataset(&call.collection, None).await?;
        // What the file would refuse is refused here: a redirection promises something.
        select(call, &present).await?;
        let ending = &name_of(call)[LATEST.len()..];
        let name = format!("{}{ending}", present.run);
        let address = call.addresses.file(&call.collection, &name);
        return Ok(Reply::elsewhere(&(address + &call.query.to_suffix())));
    }
    let dataset = state.dataset(&call.collection, Some(run)).await?;
    let selection = select(call, &dataset).await?;
    let crs = crs(call, "crs", &dataset)?;
    let told = told(call, selection.len(), dataset.len());
    let name = file_name(call, crs, told.is_some());
    let format = match kind {
        Kind::File(format) => format,
        Kind::CsvMetadata => {
            let csv = name_of(call).trim_end_matches("-metadata.json");
            let csv = format!("{csv}{}", call.query.to_suffix());
            let part = dataset.part(&selection).selected(told.as_ref()).in_crs(crs);
            let document = csv_metadata(&part, &csv);
            return Ok(Reply::document(call, CSVM_JSON, &document));
        }
    };
    refuse_crs(format, crs)?;
    let count = selection.len();
    let links = links(call, &dataset, format);
    let stored = stored(state, call, dataset, (selection, told), (format, crs)).await?;
    let reply = body(call, &stored, format).await?;
    Ok(reply
        .in_crs(crs)
        .with_links(&links)
        .with_value(CONTENT_DISPOSITION, disposition(&name))
        .with_value(MATCHED, count)
        .with_value(RETURNED, count))
}

/// What a client should call the file: another name for some of the features, and for other
/// coordinates.
fn file_name(call: &Call, crs: Crs, selected: bool) -> String {
    let (run, ending) = name_of(call).split_once('.').unwrap_or_default();
    let selection = if selected { "-selection" } else { "" };
    let system = match crs {
        Crs::Crs84 => String::new(),
        other => format!("-{}", other.epsg()),
    };
    format!("{}-{run}{selection}{system}.{ending}", call.collection)
}

/// The name of the file in the address.
fn name_of(call: &Call) -> &str {
    call.segment("fileName")
}

/// The run and the format that a file name asks for.
fn named(name: &str) -> Result<(&str, Kind), Problem> {
    let endings = || {
        let names = Format::ALL.map(|f| format!(".{}", f.name()));
        format!("{} or .{CSV_METADATA}", names.join(", "))
    };
    let missing = || Problem::file_not_found(name, &endings());
    let (run, kind) = match name.strip_suffix(CSV_METADATA) {
        Some(rest) => (
            rest.strip_suffix('.').ok_or_else(missing)?,
            Kind::CsvMetadata,
        ),
        None => {
            let (run, ending) = name.rsplit_once('.').ok_or_else(missing)?;
            let format = Format::ALL.into_iter().find(|f| f.name() == ending);
            (run, Kind::File(format.ok_or_else(missing)?))
        }
    };
    if run.is_empty() {
        return Err(missing());
    }
    Ok((run, kind))
}

fn links(call: &Call, dataset: &Dataset, format: Format) -> Vec<Link> {
    let at = &call.addresses;
    let here = at.file(&call.collection, name_of(call)) + &call.query.to_suffix();
    let mut links = vec![
        Link::new("self", format.media_type(), "This file", here),
        Link::new(
            "collection",
            JSON,
            &dataset.layer.title,
            at.collection(&call.collection),
        ),
    ];
    if format == Format::Csv {
        let name = format!("{}.{CSV_METADATA}", dataset.run);
        let address = at.file(&call.collection, &name) + &call.query.to_suffix();
        links.push(Link::new("describedby", CSVM_JSON, "Its columns", address));
    }
    links
}

async fn stored(
    state: &AppState,
    call: &Call,
    dataset: Arc<Dataset>,
    (selection, told): (Selection, Option<Map<String, Json>>),
    (format, crs): (Format, Crs),
) -> Result<Arc<Stored>, Problem> {
    let mut key = format!(
        "file\0{}\0{}\0{}",
        call.collection,
        dataset.run,
        format.name()
    );
    let mut given: Vec<_> = call.query.pairs().collect();
    given.sort_unstable();
    for (name, value) in given {
        key.push_str(&format!("\0{name}\0{value}"));
    }
    let table = call.collection.clone();
    let write = move |path: &Path| {
        let part = dataset.part(&selection).selected(told.as_ref());
        in_crs(part, crs, |part| {
            write_layer_file(path, format, &table, part)
        })
    };
    state.files().get(&key, format.name(), write).await
}

/// The whole file or the parts that are wanted.
async fn body(call: &Call, stored: &Arc<Stored>, format: Format) -> Result<Reply, Problem> {
    let media = format.media_type();
    let length = stored.length;
    if call.has(&stored.etag) {
        return Ok(Reply::known(Cache::Forever, stored.etag.clone()));
    }
    // A part of what the client has can only be asked for by the strong tag of just that.
    let still = call.if_range.is_empty() || call.if_range == stored.etag;
    let wanted = if call.head || !still {
        Wanted::Whole
    } else {
        wanted(&call.range, length)
    };
    let partial = |media: String, body: Body, length: u64| {
        let etag = stored.etag.clone();
        Reply::streamed(
            StatusCode::PARTIAL_CONTENT,
            media,
            body,
            Cache::Forever,
            etag,
        )
        .with_value(ACCEPT_RANGES, "bytes")
        .with_value(CONTENT_LENGTH, length)
    };
    match wanted {
        Wanted::Nothing => Err(Problem::range_not_satisfiable(length)),
        Wanted::Whole => {
            let body = if call.head {
                Body::empty()
            } else {
                streamed(open(stored, 0..length).await?)
            };
            // Text may be compressed on its way to who can read that: then these are no longer the
            // bytes that the strong tag and ranges are about.
            let packed = compressible(format) && !call.head && accepts_coding(call);
            let etag = match packed {
                true => format!("W/{}", stored.etag),
                false => stored.etag.clone(),
            };
            let reply = Reply::streamed(StatusCode::OK, media, body, Cache::Forever, etag);
            Ok(if packed {
                reply
            } else {
                reply
                    .with_value(ACCEPT_RANGES, "bytes")
                    .with_value(CONTENT_LENGTH, length)
            })
        }
        Wanted::Parts(parts) => match parts.as_slice() {
            [part] => {
                let body = streamed(open(stored, part.clone()).await?);
                let range = content_range(part, length);
                let reply = partial(media.to_owned(), body, part.end - part.start);
                Ok(reply.with_value(CONTENT_RANGE, range))
            }
            parts => {
                let (body, total) = multipart(stored, parts, media).await?;
                let media = format!("multipart/byteranges; boundary={BOUNDARY}");
                Ok(partial(media, body, total))
            }
        },
    }
}

fn content_range(part: &Range<u64>, length: u64) -> String {
    format!("bytes {}-{}/{length}", part.start, part.end - 1)
}

/// Several parts, each with its head, and their length together.
async fn multipart(
    stored: &Arc<Stored>,
    parts: &[Range<u64>],
    media: &str,
) -> Result<(Body, u64), Problem> {
    let mut all: Source = Box::new(Cursor::new(Vec::new()));
    let mut total = 0;
    for part in parts {
        let range = content_range(part, stored.length);
        let head =
            format!("\r\n--{BOUNDARY}\r\nContent-Type: {media}\r\nContent-Range: {range}\r\n\r\n");
        total += head.len() as u64 + (part.end - part.start);
        let content = open(stored, part.clone()).await?;
        all = Box::new(all.chain(Cursor::new(head.into_bytes())).chain(content));
    }
    let end = format!("\r\n--{BOUNDARY}--\r\n");
    total += end.len() as u64;
    Ok((
        streamed(Box::new(all.chain(Cursor::new(end.into_bytes())))),
        total,
    ))
}

type Source = Box<dyn AsyncRead + Send + Unpin>;

/// A part of a file, to be read as fast as the client takes it.
async fn open(stored: &Arc<Stored>, part: Range<u64>) -> Result<Source, Problem> {
    let opened = async {
        let mut file = File::open(&stored.path).await?;
        file.set_max_buf_size(CHUNK);
        file.seek(SeekFrom::Start(part.start)).await?;
        std::io::Result::Ok(file.take(part.end - part.start))
    };
    match opened.await {
        Ok(file) => Ok(Box::new(Held {
            file: Box::new(file),
            _stored: Arc::clone(stored),
        })),
        Err(error) => {
            tracing::error!(%error, "cannot open a file that was written");
            Err(Problem::file_unavailable())
        }
    }
}

fn streamed(source: Source) -> Body {
    Body::from_stream(ReaderStream::with_capacity(source, CHUNK))
}

/// A file that stays on disk while it is read: not every system lets go of open files.
struct Held {
    file: Source,
    _stored: Arc<Stored>,
}

impl AsyncRead for Held {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.file).poll_read(context, buffer)
    }
}

fn compressible(format: Format) -> bool {
    match format {
        Format::GeoJson | Format::GeoJsonSeq | Format::Csv | Format::Kml => true,
        Format::FlatGeobuf | Format::GeoParquet | Format::GeoPackage => false,
    }
}

/// Whether the client can read any coding that answers may be compressed with.
fn accepts_coding(call: &Call) -> bool {
    call.accept_encoding.split(',').any(|coding| {
        let name = coding.split(';').next().unwrap_or_default().trim();
        !name.is_empty() && !name.eq_ignore_ascii_case("identity")
    })
}
