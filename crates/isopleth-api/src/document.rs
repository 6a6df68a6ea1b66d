//! Documents: JSON for programs, the same as a page for people, each with a link to the other.

use axum::http::header::CONTENT_SECURITY_POLICY;
use serde_json::{Map, Value as Json};

use crate::accept::{Format, format};
use crate::call::Call;
use crate::html;
use crate::links::{self, HTML, Link};
use crate::problem::Problem;
use crate::query::Query;
use crate::reply::Reply;

/// A document before it is known what the client reads.
pub(crate) struct Document {
    /// Title of the page.
    pub(crate) title: String,
    /// Media type of the JSON.
    pub(crate) media: &'static str,
    /// The address of the resource, without its query.
    pub(crate) here: String,
    /// Links besides those to this document and its other format.
    pub(crate) links: Vec<Link>,
    /// The members besides `links`.
    pub(crate) members: Map<String, Json>,
}

impl Document {
    /// The document as the client wants it.
    ///
    /// # Errors
    /// A [`Problem`] for a format that is not offered.
    pub(crate) fn reply(self, call: &Call) -> Result<Reply, Problem> {
        let format = format(call, &[("json", Format::Json), ("html", Format::Html)])?;
        let (own, (other, media)) = match format {
            Format::Json | Format::File(_) => (self.media, ("html", HTML)),
            Format::Html => (HTML, ("json", self.media)),
        };
        let (mine, others) = (&call.query, call.query.with(&[("f", other.to_owned())]));
        let at = |query: &Query| self.here.clone() + &query.to_suffix();
        let other = format!("{} as {other}", self.title);
        let mut links = vec![
            Link::new("self", own, &self.title, at(mine)),
            Link::new("alternate", media, other, at(&others)),
        ];
        links.extend(self.links);
        Ok(match format {
            Format::Json | Format::File(_) => {
                let mut members = self.members;
                members.insert("links".to_owned(), links::to_json(&links));
                Reply::document(call, self.media, &Json::Object(members))
            }
            Format::Html => page(call, &self.title, &html::members(&self.members), &links),
        }
        .with_links(&links))
    }
}

/// A page.
pub(crate) fn page(call: &Call, title: &str, body: &maud::Markup, links: &[Link]) -> Reply {
    Reply::text(
        call,
        "text/html; charset=utf-8",
        html::page(title, body, links),
    )
    .with_header(CONTENT_SECURITY_POLICY, html::POLICY)
}
