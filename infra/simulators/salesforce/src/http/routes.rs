//! The list of endpoints after the version: method, path template, and who answers.
//! Must not know what an answer contains.

use super::call::{Call, Outcome, decode};
use super::{collections, composite, described, query, replication, sobjects};

pub(crate) type Handler = fn(&Call) -> Outcome;

/// One endpoint, method and template as one string.
pub(crate) type Route = (&'static str, Handler);

#[rustfmt::skip]
const ROUTES: &[Route] = &[
    ("GET /", described::resources),
    ("GET /limits", described::limits),
    ("GET /sobjects", described::all),
    ("GET /sobjects/{object}", described::basic),
    ("POST /sobjects/{object}", sobjects::create),
    ("GET /sobjects/{object}/describe", described::whole),
    ("GET /sobjects/{object}/updated", replication::updated),
    ("GET /sobjects/{object}/deleted", replication::deleted),
    ("GET /sobjects/{object}/{id}", sobjects::read),
    ("PATCH /sobjects/{object}/{id}", sobjects::update),
    ("DELETE /sobjects/{object}/{id}", sobjects::delete),
    ("GET /sobjects/{object}/{field}/{value}", sobjects::read_by_key),
    ("PATCH /sobjects/{object}/{field}/{value}", sobjects::upsert),
    ("DELETE /sobjects/{object}/{field}/{value}", sobjects::delete_by_key),
    ("GET /query", query::query),
    ("GET /queryAll", query::query_all),
    ("GET /query/{locator}", query::more),
    ("GET /queryAll/{locator}", query::more),
    ("POST /composite", composite::series),
    ("POST /composite/batch", composite::batch),
    ("POST /composite/sobjects", collections::create),
    ("PATCH /composite/sobjects", collections::update),
    ("DELETE /composite/sobjects", collections::delete),
    ("GET /composite/sobjects/{object}", collections::read),
    ("POST /composite/sobjects/{object}", collections::read),
    ("PATCH /composite/sobjects/{object}/{field}", collections::upsert),
];

/// What a method and path lead to.
pub(crate) enum Found {
    Route(&'static Route, Vec<String>),
    /// The path exists with other methods.
    OtherMethod,
    Nothing,
}

/// `path` is what follows the version; a slash at its end makes no difference.
pub(crate) fn resolve(method: &str, path: &str) -> Found {
    let segments = split(path);
    let mut other = false;
    for route in ROUTES {
        let Some((known, template)) = route.0.split_once(' ') else { continue };
        let Some(parts) = fit(&segments, &split(template)) else { continue };
        if known == method || (method == "HEAD" && known == "GET") {
            return Found::Route(route, parts);
        }
        other = true;
    }
    if other { Found::OtherMethod } else { Found::Nothing }
}

fn split(path: &str) -> Vec<&str> {
    path.trim_matches('/').split('/').collect()
}

fn fit(segments: &[&str], template: &[&str]) -> Option<Vec<String>> {
    if segments.len() != template.len() {
        return None;
    }
    let mut parts = Vec::new();
    for (segment, wanted) in segments.iter().zip(template) {
        if wanted.starts_with('{') {
            parts.push(decode(segment, false));
        } else if segment != wanted {
            return None;
        }
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_their_endpoints() {
        for (method, path, expected) in [
            ("GET", "/query/", "GET /query"),
            ("GET", "/sobjects/Task/describe/", "GET /sobjects/{object}/describe"),
            ("PATCH", "/sobjects/Task/Key__c/a%2Fb", "PATCH /sobjects/{object}/{field}/{value}"),
            ("GET", "", "GET /"),
        ] {
            let Found::Route(route, _) = resolve(method, path) else { panic!("{method} {path}") };
            assert_eq!(route.0, expected);
        }
        assert!(matches!(resolve("PUT", "/query"), Found::OtherMethod));
        assert!(matches!(resolve("GET", "/nowhere"), Found::Nothing));
    }
}
