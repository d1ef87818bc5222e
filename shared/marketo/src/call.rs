//! The one path that every REST and bulk call takes: permit, budget, token, request, answer, repeat.
//! Knows nothing of what the answers mean to the callers.

use std::time::Duration;

use bytes::BytesMut;
use domain::ports::Sent;
use domain::{Failure, FailureKind};
use jiff::Timestamp;
use reqwest::Response;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use tokio::sync::OwnedSemaphorePermit;

use crate::classify::{self, Spot};
use crate::client::Inner;
use crate::envelope::{self, Envelope};
use crate::file::{self, OpenFile};
use crate::identity::Token;
use crate::request::Request;
use crate::retry::{Again, CarriedOut, Retries, Trouble};
use crate::routes::{self, Route, Wait};

/// Largest answer that is read into memory, bytes: 300 people with every field are far below.
const LARGEST_ANSWER: usize = 32 * 1024 * 1024;
/// Most new tokens for one call.
const MAX_TOKENS: u32 = 2;

/// What came of a request.
enum Answer {
    Envelope(Envelope),
    File(Box<OpenFile>),
}

impl Inner {
    /// Makes a call that is answered with an envelope.
    pub async fn call(&self, request: &Request) -> Result<Envelope, Failure> {
        match self.repeat(request).await.map_err(|trouble| trouble.failure)? {
            Answer::Envelope(envelope) => Ok(envelope),
            Answer::File(_) => Err(self.spot(request.route).nonsense("a file came in place of an answer")),
        }
    }

    /// Makes a call that is not safe to repeat ([`Request::once`]), and says what is known of it.
    pub async fn call_once(&self, request: &Request) -> Sent<Envelope> {
        match self.repeat(request).await {
            Ok(Answer::Envelope(envelope)) => Sent::Answered(envelope),
            Ok(Answer::File(_)) => {
                Sent::Unknown(self.spot(request.route).nonsense("a file came in place of an answer"))
            }
            Err(trouble) if trouble.carried_out == CarriedOut::No => Sent::NotCarriedOut(trouble.failure),
            Err(trouble) => Sent::Unknown(trouble.failure),
        }
    }

    /// Opens a file.
    pub async fn open(&self, request: &Request) -> Result<Box<OpenFile>, Failure> {
        match self.repeat(request).await.map_err(|trouble| trouble.failure)? {
            Answer::File(file) => Ok(file),
            Answer::Envelope(_) => Err(self.spot(request.route).nonsense("an answer came in place of a file")),
        }
    }

    /// Where a failure of this endpoint belongs.
    pub fn spot(&self, route: Route) -> Spot<'_> {
        Spot { route, host: self.config.base_url.host(), now: self.marketo_clock.now(), fields: &[] }
    }

    async fn repeat(&self, request: &Request) -> Result<Answer, Trouble> {
        let mut retries = Retries::new(self.clock.as_ref(), self.chance.as_ref());
        let mut tokens = 0;
        let mut number = 0_u32;
        loop {
            number += 1;
            let trouble = match self.attempt(request, number).await {
                Ok(answer) => return Ok(answer),
                Err(trouble) if request.once && trouble.carried_out == CarriedOut::Maybe => {
                    Trouble { again: Again::Never, ..trouble }
                }
                Err(trouble) => trouble,
            };
            if trouble.again == Again::NewToken && tokens < MAX_TOKENS {
                tokens += 1;
                continue;
            }
            if trouble.failure.kind == FailureKind::DailyCalls
                && let (Some("607"), Some(until)) = (trouble.failure.code.as_deref(), trouble.failure.until)
            {
                self.budget.daily_calls_gone(until).await;
            }
            retries.wait(trouble).await?;
        }
    }

    /// One try. The budget is asked last but for the token, so that what it gives is used at once. Until there is a token, nothing is sent.
    async fn attempt(&self, request: &Request, number: u32) -> Result<Answer, Trouble> {
        let permit = self.permits.clone().acquire_owned().await;
        let permit = permit.map_err(|_| self.spot(request.route).lost("the client is closing").in_vain())?;
        self.budget.take().await.map_err(|failure| Trouble::last(failure).in_vain())?;
        let token = self.identity.token().await.map_err(|failure| Trouble::last(failure).in_vain())?;
        let began = self.clock.now();
        let answer = self.exchange(request, &token, permit).await;
        let took = elapsed(began, self.clock.now());
        tracing::debug!(
            endpoint = %request.route.name(),
            attempt = number,
            code = answer.as_ref().err().map_or("ok", |trouble| trouble.failure.code.as_deref().unwrap_or("-")),
            elapsed_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "marketo call"
        );
        if answer.as_ref().is_err_and(|trouble| trouble.again == Again::NewToken) {
            self.identity.drop_token(&token).await;
        }
        answer.map_err(|trouble| Trouble { took, ..trouble })
    }

    async fn exchange(
        &self,
        request: &Request,
        token: &Token,
        permit: OwnedSemaphorePermit,
    ) -> Result<Answer, Trouble> {
        let spot = Spot { fields: &request.fields, ..self.spot(request.route) };
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.secret()))
            .map_err(|_| spot.bad_answer("the access token cannot stand in a header").in_vain())?;
        bearer.set_sensitive(true);
        let mut ready = request.build(&self.config.base_url).map_err(|error| classify::unsent(spot, error))?;
        ready.headers_mut().insert(AUTHORIZATION, bearer);
        let exchange = async {
            let sent = self.clock.now();
            // Nothing may come between this and the sending.
            if request.not_after.is_some_and(|last| sent > last) {
                return Err(spot.too_late());
            }
            let response = self.transport.send(ready).await.map_err(|error| classify::unsent(spot, error))?;
            self.marketo_clock.learn(response.headers(), sent);
            let spot = Spot { now: self.marketo_clock.now(), ..spot };
            self.counters.answered(request.route);
            let asked = retry_after(response.headers(), spot.now);
            let answer = if request.route == routes::EXPORT_FILE {
                let stall = self.limits.stall;
                let file = file::open(spot, response, request.from, stall, self.counters.clone(), permit).await;
                file.map(|file| Answer::File(Box::new(file)))
            } else {
                understand(spot, response, request).await.map(Answer::Envelope)
            };
            answer.map_err(|trouble| Trouble { retry_after: asked, ..trouble })
        };
        let limit = match request.route.wait {
            Wait::Usual => self.limits.usual,
            Wait::Adding => self.limits.adding,
            Wait::Slow => self.limits.slow,
        };
        tokio::time::timeout(limit, exchange).await.unwrap_or_else(|_| Err(spot.lost("no answer in time")))
    }
}

async fn understand(spot: Spot<'_>, response: Response, request: &Request) -> Result<Envelope, Trouble> {
    let status = response.status().as_u16();
    let body = read_body(spot, response, LARGEST_ANSWER).await?;
    envelope::read(spot, status, &body, request.expect)
}

/// Reads a whole body, up to a limit.
pub(crate) async fn read_body(spot: Spot<'_>, mut response: Response, largest: usize) -> Result<BytesMut, Trouble> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| classify::unsent(spot, error.into()))? {
        if body.len() + chunk.len() > largest {
            return Err(Trouble::last(spot.nonsense("the answer is larger than any that is documented")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What the `Retry-After` header asks for, as seconds or as a date. Marketo does not document it; gateways send it.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse::<u32>() {
        Ok(seconds) => Some(Duration::from_secs(seconds.into())),
        Err(_) => transport::parse_http_date(text).map(|at| elapsed(now, at)),
    }
}

/// From one moment to a later one; zero when it is not later.
pub(crate) fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}
