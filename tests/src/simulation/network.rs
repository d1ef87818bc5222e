//! The network between a function and the simulated Marketo: it takes its time, loses requests and answers, breaks off files, and
//! changes a letter in one of them. Must not know what is asked.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use reqwest::{Request, Response};
use simulator_marketo::World;
use transport::{SendError, Transport};

use super::dice::Dice;
use super::executor::Handle;
use super::faults::{NetworkFaults, Switch};
use super::trace::Trace;
use crate::vendors;

/// How long a request that is lost without a sign takes to be given up: the client's own limit.
const GIVEN_UP: Duration = Duration::from_secs(60);

/// One machine's way to Marketo.
pub struct Network {
    world: World,
    handle: Handle,
    dice: Dice,
    faults: Arc<Switch<NetworkFaults>>,
    trace: Arc<Trace>,
}

impl Network {
    /// A way to this Marketo.
    pub fn new(
        world: World,
        handle: Handle,
        dice: Dice,
        faults: Arc<Switch<NetworkFaults>>,
        trace: Arc<Trace>,
    ) -> Self {
        Self { world, handle, dice, faults, trace }
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        self.trace.event(self.handle.now(), self.handle.current(), what);
    }

    async fn pass(&self) {
        self.handle.sleep(Duration::from_millis(10 + self.dice.roll(300))).await;
    }
}

#[async_trait]
impl Transport for Network {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        let faults = self.faults.now();
        let path = request.url().path().to_owned();
        let is_file = path.ends_with("/file.json");
        self.pass().await;
        if self.dice.chance(faults.unreachable) {
            self.tell(|| format!("{path}: no connection"));
            return Err(SendError::NoConnection);
        }
        let answer = self.world.answer(vendors::request(request)?).await;
        let (head, body) = answer.into_parts();
        if self.dice.chance(faults.silent) {
            self.tell(|| format!("{path}: no answer in time"));
            self.handle.sleep(GIVEN_UP).await;
            return Err(SendError::TimedOut);
        }
        // Only now is the answer on its way; until it is here, the call is in flight at Marketo.
        self.pass().await;
        let body = vendors::body(body).await?;
        if self.dice.chance(faults.lost_answers) {
            self.tell(|| format!("{path}: answer lost"));
            return Err(SendError::Broken);
        }
        self.tell(|| format!("{path}: {} with {} bytes", head.status.as_u16(), body.len()));
        let body = if is_file && !body.is_empty() { self.spoilt(body, &faults, &path) } else { body.into() };
        Ok(vendors::response(head, body))
    }
}

impl Network {
    /// A file as it comes through.
    fn spoilt(&self, body: Bytes, faults: &NetworkFaults, path: &str) -> reqwest::Body {
        if self.dice.chance(faults.broken_files) {
            let end = self.dice.below(body.len());
            self.tell(|| format!("{path}: breaks off after {end} bytes"));
            let pieces = [Ok(body.slice(..end)), Err(std::io::Error::other("broken off on purpose"))];
            return reqwest::Body::wrap_stream(stream::iter(pieces));
        }
        if self.dice.chance(faults.altered_files) {
            let mut altered = body.to_vec();
            // A letter of a value, past the header line; the shape of the file stays.
            let header = altered.iter().position(|byte| *byte == b'\n').unwrap_or(0);
            let letters: Vec<usize> = (header..altered.len()).filter(|at| altered[*at].is_ascii_lowercase()).collect();
            if !letters.is_empty() {
                let at = *self.dice.one_of(&letters);
                altered[at] = if altered[at] == b'q' { b'w' } else { b'q' };
                self.tell(|| format!("{path}: letter {at} is altered"));
            }
            return altered.into();
        }
        body.into()
    }
}
