//! Documents as pages: the same information and the same links, for people.
//!
//! One way of showing JSON serves every resource: objects become lists of terms, lists of like
//! objects become tables, links become links. Features become a table with one row each.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::{Map, Value as Json};

use crate::links::Link;

/// What a page may load: nothing but the style that it carries.
pub(crate) const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8886;--quiet:light-dark(#555,#aaa)}\
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:76rem}\
h1{font-size:1.5rem;line-height:1.25;margin:.5rem 0}\
nav ul,ul.links{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem}\
ul.links{display:block}ul.links small,dt,th{color:var(--quiet)}\
.scroll{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}\
th,td{border-bottom:1px solid var(--line);padding:.25rem .6rem;text-align:left;vertical-align:top}\
td.number{text-align:right}dl{display:grid;grid-template-columns:minmax(8rem,auto) 1fr;gap:.2rem 1rem;margin:0}\
dt{overflow-wrap:anywhere}dd{margin:0;overflow-wrap:anywhere}dd dl{border-left:2px solid var(--line);padding-left:.7rem}\
@media(max-width:40rem){dl{display:block}dd{margin:0 0 .5rem}}\
a:focus-visible{outline:3px solid currentColor;outline-offset:2px}";

/// A page with a title, what stands above the rest, and the links of the document.
pub(crate) fn page(title: &str, body: &Markup, links: &[Link]) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en-GB" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (title) }
                style { (PreEscaped(STYLE)) }
                @for link in links {
                    link rel=(link.rel) type=(link.media) href=(link.href);
                }
            }
            body {
                main {
                    h1 { (title) }
                    (body)
                }
                @if !links.is_empty() {
                    nav aria-label="Links of this document" {
                        h2 { "Links" }
                        ul { @for link in links {
                            li { a href=(link.href) rel=(link.rel) type=(link.media) { (link.title) }
                                 " " small { (link.rel) ", " (link.media) } }
                        } }
                    }
                }
            }
        }
    };
    markup.into_string()
}

/// The members of a document, its links left out: they are shown apart.
pub(crate) fn members(document: &Map<String, Json>) -> Markup {
    terms(document.iter().filter(|(name, _)| *name != "links"))
}

fn terms<'a>(members: impl Iterator<Item = (&'a String, &'a Json)>) -> Markup {
    html! { dl { @for (name, value) in members {
        dt { (name.as_str()) }
        dd { (shown(value)) }
    } } }
}

/// A value of a document.
fn shown(value: &Json) -> Markup {
    match value {
        Json::Null => html! { "–" },
        Json::Bool(true) => html! { "yes" },
        Json::Bool(false) => html! { "no" },
        Json::Number(number) => html! { (number.to_string()) },
        Json::String(text) => text_or_link(text),
        Json::Array(list) if list.is_empty() => html! { "none" },
        Json::Array(list) => many(list),
        Json::Object(object) => terms(object.iter()),
    }
}

fn text_or_link(text: &str) -> Markup {
    if text.starts_with("http://") || text.starts_with("https://") {
        html! { a href=(text) { (text) } }
    } else {
        html! { (text) }
    }
}

fn many(list: &[Json]) -> Markup {
    if list.iter().all(is_link) {
        return html! { ul.links { @for link in list {
            li { a href=(text_of(link, "href")) { (text_of(link, "title")) }
                 " " small { (text_of(link, "rel")) ", " (text_of(link, "type")) } }
        } } };
    }
    let plain = |v: &Json| !v.is_object() && !v.is_array();
    if list.iter().all(plain) {
        return html! { @for (n, value) in list.iter().enumerate() {
            @if n > 0 { ", " }
            (shown(value))
        } };
    }
    let objects: Vec<_> = list.iter().filter_map(Json::as_object).collect();
    if objects.len() < list.len() {
        return html! { ul { @for value in list { li { (shown(value)) } } } };
    }
    let mut columns: Vec<&str> = Vec::new();
    for name in objects.iter().flat_map(|o| o.keys()) {
        if !columns.contains(&name.as_str()) {
            columns.push(name);
        }
    }
    table(&columns, objects.iter().map(|o| row(&columns, o)))
}

fn row(columns: &[&str], object: &Map<String, Json>) -> Markup {
    html! { @for name in columns { (cell(object.get(*name))) } }
}

fn cell(value: Option<&Json>) -> Markup {
    match value {
        None => html! { td {} },
        Some(number @ Json::Number(_)) => html! { td.number { (shown(number)) } },
        Some(other) => html! { td { (shown(other)) } },
    }
}

fn table(columns: &[&str], rows: impl Iterator<Item = Markup>) -> Markup {
    html! { div.scroll tabindex="0" role="region" aria-label="Table" { table {
        thead { tr { @for name in columns { th scope="col" { (name) } } } }
        tbody { @for row in rows { tr { (row) } } }
    } } }
}

/// Features as a table: the id, which leads to the feature, and the properties.
pub(crate) fn features(features: &[Json], address: impl Fn(&str) -> String) -> Markup {
    let properties = features.first().and_then(|f| f["properties"].as_object());
    let columns: Vec<&str> = properties
        .into_iter()
        .flatten()
        .map(|(k, _)| k.as_str())
        .collect();
    let mut heads = vec!["feature"];
    heads.extend(&columns);
    let empty = Map::new();
    let rows = features.iter().map(|feature| {
        let id = text_of(feature, "id");
        let properties = feature["properties"].as_object().unwrap_or(&empty);
        html! { td { a href=(address(id)) { (id) } } (row(&columns, properties)) }
    });
    if features.is_empty() {
        html! { p { "No features." } }
    } else {
        table(&heads, rows)
    }
}

fn is_link(value: &Json) -> bool {
    value["href"].is_string() && value["rel"].is_string()
}

fn text_of<'a>(value: &'a Json, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn markup_in_data_stays_text() {
        let evil = "<script>alert(1)</script>\"'&";
        let document = json!({ evil: [{ "a": evil }, { "b": [evil, 1] }], "t": evil });
        let body = members(document.as_object().unwrap());
        let page = page(evil, &body, &[]);
        assert!(!page.contains("<script"), "{page}");
        assert_eq!(page.matches("&lt;script").count(), 6);
    }

    #[test]
    fn features_become_rows_and_links() {
        let list = [
            json!({ "id": "a/b", "properties": { "count": 3, "name": "A & B" } }),
            json!({ "id": "c", "properties": { "count": null, "name": "C" } }),
        ];
        let text = features(&list, |id| format!("https://x/items/{id}")).into_string();
        assert!(
            text.contains("<a href=\"https://x/items/a/b\">a/b</a>"),
            "{text}"
        );
        assert!(
            text.contains("<td class=\"number\">3</td><td>A &amp; B</td>"),
            "{text}"
        );
        assert!(
            features(&[], |_| String::new())
                .into_string()
                .contains("No features")
        );
    }

    #[test]
    fn lists_of_like_objects_become_tables() {
        let document = json!({ "list": [{ "a": 1 }, { "a": 2, "b": true }], "none": [] });
        let text = members(document.as_object().unwrap()).into_string();
        assert!(
            text.contains("<th scope=\"col\">a</th><th scope=\"col\">b</th>"),
            "{text}"
        );
        assert!(
            text.contains("<td>yes</td>") && text.contains("<dd>none</dd>"),
            "{text}"
        );
    }
}
