//! A scripted server, and a world of virtual time around the client. Knows no wire types of the client's.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use domain::ports::{CallBudget, Chance, Clock};
use domain::{Failure, Timestamp};
use futures_util::{StreamExt, stream};
use marketo::{BaseUrl, Credentials, MarketoClient, MarketoConfig, PlainCredentials, TimeLimits};
use serde_json::Value;

pub const SECRET: &str = "canary-secret-5b1f";
pub const CANARY: &str = "canary.person@example.com";
pub const LEADS: &str = "GET /rest/v1/leads.json";
pub const IDENTITY: &str = "GET /identity/oauth/token";

/// One answer of the script.
#[derive(Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
    end: End,
}

/// How a body ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Whole,
    Broken,
    Silent,
}

impl Reply {
    pub fn text(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), end: End::Whole }
    }

    pub fn json(value: Value) -> Self {
        Self::text(200, value.to_string()).header("content-type", "application/json;charset=UTF-8")
    }

    pub fn error(code: &str, message: &str) -> Self {
        Self::json(
            serde_json::json!({"requestId": "a#1", "success": false, "errors": [{"code": code, "message": message}]}),
        )
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The connection breaks after the body.
    pub fn broken(mut self) -> Self {
        self.end = End::Broken;
        self
    }

    /// Nothing comes after the body, and the connection stays open.
    pub fn silent(mut self) -> Self {
        self.end = End::Silent;
        self
    }

    fn respond(self, now: Timestamp) -> Response {
        let mut response = Response::builder().status(self.status);
        if self.headers.iter().all(|(name, _)| *name != "date") {
            response = response.header("date", http_date(now));
        }
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        let first = stream::iter([Ok(self.body.clone())]);
        let body = match self.end {
            End::Whole => Body::from(self.body),
            End::Broken => Body::from_stream(first.chain(stream::once(cut()))),
            End::Silent => Body::from_stream(first.chain(stream::pending())),
        };
        response.body(body).unwrap()
    }
}

/// Lets the server send what it has before it breaks off.
async fn cut() -> Result<Bytes, std::io::Error> {
    tokio::task::yield_now().await;
    Err(std::io::Error::other("cut"))
}

pub fn http_date(now: Timestamp) -> String {
    now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// One request as the server saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub endpoint: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

#[derive(Default)]
struct Script {
    replies: HashMap<String, VecDeque<Reply>>,
    seen: Vec<Seen>,
    tokens: u32,
}

#[derive(Clone)]
struct Server {
    script: Arc<Mutex<Script>>,
    clock: Arc<FakeClock>,
}

async fn answer(State(server): State<Server>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
    let endpoint = format!("{} {}", parts.method, parts.uri.path());
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let mut script = server.script.lock().unwrap();
    script.seen.push(Seen { endpoint: endpoint.clone(), query, headers: parts.headers, body });
    let reply = match script.replies.get_mut(&endpoint) {
        Some(replies) if replies.len() > 1 => replies.pop_front().unwrap(),
        Some(replies) => replies.front().unwrap().clone(),
        None if endpoint == IDENTITY => {
            script.tokens += 1;
            let token = format!("token-{}", script.tokens);
            Reply::json(
                serde_json::json!({"access_token": token, "token_type": "bearer", "expires_in": 3599, "scope": "a@b.c"}),
            )
        }
        None => Reply::text(418, format!("no script for {endpoint}")),
    };
    reply.respond(server.clock.now())
}

/// A clock that jumps.
pub struct FakeClock {
    now: Mutex<Timestamp>,
    pub pauses: Mutex<Vec<Duration>>,
}

impl FakeClock {
    pub fn advance(&self, by: Duration) {
        let mut now = self.now.lock().unwrap();
        *now = now.checked_add(by).unwrap();
    }
}

#[async_trait]
impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    async fn sleep(&self, pause: Duration) {
        self.pauses.lock().unwrap().push(pause);
        self.advance(pause);
        tokio::task::yield_now().await;
    }
}

/// Always the middle.
struct Half;

impl Chance for Half {
    fn next_u64(&self) -> u64 {
        u64::MAX / 2
    }
}

