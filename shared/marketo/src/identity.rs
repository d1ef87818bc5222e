//! The access token: fetched once for all tasks, kept for its remaining life, dropped when Marketo refuses it.
//! Knows nothing of the calls that it is for. Identity calls count against no limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::ports::{Chance, Clock};
use domain::{Failure, FailureKind};
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, Request, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;
use transport::{SendError, Transport};

use crate::call;
use crate::classify::{self, Spot};
use crate::clock::MarketoClock;
use crate::config::MarketoConfig;
use crate::retry::{Again, Retries, Trouble};
use crate::routes;

/// A token is not used in the last seconds of its life, so that it does not die on the way.
const SLACK: SignedDuration = SignedDuration::from_secs(15);
/// Largest identity answer, bytes.
const LARGEST_ANSWER: usize = 64 * 1024;

/// For so long after a refusal of the credentials nobody asks again: longer than what is left of an invocation that goes on to its next
/// message, shorter than the minute after which a schedule tries anew with what an operator may have put right.
const REFUSED_FOR: SignedDuration = SignedDuration::from_secs(30);

/// Most tokens fetched until one tells the time.
const MAX_TOKENS_FOR_THE_TIME: u32 = 3;

/// A token and the moment from which a new one is wanted.
#[derive(Clone)]
pub(crate) struct Token {
    secret: Arc<SecretString>,
    serial: u64,
    fresh_until: Timestamp,
}

impl Token {
    /// The text for the `Authorization` header.
    pub fn secret(&self) -> &str {
        self.secret.expose_secret()
    }
}

/// Where tokens come from.
pub(crate) struct Identity {
    transport: Arc<dyn Transport>,
    config: MarketoConfig,
    time_limit: Duration,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    marketo_clock: Arc<MarketoClock>,
    held: Mutex<Held>,
    fetches: AtomicU64,
}

#[derive(Default)]
struct Held {
    token: Option<Token>,
    failure: Option<Failure>,
    /// Until when a refusal of the credentials stands.
    refused_until: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Wire {
    access_token: Option<String>,
    expires_in: Option<f64>,
    error: Option<String>,
}

impl Identity {
    pub fn new(
        transport: Arc<dyn Transport>,
        config: MarketoConfig,
        time_limit: Duration,
        (clock, chance): (Arc<dyn Clock>, Arc<dyn Chance>),
        marketo_clock: Arc<MarketoClock>,
    ) -> Self {
        let held = Mutex::new(Held::default());
        Self { transport, config, time_limit, clock, chance, marketo_clock, held, fetches: AtomicU64::new(0) }
    }

    /// A token that is good for some seconds at least. However many tasks ask, one request is made; those that waited for one that
    /// failed are told the same.
    pub async fn token(&self) -> Result<Token, Failure> {
        let fetches_before = self.fetches.load(Ordering::Acquire);
        let mut held = self.held.lock().await;
        if let Some(token) = held.token.as_ref().filter(|token| self.clock.now() < token.fresh_until) {
            return Ok(token.clone());
        }
        let fetches = self.fetches.load(Ordering::Acquire);
        let refused = held.refused_until.is_some_and(|until| self.clock.now() < until);
        if let Some(failure) = held.failure.as_ref().filter(|_| refused || fetches > fetches_before) {
            return Err(failure.clone());
        }
        let answer = self.fetch(fetches + 1).await;
        held.token = answer.as_ref().ok().cloned();
        held.failure = answer.as_ref().err().cloned();
        let refused = held.failure.as_ref().is_some_and(|failure| failure.kind == FailureKind::BadCredentials);
        held.refused_until = self.clock.now().checked_add(REFUSED_FOR).ok().filter(|_| refused);
        self.fetches.store(fetches + 1, Ordering::Release);
        answer
    }

    /// Sees to it that there is a token and that Marketo's time is known. An answer that was long under way brings the one and not the
    /// other; it is asked for again, as identity calls count against no limit.
    pub async fn connect(&self) -> Result<(), Failure> {
        for _ in 0..MAX_TOKENS_FOR_THE_TIME {
            let token = self.token().await?;
            if self.marketo_clock.is_known() {
                return Ok(());
            }
            self.drop_token(&token).await;
        }
        let text =
            "answers take too long to tell Marketo's time from them, which this machine's clock may not agree with";
        Err(Failure::new(FailureKind::Unavailable, format!("{}: {text}", routes::IDENTITY.name())))
    }

