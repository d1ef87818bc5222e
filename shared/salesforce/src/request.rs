//! One request before it is sent. Knows neither sessions nor repeats.

use domain::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde_json::Value;

use transport::SendError;

/// Whether carrying a request out twice is the same as once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Reads, upserts by our key, updates to given values, deletions.
    Safe,
    /// Creations: never sent again once they may have been carried out.
    Unsafe,
}

/// A request to an instance.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Its name in counts and texts, such as `GET /query`.
    pub name: &'static str,
    pub method: Method,
    /// Behind `/services/data/vNN.0`, or from `/services` on.
    pub path: String,
    pub query: Vec<(&'static str, String)>,
    pub body: Option<Value>,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub repeat: Repeat,
    /// Nothing is sent after this.
    pub not_after: Option<Timestamp>,
}

impl Request {
    /// A read.
    pub fn get(name: &'static str, path: impl Into<String>) -> Self {
        Self {
            name,
            method: Method::GET,
            path: path.into(),
            query: Vec::new(),
            body: None,
            headers: Vec::new(),
            repeat: Repeat::Safe,
            not_after: None,
        }
    }

    /// A write.
    pub fn write(
        name: &'static str,
        method: Method,
        path: impl Into<String>,
        body: Option<Value>,
        repeat: Repeat,
    ) -> Self {
        Self { method, body, repeat, ..Self::get(name, path) }
    }

    /// The same with a parameter.
    pub fn param(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// The same with a header.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The request to an instance.
    pub fn build(&self, instance: &str, version: &str) -> Result<reqwest::Request, SendError> {
        let address = if self.path.starts_with("/services") {
            format!("{instance}{}", self.path)
        } else {
            format!("{instance}/services/data/{version}{}", self.path)
        };
        let address =
            if self.query.is_empty() { Url::parse(&address) } else { Url::parse_with_params(&address, &self.query) };
        let mut request = reqwest::Request::new(self.method.clone(), address.map_err(|_| SendError::BadRequest)?);
        if let Some(body) = &self.body {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.to_string().into());
        }
        for (name, value) in &self.headers {
            request.headers_mut().insert(name, value.clone());
        }
        Ok(request)
    }
}

/// A piece of a path, safe whatever it holds.
pub(crate) fn segment(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