#[derive(Default)]
pub struct FakeBudget {
    pub taken: Mutex<u32>,
    pub gone_until: Mutex<Option<Timestamp>>,
    pub refusal: Mutex<Option<Failure>>,
}

#[async_trait]
impl CallBudget for FakeBudget {
    async fn take(&self) -> Result<(), Failure> {
        if let Some(refusal) = self.refusal.lock().unwrap().clone() {
            return Err(refusal);
        }
        *self.taken.lock().unwrap() += 1;
        Ok(())
    }

    async fn is_free(&self) -> Result<bool, Failure> {
        Ok(true)
    }

    fn allow(&self) {}

    async fn daily_calls_gone(&self, until: Timestamp) {
        *self.gone_until.lock().unwrap() = Some(until);
    }
}

/// Client, server, clock and budget of one test.
pub struct World {
    pub client: MarketoClient,
    pub clock: Arc<FakeClock>,
    pub budget: Arc<FakeBudget>,
    script: Arc<Mutex<Script>>,
}

impl World {
    pub async fn new() -> Self {
        Self::with(5, TimeLimits::default()).await
    }

    /// Waits of the client's that are bound to real time are cut short.
    pub async fn impatient() -> Self {
        let short = Duration::from_millis(100);
        Self::with(5, TimeLimits { usual: short, adding: short, slow: short, stall: short }).await
    }

    /// A client that asks for its credentials here.
    pub async fn with_credentials(credentials: Arc<dyn Credentials>) -> Self {
        Self::of(TimeLimits::default(), |base| MarketoConfig { credentials, ..config(base, 5) }).await
    }

    pub async fn with(max_in_flight: usize, limits: TimeLimits) -> Self {
        Self::of(limits, |base| config(base, max_in_flight)).await
    }

    async fn of(limits: TimeLimits, config: impl FnOnce(&str) -> MarketoConfig) -> Self {
        let clock = Arc::new(FakeClock { now: Mutex::new(at("2026-07-01T12:00:00Z")), pauses: Mutex::default() });
        let script: Arc<Mutex<Script>> = Arc::default();
        let server = Server { script: script.clone(), clock: clock.clone() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/rest/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer).with_state(server)).await });
        let budget = Arc::new(FakeBudget::default());
        let client =
            MarketoClient::with_time_limits(config(&base), clock.clone(), Arc::new(Half), budget.clone(), limits);
        Self { client, clock, budget, script }
    }

    /// The answers of one endpoint, in order; the last one stays.
    pub fn script(&self, endpoint: &str, replies: impl IntoIterator<Item = Reply>) -> &Self {
        self.script.lock().unwrap().replies.insert(endpoint.to_owned(), replies.into_iter().collect());
        self
    }

    /// The requests to one endpoint so far.
    pub fn seen(&self, endpoint: &str) -> Vec<Seen> {
        self.script.lock().unwrap().seen.iter().filter(|seen| seen.endpoint == endpoint).cloned().collect()
    }

    pub fn pauses(&self) -> Vec<Duration> {
        self.clock.pauses.lock().unwrap().clone()
    }
}

pub fn config(base: &str, max_in_flight: usize) -> MarketoConfig {
    MarketoConfig {
        base_url: BaseUrl::parse(base).unwrap(),
        credentials: PlainCredentials::shared("client-id", SECRET),
        max_in_flight,
    }
}

/// A client of an address where nobody listens.
pub fn lonely_client(base: &str) -> MarketoClient {
    let clock = FakeClock { now: Mutex::new(at("2026-07-01T12:00:00Z")), pauses: Mutex::default() };
    MarketoClient::new(config(base, 1), Arc::new(clock), Arc::new(Half), Arc::new(FakeBudget::default()))
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn names(fields: &[&str]) -> Vec<String> {
    fields.iter().map(ToString::to_string).collect()
}

/// No text of a failure may hold what belongs to a person, or lets one in.
#[track_caller]
pub fn assert_harmless(failure: &Failure) {
    for text in [failure.to_string(), format!("{failure:?}")] {
        for secret in [SECRET, CANARY, "token-1", "Canary"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}