    /// Forgets a token that Marketo refused. A newer one, fetched by another task meanwhile, is kept.
    pub async fn drop_token(&self, refused: &Token) {
        let mut held = self.held.lock().await;
        if held.token.as_ref().is_some_and(|token| token.serial == refused.serial) {
            held.token = None;
        }
    }

    async fn fetch(&self, serial: u64) -> Result<Token, Failure> {
        let credentials = self.config.credentials.get().await?;
        let mut retries = Retries::new(self.clock.as_ref(), self.chance.as_ref());
        loop {
            let began = self.clock.now();
            let trouble = match self.attempt(&credentials, began, serial).await {
                Ok(token) => return Ok(token),
                Err(trouble) => trouble,
            };
            let took = call::elapsed(began, self.clock.now());
            tracing::debug!(code = trouble.failure.code.as_deref().unwrap_or("-"), "marketo gave no token");
            retries.wait(Trouble { took, ..trouble }).await.map_err(|trouble| trouble.failure)?;
        }
    }

    async fn attempt(
        &self,
        (client_id, client_secret): &(String, SecretString),
        began: Timestamp,
        serial: u64,
    ) -> Result<Token, Trouble> {
        let spot = Spot {
            route: routes::IDENTITY,
            host: self.config.base_url.host(),
            now: self.marketo_clock.now(),
            fields: &[],
        };
        let query = [
            ("grant_type", "client_credentials"),
            ("client_id", client_id.as_str()),
            ("client_secret", client_secret.expose_secret()),
        ];
        let address = Url::parse_with_params(&self.config.base_url.join(spot.route.path), &query)
            .map_err(|_| classify::unsent(spot, SendError::BadRequest))?;
        let request = Request::new(Method::GET, address);
        let exchange = async {
            let response = self.transport.send(request).await.map_err(|error| classify::unsent(spot, error))?;
            self.marketo_clock.learn(response.headers(), began);
            let status = response.status().as_u16();
            let retry_after = call::retry_after(response.headers(), self.marketo_clock.now());
            let body = call::read_body(spot, response, LARGEST_ANSWER).await;
            let body = body.map_err(|trouble| Trouble { retry_after, ..trouble })?;
            self.understand(spot, status, &body, began, serial).map_err(|trouble| Trouble { retry_after, ..trouble })
        };
        let answer = tokio::time::timeout(self.time_limit, exchange).await;
        answer.unwrap_or_else(|_| Err(spot.lost("no answer in time")))
    }

    /// `expires_in` is what is left of the token's life, not its whole life: asking again gives the same token with a smaller number.
    fn understand(
        &self,
        spot: Spot<'_>,
        status: u16,
        body: &[u8],
        began: Timestamp,
        serial: u64,
    ) -> Result<Token, Trouble> {
        let wire = serde_json::from_slice::<Wire>(body).ok();
        let refused = wire.as_ref().is_some_and(|wire| wire.error.is_some());
        match status {
            400 | 401 => return Err(self.bad_credentials(spot, status)),
            200..=299 if refused => return Err(self.bad_credentials(spot, status)),
            200..=299 => {}
            404 => {
                let text = "there is no Marketo identity service at this address; check MARKETO_BASE_URL";
                return Err(Trouble::last(spot.failure(FailureKind::BadSetting, text).with_code("404")));
            }
            _ => return Err(classify::http_status(spot, status)),
        }
        let Some(wire) = wire else { return Err(spot.bad_answer("the answer is not the JSON that is documented")) };
        let (Some(text), Some(seconds)) = (wire.access_token.filter(|text| !text.is_empty()), wire.expires_in) else {
            return Err(spot.bad_answer("the answer holds no token"));
        };
        let left = SignedDuration::try_from_secs_f64(seconds.clamp(0.0, 86_400.0)).unwrap_or_default();
        // A token that has less than the slack left is used for half of what is left; then the same is asked for again.
        let fresh = (left - SLACK).max(left / 2);
        let fresh_until = began.checked_add(fresh).unwrap_or(began);
        Ok(Token { secret: Arc::new(SecretString::from(text)), serial, fresh_until })
    }

    fn bad_credentials(&self, spot: Spot<'_>, status: u16) -> Trouble {
        let place = self.config.credentials.place();
        let text = format!(
            "Marketo refused the client id or the client secret; check {place} against Admin > LaunchPoint > View Details"
        );
        Trouble::new(spot.failure(FailureKind::BadCredentials, &text).with_code(status.to_string()), Again::Never)
    }
}
