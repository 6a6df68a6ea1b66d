//! What a client sends to have something computed: the body, the form of the answer, and how long it
//! will wait.

use axum::body::{Body, to_bytes};
use isopleth_core::Request;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::call::Call;
use crate::links::{GEO_JSON, JSON};
use crate::problem::Problem;

/// The call with the body that came with it, which whoever let the request in has read and measured.
///
/// # Errors
/// A [`Problem`] for a body that is of another kind.
pub(crate) async fn with_body(mut call: Call, body: Body) -> Result<Call, Problem> {
    let media = call.content_type.split(';').next().unwrap_or_default();
    if !media.trim().eq_ignore_ascii_case(JSON) {
        return Err(Problem::unsupported_media_type(&call.content_type));
    }
    let body = to_bytes(body, usize::MAX).await;
    call.body = body.map_err(|_| Problem::bad_request("the body broke off"))?;
    Ok(call)
}

/// Characters of a title or a marking.
const TITLE_LENGTH: usize = 200;

/// The form in which a client wants a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Whether it is a document of outputs, and not the output itself.
    pub(crate) document: bool,
    /// Whether the output is named by its address, and not given.
    pub(crate) reference: bool,
}

impl Answer {
    /// The word that jobs remember it by.
    pub(crate) fn name(self) -> &'static str {
        match (self.document, self.reference) {
            (false, false) => "raw value",
            (false, true) => "raw reference",
            (true, false) => "document value",
            (true, true) => "document reference",
        }
    }

    /// The form of this word.
    pub(crate) fn from_name(name: &str) -> Self {
        Self {
            document: name.starts_with("document"),
            reference: name.ends_with("reference"),
        }
    }
}

/// What is to be computed, and how it is to be answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Order {
    /// The request document.
    pub(crate) request: Request,
    /// The form of the answer.
    pub(crate) answer: Answer,
}

/// An execution document of OGC API – Processes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Execution<T> {
    inputs: Inputs<T>,
    #[serde(default)]
    outputs: Outputs,
    #[serde(default)]
    response: Response,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Inputs<T> {
    request: T,
}

