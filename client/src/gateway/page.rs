//! Two plain pages for people: the collections there are, and a collection's files.

use super::refusal::HttpRefusal;
use super::shared::Shared;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use formats::target;
use std::fmt::Write;

/// Lines of a page; the rest is counted.
const LINES_MAX: usize = 1000;
/// Nothing on them comes from elsewhere, and nothing runs.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";
const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}\
    table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .5rem;\
    border-bottom:1px solid #8884;overflow-wrap:anywhere}td+td,th+th{text-align:right;white-space:nowrap}\
    code{background:#8882;padding:.1rem .3rem;overflow-wrap:anywhere}:root{color-scheme:light dark}\
    @media(max-width:40rem){.type{display:none}}";

pub(super) async fn collections(shared: &Shared) -> Result<Response, HttpRefusal> {
    let all = {
        let _turn = shared.lookups.turn("").await;
        shared.client.control().collections().await
    };
    let all = all.map_err(|error| HttpRefusal::of_control(&error))?;
    let mut rows = String::new();
    for one in all.iter().take(LINES_MAX) {
        let name = escaped(&one.name);
        // Writing to a string can't fail.
        let _ = write!(
            rows,
            "<tr><td><a href=\"/{name}/\">{name}</a><td>{}<td>{}",
            one.files,
            size(one.bytes)
        );
    }
    let lead = "<p>Any player opens a file of these by its address here.";
    let head = "<tr><th>collection<th>files<th>size";
    Ok(page("Collections", lead, head, &rows, all.len()))
}

pub(super) async fn files(shared: &Shared, name: &str) -> Result<Response, HttpRefusal> {
    let collection = shared.collection(name).await?;
    let entries = collection.manifest.entries();
    let mut rows = String::new();
    for entry in entries.iter().take(LINES_MAX) {
        let _ = write!(
            rows,
            "<tr><td><a href=\"/{}/{}\">{}</a><td class=\"type\">{}<td>{}",
            escaped(name),
            escaped(&target::encoded(&entry.path)),
            escaped(&entry.path),
            escaped(&entry.media_type),
            size(entry.size)
        );
    }
    let lead = format!(
        "<p>Id <code>{}</code>. <a href=\"/\">All collections</a>",
        collection.id
    );
    let head = "<tr><th>file<th class=\"type\">type<th>size";
    Ok(page(name, &lead, head, &rows, entries.len()))
}

fn page(title: &str, lead: &str, head: &str, rows: &str, lines: usize) -> Response {
    let title = escaped(title);
    let more = match lines.saturating_sub(LINES_MAX) {
        0 => String::new(),
        more => format!("<p>And {more} more."),
    };
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title} · Quittance</title>\
         <style>{STYLE}</style><h1>{title}</h1>{lead}<table>{head}{rows}</table>{more}</html>\n"
    );
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Html(html)).into_response()
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

fn size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} B"),
        _ => format!("{value:.1} {}", units[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_others_becomes_markup() {
        assert_eq!(
            escaped("<a href='x'>&\""),
            "&lt;a href=&#39;x&#39;&gt;&amp;&quot;"
        );
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1536), "1.5 KiB");
    }
}
