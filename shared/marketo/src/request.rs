//! One request as data, and how it is put on the wire. Sends nothing.

use domain::{Failure, FailureKind};
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderValue, RANGE};
use reqwest::{Method, Url};
use serde_json::Value;
use transport::SendError;

use crate::config::BaseUrl;
use crate::envelope::Expect;
use crate::routes::Route;

/// Longest query that is sent in the address. Marketo refuses addresses above 8 KB (414); gateways in between may refuse earlier.
const LONGEST_QUERY: usize = 6 * 1024;

/// A request. It can be sent any number of times, unless it says otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The endpoint.
    pub route: Route,
    /// What its answer must have.
    pub expect: Expect,
    /// First byte wanted, of a file.
    pub from: u64,
    /// Fields that it asks for, which a refusal may name.
    pub fields: Vec<String>,
    /// Whether it must not be carried out twice.
    pub once: bool,
    /// The last moment to send it, on this machine's clock.
    pub not_after: Option<Timestamp>,
    path: String,
    query: Option<String>,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    None,
    Json(Value),
    Form(String),
}

impl Request {
    /// A request without parameters.
    pub fn new(route: Route, expect: Expect) -> Self {
        Self {
            route,
            expect,
            from: 0,
            fields: Vec::new(),
            once: false,
            not_after: None,
            path: route.path.to_owned(),
            query: None,
            body: Body::None,
        }
    }

    /// A `GET` with parameters.
    pub fn get(route: Route, expect: Expect, query: &[(&str, &str)]) -> Self {
        Self { query: Some(encoded(query)), ..Self::new(route, expect) }
    }

    /// A `GET` with parameters, or, where they are too long for an address, the `POST` that Marketo takes for the same.
    pub fn get_or_post(get: Route, post: Route, expect: Expect, query: &[(&str, &str)]) -> Self {
        let text = encoded(query);
        if text.len() <= LONGEST_QUERY {
            return Self { query: Some(text), ..Self::new(get, expect) };
        }
        Self { query: Some("_method=GET".to_owned()), body: Body::Form(text), ..Self::new(post, expect) }
    }

    /// A `POST` with a JSON body.
    pub fn post_json(route: Route, expect: Expect, body: Value) -> Self {
        Self { body: Body::Json(body), ..Self::new(route, expect) }
    }

    /// A request about one export job.
    ///
    /// # Errors
    /// `BadRequest` when the id is not one that can stand in a path.
    pub fn export(route: Route, expect: Expect, id: &str) -> Result<Self, Failure> {
        if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            let text = format!("{}: the export id holds other than letters, digits and dashes", route.name());
            return Err(Failure::new(FailureKind::BadRequest, text));
        }
        Ok(Self { path: route.path.replace("{exportId}", id), ..Self::new(route, expect) })
    }

    /// The same about one custom activity type.
    ///
    /// # Errors
    /// `BadRequest` when the name is not one that can stand in a path.
    pub fn about_type(self, api_name: &str) -> Result<Self, Failure> {
        if api_name.is_empty() || !api_name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            let text =
                format!("{}: the type's API name holds other than letters, digits and underscores", self.route.name());
            return Err(Failure::new(FailureKind::BadRequest, text));
        }
        Ok(Self { path: self.path.replace("{apiName}", api_name), ..self })
    }

    /// The same as one that must not be carried out twice: it is repeated only after failures that say that it was not carried out.
    pub fn once(self) -> Self {
        Self { once: true, ..self }
    }

    /// The same as one that is sent no later than this, on this machine's clock.
    pub fn not_after(self, last: Timestamp) -> Self {
        Self { not_after: Some(last), ..self }
    }

    /// The same with the names of the fields that it asks for.
    pub fn naming(mut self, fields: &[String]) -> Self {
        self.fields = fields.to_vec();
        self
    }

    /// The same for a file from this byte on.
    pub fn starting_at(mut self, from: u64) -> Self {
        self.from = from;
        self
    }

    /// Ready to be sent, but for the token.
    ///
    /// # Errors
    /// When the address is none.
    pub fn build(&self, base: &BaseUrl) -> Result<reqwest::Request, SendError> {
        let mut address = base.join(&self.path);
        if let Some(query) = &self.query {
            address = format!("{address}?{query}");
        }
        let method = if self.route.method == "POST" { Method::POST } else { Method::GET };
        let address = Url::parse(&address).map_err(|_| SendError::BadRequest)?;
        let mut request = reqwest::Request::new(method, address);
        if self.from > 0 {
            let range = HeaderValue::try_from(format!("bytes={}-", self.from)).map_err(|_| SendError::BadRequest)?;
            request.headers_mut().insert(RANGE, range);
        }
        let body = match &self.body {
            Body::None => None,
            Body::Json(value) => Some(("application/json", value.to_string())),
            Body::Form(text) => Some(("application/x-www-form-urlencoded", text.clone())),
        };
        if let Some((content_type, text)) = body {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            *request.body_mut() = Some(text.into());
        }
        Ok(request)
    }
}

/// Parameters as a query or a form: `+` in times and `=` in paging tokens have to be escaped.
fn encoded(query: &[(&str, &str)]) -> String {
    let Ok(mut scratch) = Url::parse("http://localhost/") else { return String::new() };
    scratch.query_pairs_mut().extend_pairs(query);
    scratch.query().unwrap_or_default().to_owned()
}
