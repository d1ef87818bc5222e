//! The one path that every call takes: permit, session, request, answer, repeat. Knows nothing of what the answers mean to the callers.

use std::time::Duration;

use bytes::BytesMut;
use domain::Failure;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use serde::de::DeserializeOwned;
use transport::SendError;

use crate::answer::{self, Spot};
use crate::client::Inner;
use crate::request::{Repeat, Request};
use crate::retry::{Again, Retries, Trouble};
use crate::session::Session;

/// Most new sessions for one call.
const MAX_SESSIONS: u32 = 2;

impl Inner {
    /// Makes a call and reads its JSON.
    pub async fn json<T: DeserializeOwned>(&self, request: &Request) -> Result<T, Failure> {
        let body = self.call(request).await?;
        serde_json::from_slice(&body)
            .map_err(|_| self.spot(request).bad_answer("the answer is not the JSON that is documented").failure)
    }

    /// Where a failure of this request belongs.
    pub fn spot(&self, request: &Request) -> Spot<'_> {
        Spot { name: request.name, host: self.config.login_url.host(), now: self.clock.now() }
    }

    /// Makes a call.
    pub async fn call(&self, request: &Request) -> Result<BytesMut, Failure> {
        let mut retries = Retries::new(self.clock.as_ref(), self.chance.as_ref());
        let mut sessions = 0;
        let mut number = 0_u32;
        loop {
            number += 1;
            let trouble = match self.attempt(request, number).await {
                Ok(body) => return Ok(body),
                Err(trouble) => trouble,
            };
            if trouble.again == Again::NewSession && sessions < MAX_SESSIONS {
                sessions += 1;
                continue;
            }
            if trouble.carried_out && request.repeat == Repeat::Unsafe {
                let text = format!("{}; it may have been carried out all the same", trouble.failure.message);
                return Err(Failure { message: text, ..trouble.failure });
            }
            retries.wait(trouble).await?;
        }
    }

    async fn attempt(&self, request: &Request, number: u32) -> Result<BytesMut, Trouble> {
        let spot = self.spot(request);
        let permit = self.permits.acquire().await;
        let _permit = permit.map_err(|_| spot.unsent(SendError::Broken))?;
        let session = self.sessions.session().await.map_err(Trouble::last)?;
        let began = self.clock.now();
        let exchange = self.exchange(request, &session);
        let answer = tokio::time::timeout(self.limits.usual, exchange).await;
        let answer = answer.unwrap_or_else(|_| Err(spot.unsent(SendError::TimedOut)));
        let took = Duration::try_from(self.clock.now().duration_since(began)).unwrap_or_default();
        tracing::debug!(
            endpoint = request.name,
            attempt = number,
            code = answer.as_ref().err().map_or("ok", |trouble| trouble.failure.code.as_deref().unwrap_or("-")),
            elapsed_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "salesforce call"
        );
        if answer.as_ref().is_err_and(|trouble| trouble.again == Again::NewSession) {
            self.sessions.drop_session(&session).await;
        }
        answer.map_err(|trouble| Trouble { took, ..trouble })
    }

    async fn exchange(&self, request: &Request, session: &Session) -> Result<BytesMut, Trouble> {
        let spot = self.spot(request);
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", session.secret()))
            .map_err(|_| spot.bad_answer("the session cannot stand in a header"))?;
        bearer.set_sensitive(true);
        let ready = request.build(&session.instance, self.config.version.as_str());
        let mut ready = ready.map_err(|error| spot.unsent(error))?;
        ready.headers_mut().insert(AUTHORIZATION, bearer);
        // Nothing may come between this and the sending.
        if request.not_after.is_some_and(|last| self.clock.now() > last) {
            return Err(spot.too_late());
        }
        let sent = self.clock.now();
        let response = self.transport.send(ready).await.map_err(|error| spot.unsent(error))?;
        let now = self.clock.now();
        self.counters.answered(request.name);
        self.usage.learn(response.headers(), now);
        self.vendor_clock.learn(response.headers(), sent, now);
        let status = response.status();
        let body = answer::read_body(spot, response).await?;
        if status.is_success() {
            return Ok(body);
        }
        Err(answer::refusal(spot, status.as_u16(), &body))
    }
}
