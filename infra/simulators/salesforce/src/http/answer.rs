//! Building HTTP answers: JSON, text, gzip.
//! Must not know what is in them.

use std::io::Write;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

/// Smaller bodies are sent as they are.
const GZIP_FROM: usize = 2_048;
const JSON: &str = "application/json;charset=UTF-8";

pub(crate) fn json(status: StatusCode, value: &Value) -> Response {
    with_body(status, JSON, Body::from(value.to_string()))
}

/// JSON that is written already, compressed if the caller takes gzip and it is worth it.
pub(crate) fn json_text(status: StatusCode, text: String, accepts_gzip: bool) -> Response {
    if accepts_gzip && text.len() >= GZIP_FROM {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        if encoder.write_all(text.as_bytes()).is_ok()
            && let Ok(packed) = encoder.finish()
        {
            let mut response = with_body(status, JSON, Body::from(packed));
            set(&mut response, header::CONTENT_ENCODING, "gzip");
            return response;
        }
    }
    with_body(status, JSON, Body::from(text))
}

pub(crate) fn text(status: StatusCode, body: &str) -> Response {
    with_body(status, "text/html;charset=UTF-8", Body::from(body.to_owned()))
}

/// A status alone.
pub(crate) fn nothing(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

pub(crate) fn with_body(status: StatusCode, content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

pub(crate) fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
