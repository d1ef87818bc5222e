//! The bytes of an export file as they come, from any offset. Must not know what is in them, and does not resume by itself.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use domain::Failure;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use reqwest::Response;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderMap};
use tokio::sync::OwnedSemaphorePermit;

use crate::classify::{self, Spot};
use crate::envelope::{self, Expect};
use crate::retry::Trouble;
use crate::stats::Counters;

/// Largest error that is read in place of a file, bytes.
const LARGEST_ERROR: usize = 1024 * 1024;

/// A file whose first bytes have come, or that is known to have none.
pub(crate) struct OpenFile {
    head: Option<Bytes>,
    rest: Option<Response>,
    /// Bytes to leave out, where the server sent the whole file in answer to a request for a part.
    skip: u64,
    stall: Duration,
    lost: Failure,
    counters: Arc<Counters>,
    _permit: OwnedSemaphorePermit,
}

/// Judges the beginning of an answer. Errors come as JSON with status 200 in place of the file, so the first bytes are looked at.
pub(crate) async fn open(
    spot: Spot<'_>,
    mut response: Response,
    from: u64,
    stall: Duration,
    counters: Arc<Counters>,
    permit: OwnedSemaphorePermit,
) -> Result<OpenFile, Trouble> {
    let status = response.status().as_u16();
    let lost = spot.lost("the file broke off").failure;
    let empty = OpenFile { head: None, rest: None, skip: 0, stall, lost, counters, _permit: permit };
    let is_json = content_type_is_json(response.headers());
    match status {
        206 if !is_json => match range_start(response.headers()) {
            Some(start) if start == from => Ok(OpenFile { rest: Some(response), ..empty }),
            _ => Err(spot.bad_answer("another part of the file came than was asked for")),
        },
        200 if !is_json => {
            let head = first_bytes(spot, &mut response).await?;
            match head.iter().find(|byte| !byte.is_ascii_whitespace()) {
                None => Err(spot.bad_answer("the file is empty, without even a header")),
                Some(b'{') => Err(error_in_place(spot, status, head, response).await),
                Some(_) => {
                    empty.counters.received(head.len());
                    Ok(OpenFile { head: Some(head.freeze()), rest: Some(response), skip: from, ..empty })
                }
            }
        }
        416 if from > 0 => match range_total(response.headers()) {
            Some(total) if total > from => Err(spot.bad_answer("a part of the file that exists was refused")),
            _ => Ok(empty),
        },
        _ => Err(error_in_place(spot, status, BytesMut::new(), response).await),
    }
}

impl OpenFile {
    /// The bytes. Ends after the first failure; the offset reached is the caller's to count.
    pub fn into_stream(self: Box<Self>) -> BoxStream<'static, Result<Bytes, Failure>> {
        stream::try_unfold(self, |mut file| async move {
            loop {
                let Some(mut chunk) = file.next_chunk().await? else { return Ok(None) };
                let skipped = usize::try_from(file.skip).map_or(chunk.len(), |skip| skip.min(chunk.len()));
                chunk.advance(skipped);
                file.skip -= skipped as u64;
                if !chunk.is_empty() {
                    return Ok(Some((chunk, file)));
                }
            }
        })
        .boxed()
    }

    async fn next_chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        if let Some(head) = self.head.take() {
            return Ok(Some(head));
        }
        let Some(rest) = self.rest.as_mut() else { return Ok(None) };
        let chunk = match tokio::time::timeout(self.stall, rest.chunk()).await {
            Ok(Ok(chunk)) => chunk,
            Ok(Err(_)) | Err(_) => return Err(self.lost.clone()),
        };
        self.counters.received(chunk.as_ref().map_or(0, Bytes::len));
        Ok(chunk)
    }
}

/// Up to the first byte that is not blank.
async fn first_bytes(spot: Spot<'_>, response: &mut Response) -> Result<BytesMut, Trouble> {
    let mut head = BytesMut::new();
    while head.len() < LARGEST_ERROR && head.iter().all(u8::is_ascii_whitespace) {
        match response.chunk().await.map_err(|error| classify::unsent(spot, error.into()))? {
            Some(chunk) => head.extend_from_slice(&chunk),
            None => break,
        }
    }
    Ok(head)
}

/// What an answer that is no file means.
async fn error_in_place(spot: Spot<'_>, status: u16, mut body: BytesMut, mut response: Response) -> Trouble {
    while body.len() < LARGEST_ERROR {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => return classify::unsent(spot, error.into()),
        }
    }
    match envelope::read(spot, status, &body, Expect::Success) {
        Err(trouble) => trouble,
        Ok(_) => spot.bad_answer("an answer came in place of the file"),
    }
}

/// The type itself is not compared: Marketo once changed `text/csv` to `text/csv;charset=UTF-8`.
fn content_type_is_json(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|text| text.contains("json"))
}

/// The `a` of `Content-Range: bytes a-b/total`.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?.trim();
    text.strip_prefix("bytes")?.trim_start().split_once('-')?.0.trim().parse().ok()
}

/// The `total` of `Content-Range: bytes */total`.
fn range_total(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_RANGE)?.to_str().ok()?.rsplit_once('/')?.1.trim().parse().ok()
}
