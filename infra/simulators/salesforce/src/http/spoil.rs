//! Carrying out faults on answers: statuses, silence, broken connections, broken bodies.
//! Must not know when a fault strikes.

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

use super::answer;
use super::api::failure_body;
use crate::faults::FaultAction;
use crate::service::InFlight;
use crate::world::failure::Failure;

/// Time for the bytes before a break to reach the peer.
const FLUSH: Duration = Duration::from_millis(20);
/// Bodies that are altered as a whole are small.
const WHOLE_BODY_BYTES: usize = 64 * 1024 * 1024;

/// The answer as the fault leaves it. A silent call stays in flight until the caller gives up.
pub(crate) async fn response(action: &FaultAction, response: Response, flight: Option<InFlight>) -> Response {
    match action {
        FaultAction::Error(status, code, message) => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_REQUEST);
            answer::json_text(status, failure_body(&Failure::new(code.clone(), message.clone())), false)
        }
        FaultAction::Status(status) => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            let reason = status.canonical_reason().unwrap_or("Error");
            answer::text(status, &format!("<html><body><h1>{reason}</h1></body></html>"))
        }
        FaultAction::Slow(milliseconds) => {
            tokio::time::sleep(Duration::from_millis(*milliseconds)).await;
            response
        }
        FaultAction::Hang(0) => {
            let _held = flight;
            std::future::pending().await
        }
        FaultAction::Hang(after) => broken(response, *after, true, flight),
        FaultAction::Drop(after) => broken(response, *after, false, flight),
        FaultAction::EmptyBody => answer::nothing(StatusCode::OK),
        FaultAction::BadJson => {
            let bytes = axum::body::to_bytes(response.into_body(), WHOLE_BODY_BYTES).await.unwrap_or_default();
            let half = bytes.slice(..bytes.len() / 2);
            answer::with_body(StatusCode::OK, "application/json;charset=UTF-8", Body::from(half))
        }
        FaultAction::SessionEnds(_) | FaultAction::Record(..) => response,
    }
}

struct Broken {
    inner: BoxStream<'static, Result<Bytes, axum::Error>>,
    left: u64,
    sent: bool,
    hang: bool,
    _flight: Option<InFlight>,
}

/// The same answer, but the body ends in silence or in a closed connection after so many bytes.
fn broken(response: Response, after: u64, hang: bool, flight: Option<InFlight>) -> Response {
    let (parts, body) = response.into_parts();
    let start = Broken { inner: body.into_data_stream().boxed(), left: after, sent: false, hang, _flight: flight };
    let body = stream::try_unfold(start, |mut state| async move {
        if state.left > 0
            && let Some(Ok(mut chunk)) = state.inner.next().await
        {
            chunk.truncate(usize::try_from(state.left).unwrap_or(usize::MAX));
            state.left -= chunk.len() as u64;
            state.sent = true;
            return Ok(Some((chunk, state)));
        }
        if state.hang {
            std::future::pending::<()>().await;
        }
        if state.sent {
            tokio::time::sleep(FLUSH).await;
        }
        // Without a pause, a break before the first byte takes the buffered head of the answer with it.
        Err(io::Error::new(io::ErrorKind::ConnectionReset, "simulated break"))
    });
    Response::from_parts(parts, Body::from_stream(body))
}
