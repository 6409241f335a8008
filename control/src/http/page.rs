//! The page that shows the status: files that are part of the binary. What they show they ask of
//! `/v1/status/events`, with the token that their user enters; they themselves are no secret.

use super::error::HttpRefusal;
use axum::extract::Path;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::response::{IntoResponse, Response};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// Nothing from elsewhere, nothing inline, no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

macro_rules! files {
    ($($name:literal: $media_type:expr,)*) => {
        [$(($name, $media_type, include_str!(concat!("page/", $name))),)*]
    };
}

const FILES: [(&str, &str, &str); 8] = files! {
    "page.css": CSS,
    "main.js": JS,
    "dom.js": JS,
    "feed.js": JS,
    "map.js": JS,
    "land.js": JS,
    "charts.js": JS,
    "tables.js": JS,
};

fn answer(media_type: &'static str, text: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, media_type),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        // A new version of the control plane brings a new page.
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}

/// `GET /`.
pub(super) async fn index() -> Response {
    answer(HTML, include_str!("page/index.html"))
}

/// `GET /page/{file}`.
pub(super) async fn file(Path(name): Path<String>) -> Result<Response, HttpRefusal> {
    let found = FILES.iter().find(|(known, ..)| *known == name);
    let none = || HttpRefusal::not_found("there is no such file");
    let (_, media_type, text) = found.ok_or_else(none)?;
    Ok(answer(media_type, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_nothing_else_and_has_nothing_inline() {
        let index = include_str!("page/index.html");
        let all = FILES.iter().map(|(name, _, text)| (*name, *text));
        for (name, text) in all.chain([("index.html", index)]) {
            for forbidden in [
                "http://",
                "https://",
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "eval(",
                " style=",
                " onclick",
                " onload",
            ] {
                // An XML namespace is a name, not an address.
                let text = text.replace("http://www.w3.org/2000/svg", "");
                assert!(!text.contains(forbidden), "{name} has {forbidden}");
            }
        }
        for (name, ..) in FILES {
            let used = format!("page/{name}");
            let imported = format!("./{name}");
            let is_used =
                index.contains(&used) || FILES.iter().any(|(_, _, text)| text.contains(&imported));
            assert!(is_used, "{name}");
        }
    }
}
