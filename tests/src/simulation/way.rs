//! The way between a function and a simulated vendor: it takes its time, and loses requests and answers. Must not know what is asked.
//!
//! A request mostly reaches the vendor at the moment when it is sent, and its answer travels: a machine that falls asleep has sent or has
//! not. Some requests are held up, and are carried out long after, when their sender may have been replaced.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Request, Response};
use tokio::sync::oneshot;
use transport::{SendError, Transport};

use super::dice::Dice;
use super::executor::{Handle, Kind};
use super::faults::{NetworkFaults, Switch};
use super::trace::Trace;
use crate::vendors::{self, Vendor};

/// How long a request that is lost without a sign takes to be given up: the clients' own limit.
const GIVEN_UP: Duration = Duration::from_secs(60);
/// How long a request may be held up at most. The domain waits for longer, at both vendors, before it relies on what it finds there.
const HELD_UP: u64 = 85;

/// One machine's way to a vendor.
pub struct Way {
    pub vendor: Vendor,
    pub handle: Handle,
    pub dice: Dice,
    pub faults: Arc<Switch<NetworkFaults>>,
    pub trace: Arc<Trace>,
}

impl Way {
    fn tell(&self, what: impl FnOnce() -> String) {
        self.trace.event(self.handle.now(), self.handle.current(), what);
    }

    /// The request is on its way, and comes in late, whatever becomes of its sender.
    async fn held_up(&self, request: axum::extract::Request) -> Result<axum::response::Response, SendError> {
        let (done, answer) = oneshot::channel();
        let (vendor, handle) = (self.vendor.clone(), self.handle.clone());
        let late = Duration::from_secs(1 + self.dice.roll(HELD_UP));
        self.handle.begin(Kind::Stage, "a request that is held up", async move {
            handle.sleep(late).await;
            let _ = done.send(vendor(request).await);
        });
        if late > GIVEN_UP {
            self.handle.sleep(GIVEN_UP).await;
            return Err(SendError::TimedOut);
        }
        answer.await.map_err(|_| SendError::TimedOut)
    }
}

#[async_trait]
impl Transport for Way {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        let faults = self.faults.now();
        let path = request.url().path().to_owned();
        if self.dice.chance(faults.unreachable) {
            self.tell(|| format!("{path}: no connection"));
            return Err(SendError::NoConnection);
        }
        let request = vendors::request(request)?;
        let answer = if self.dice.chance(faults.held_up) {
            self.held_up(request).await
        } else {
            Ok((self.vendor)(request).await)
        };
        let Ok(answer) = answer else {
            self.tell(|| format!("{path}: held up, given up"));
            return Err(SendError::TimedOut);
        };
        let (head, body) = answer.into_parts();
        if self.dice.chance(faults.silent) {
            self.tell(|| format!("{path}: no answer in time"));
            self.handle.sleep(GIVEN_UP).await;
            return Err(SendError::TimedOut);
        }
        self.handle.sleep(Duration::from_millis(20 + self.dice.roll(600))).await;
        let body = vendors::body(body).await?;
        if self.dice.chance(faults.lost_answers) {
            self.tell(|| format!("{path}: answer lost"));
            return Err(SendError::Broken);
        }
        self.tell(|| format!("{path}: {} with {} bytes", head.status.as_u16(), body.len()));
        Ok(vendors::response(head, body))
    }
}