/// An input with what it is said to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Qualified {
    value: Request,
    #[serde(default)]
    media_type: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Outputs {
    #[serde(default)]
    layer: Output,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct Output {
    transmission_mode: Option<Transmission>,
    format: Format,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct Format {
    media_type: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Transmission {
    Value,
    Reference,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Response {
    #[default]
    Raw,
    Document,
}

impl Order {
    /// Reads a body: an execution document or, where it has no `inputs`, a request document.
    ///
    /// # Errors
    /// A [`Problem`] with the reader's words and, where it knows them, line and column.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Problem> {
        let text = std::str::from_utf8(body)
            .map_err(|_| Problem::bad_request("the body is not UTF-8 text"))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let malformed = |e| Problem::malformed_json(&e);
        let invalid = |e| Problem::invalid_document(&e);
        let whole: Json = serde_json::from_str(text).map_err(malformed)?;
        let Some(inputs) = whole.get("inputs") else {
            let answer = Answer {
                document: false,
                reference: false,
            };
            let request = Request::from_json(text).map_err(invalid)?;
            return brief(&request).map(|()| Self { request, answer });
        };
        let given = &inputs["request"];
        if given.is_array() {
            let reason = "inputs.request: a request is a JSON object, not a list";
            return Err(Problem::invalid_request(reason));
        }
        if given.get("href").is_some() {
            let reason =
                "inputs.request: documents elsewhere are not fetched; send the request itself";
            return Err(Problem::invalid_request(reason));
        }
        if given.get("value").is_some() && given.get("method").is_none() {
            let read: Execution<Qualified> = serde_json::from_str(text).map_err(invalid)?;
            let Qualified { value, media_type } = read.inputs.request;
            if let Some(media) = media_type.filter(|m| m != JSON) {
                let reason = format!("inputs.request.mediaType: expected {JSON}, not {media}");
                return Err(Problem::invalid_request(reason));
            }
            return ordered(value, read.outputs.layer, read.response);
        }
        let read: Execution<Request> = serde_json::from_str(text).map_err(invalid)?;
        ordered(read.inputs.request, read.outputs.layer, read.response)
    }
}

/// Title and marking stand in every list of the service.
fn brief(request: &Request) -> Result<(), Problem> {
    for (name, text) in [("title", &request.title), ("marking", &request.marking)] {
        let length = text.as_deref().map_or(0, |t| t.chars().count());
        if length > TITLE_LENGTH {
            let reason =
                format!("{name} has {length} characters; at most {TITLE_LENGTH} are taken");
            return Err(Problem::invalid_request(reason));
        }
    }
    Ok(())
}

fn ordered(request: Request, output: Output, response: Response) -> Result<Order, Problem> {
    if let Some(media) = output.format.media_type.filter(|m| m != GEO_JSON) {
        let reason = format!(
            "outputs.layer.format.mediaType: {media} is not offered; use {GEO_JSON}, or fetch other \
             formats from the layer's collection"
        );
        return Err(Problem::invalid_request(reason));
    }
    let document = response == Response::Document;
    let usual = if document {
        Transmission::Reference
    } else {
        Transmission::Value
    };
    let mode = output.transmission_mode.unwrap_or(usual);
    let answer = Answer {
        document,
        reference: mode == Transmission::Reference,
    };
    brief(&request).map(|()| Order { request, answer })
}

/// What a client prefers (RFC 7240). Preferences that are not known or cannot be read have no effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Prefer {
    /// Not to wait for what takes longer.
    pub(crate) respond_async: bool,
    /// To wait for so many seconds.
    pub(crate) wait: Option<u64>,
}

impl Prefer {
    /// Reads the header.
    pub(crate) fn parse(header: &str) -> Self {
        let mut prefer = Self::default();
        for preference in header.split(',') {
            let plain = preference.split(';').next().unwrap_or_default().trim();
            let (name, value) = plain.split_once('=').unwrap_or((plain, ""));
            let (name, value) = (name.trim(), value.trim().trim_matches('"'));
            if name.eq_ignore_ascii_case("respond-async") {
                prefer.respond_async = true;
            } else if name.eq_ignore_ascii_case("wait") && prefer.wait.is_none() {
                prefer.wait = value.parse().ok();
            }
        }
        prefer
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REQUEST: &str = r#"{"method": {"name": "kernel_density"}}"#;

    fn answer(body: &str) -> &'static str {
        Order::read(body.as_bytes()).unwrap().answer.name()
    }

    fn refused(body: &str) -> (String, String) {
        let problem = Order::read(body.as_bytes()).unwrap_err();
        (
            problem.code().to_owned(),
            problem.to_json("")["detail"].as_str().unwrap().to_owned(),
        )
    }

    #[test]
    fn a_request_is_read_bare_or_as_an_input() {
        let bare = Order::read(REQUEST.as_bytes()).unwrap();
        assert_eq!(bare.answer.name(), "raw value");
        for input in [
            REQUEST.to_owned(),
            format!(r#"{{"value": {REQUEST}}}"#),
            format!(r#"{{"value": {REQUEST}, "mediaType": "application/json"}}"#),
        ] {
            let body = format!(r#"{{"inputs": {{"request": {input}}}}}"#);
            assert_eq!(Order::read(body.as_bytes()).unwrap(), bare, "{body}");
        }
        let marked = format!("\u{feff}{REQUEST}");
        assert_eq!(Order::read(marked.as_bytes()).unwrap(), bare);
    }

    #[test]
    fn the_form_of_the_answer_is_read() {
        for (rest, expected) in [
            ("", "raw value"),
            (r#", "response": "raw""#, "raw value"),
            (r#", "response": "document""#, "document reference"),
            (
                r#", "outputs": {"layer": {"transmissionMode": "reference"}}"#,
                "raw reference",
            ),
            (
                r#", "response": "document", "outputs": {"layer": {"transmissionMode": "value",
                   "format": {"mediaType": "application/geo+json"}}}"#,
                "document value",
            ),
        ] {
            let body = format!(r#"{{"inputs": {{"request": {REQUEST}}}{rest}}}"#);
            assert_eq!(answer(&body), expected, "{body}");
            assert_eq!(Answer::from_name(expected).name(), expected);
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_place() {
        let (code, detail) = refused("{\"method\": \n  nonsense}");
        assert_eq!(code, "malformed-json");
        assert!(detail.contains("line 2 column"), "{detail}");
        for (body, words) in [
            ("[]", "a request is a JSON object"),
            ("3", "invalid type"),
            ("{}", "missing field `method`"),
            (
                r#"{"method": {"name": "magic"}}"#,
                "unknown variant `magic`",
            ),
            (
                r#"{"method": {"name": "knox", "speed": 1}}"#,
                "unknown field `speed`",
            ),
            (r#"{"inputs": {}}"#, "missing field `request`"),
            (r#"{"inputs": {"request": []}}"#, "not a list"),
            (
                r#"{"inputs": {"request": {"href": "http://x"}}}"#,
                "not fetched",
            ),
            (r#"{"inputs": {"request": {"value": 3}}}"#, "invalid type"),
            (r#"{"inputs": {"reqest": 3}}"#, "unknown field `reqest`"),
        ] {
            let (code, detail) = refused(body);
            assert_eq!(code, "invalid-request", "{body}");
            assert!(detail.contains(words), "{body}: {detail}");
        }
        for rest in [
            r#""subscriber": {"successUri": "http://x"}"#,
            r#""response": "perhaps""#,
            r#""outputs": {"map": {}}"#,
            r#""outputs": {"layer": {"format": {"mediaType": "image/png"}}}"#,
        ] {
            let body = format!(r#"{{"inputs": {{"request": {REQUEST}}}, {rest}}}"#);
            assert_eq!(refused(&body).0, "invalid-request", "{body}");
        }
    }

    #[test]
    fn preferences_are_read_and_nonsense_has_no_effect() {
        let of = |respond_async, wait| Prefer {
            respond_async,
            wait,
        };
        for (header, expected) in [
            ("", of(false, None)),
            ("respond-async", of(true, None)),
            ("Respond-Async, wait=10", of(true, Some(10))),
            ("wait=\"3\"; x=y,return=minimal", of(false, Some(3))),
            ("wait=3,wait=5", of(false, Some(3))),
            ("wait=soon, respond-asynchronously", of(false, None)),
        ] {
            assert_eq!(Prefer::parse(header), expected, "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_body_is_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Order::read(&body);
        }

        #[test]
        fn any_preference_is_read(header in ".{0,40}") {
            let _ = Prefer::parse(&header);
        }
    }
}
