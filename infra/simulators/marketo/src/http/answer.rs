//! Building HTTP answers: JSON, text, streams, gzip.
//! Must not know what is in them.

use std::io::Write;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

/// Smaller bodies are sent as they are.
const GZIP_FROM: usize = 1024;

pub(crate) fn json(status: StatusCode, value: &Value) -> Response {
    stream(status, "application/json;charset=UTF-8", Body::from(value.to_string()))
}

/// JSON, compressed if the caller takes gzip and it is worth it.
pub(crate) fn json_maybe_gzip(value: &Value, accepts_gzip: bool) -> Response {
    let plain = value.to_string();
    if accepts_gzip && plain.len() >= GZIP_FROM {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        if encoder.write_all(plain.as_bytes()).is_ok()
            && let Ok(packed) = encoder.finish()
        {
            let mut response = stream(StatusCode::OK, "application/json;charset=UTF-8", Body::from(packed));
            set(&mut response, header::CONTENT_ENCODING, "gzip");
            return response;
        }
    }
    stream(StatusCode::OK, "application/json;charset=UTF-8", Body::from(plain))
}

pub(crate) fn text(status: StatusCode, body: &str) -> Response {
    stream(status, "text/plain;charset=UTF-8", Body::from(body.to_owned()))
}

pub(crate) fn stream(status: StatusCode, content_type: &'static str, body: Body) -> Response {
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
