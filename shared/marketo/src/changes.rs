//! The streams of changes: the port `MarketoChanges`. Must not know where a reader stands or what it does with a page.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::Failure;
use domain::ports::{ActivityPage, MarketoChanges, PagingToken};
use jiff::Timestamp;

use crate::MarketoClient;
use crate::activities;
use crate::envelope::{Envelope, Expect};
use crate::request::Request;
use crate::routes::{self, Route};
use crate::times;

/// Activities per page, the largest. A page may hold fewer, or none, and not be the last.
const PAGE: &str = "300";
/// Owner change, merge, opportunities (three), partition change. At most ten types may be asked for at once.
const PERSON_TYPES: &str = "23,32,34,35,36,100";
/// New Lead.
const NEW_PERSON_TYPE: &str = "12";
/// How many answers in a row have to lack `result` before a page is taken as empty, and how many do once this subscription is known
/// to leave the member out of empty pages.
const ANSWERS_TO_BELIEVE: u32 = 5;
const ANSWERS_TO_BELIEVE_AGAIN: u32 = 2;
const PAUSE_BETWEEN_ANSWERS: Duration = Duration::from_secs(1);

/// What is known of how this subscription writes an empty page. Integrators have met both `[]` and no `result` at all; but Marketo also
/// loses the member now and then, and believing that at once would lose the rows.
#[derive(Debug, Default)]
pub(crate) struct EmptyPages(AtomicU8);

impl EmptyPages {
    const AS_LIST: u8 = 1;
    const LEFT_OUT: u8 = 2;

    fn learn(&self, form: u8) {
        self.0.store(form, Ordering::Relaxed);
    }

    fn form(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }
}

impl MarketoClient {
    async fn page(&self, request: Request) -> Result<ActivityPage, Failure> {
        let envelope = self.believable_page(&request).await?;
        let spot = self.inner.spot(request.route);
        let next = envelope.next_page_token.ok_or_else(|| spot.nonsense("the page has no nextPageToken"))?;
        let activities = activities::read(spot, envelope.result.unwrap_or_default())?;
        // Where the answer does not say whether there is more, an empty page is the last.
        let more = envelope.more_result.unwrap_or(!activities.is_empty());
        Ok(ActivityPage { activities, next: PagingToken(next), more })
    }

    async fn believable_page(&self, request: &Request) -> Result<Envelope, Failure> {
        let empty_pages = &self.inner.empty_pages;
        let left_out = empty_pages.form() == EmptyPages::LEFT_OUT;
        let answers = if left_out { ANSWERS_TO_BELIEVE_AGAIN } else { ANSWERS_TO_BELIEVE };
        for answer in 1..=answers {
            let envelope = self.inner.call(request).await?;
            match &envelope.result {
                Some(rows) => {
                    if rows.is_empty() {
                        empty_pages.learn(EmptyPages::AS_LIST);
                    }
                    return Ok(envelope);
                }
                None if answer < answers => self.inner.clock.sleep(PAUSE_BETWEEN_ANSWERS).await,
                None if empty_pages.form() == EmptyPages::AS_LIST => break,
                None => {
                    empty_pages.learn(EmptyPages::LEFT_OUT);
                    return Ok(envelope);
                }
            }
        }
        Err(self.inner.spot(request.route).nonsense("the page has no result, and empty ones have a list here"))
    }
}

fn page_request(route: Route, from: &PagingToken, more: Option<(&str, &str)>) -> Request {
    let mut query = vec![("nextPageToken", from.0.as_str()), ("batchSize", PAGE)];
    query.extend(more);
    Request::get(route, Expect::Position, &query)
}

#[async_trait]
impl MarketoChanges for MarketoClient {
    async fn paging_token(&self, since: Timestamp) -> Result<PagingToken, Failure> {
        let since = times::iso(since);
        let request = Request::get(routes::PAGING_TOKEN, Expect::Position, &[("sinceDatetime", &since)]);
        let envelope = self.inner.call(&request).await?;
        let token = envelope.next_page_token;
        token
            .map(PagingToken)
            .ok_or_else(|| self.inner.spot(routes::PAGING_TOKEN).nonsense("there is no nextPageToken"))
    }

    async fn field_changes(&self, from: &PagingToken, fields: &[String]) -> Result<ActivityPage, Failure> {
        let request = page_request(routes::LEAD_CHANGES, from, Some(("fields", &fields.join(","))));
        self.page(request.naming(fields)).await
    }

    async fn person_activities(&self, from: &PagingToken) -> Result<ActivityPage, Failure> {
        self.page(page_request(routes::ACTIVITIES, from, Some(("activityTypeIds", PERSON_TYPES)))).await
    }

    async fn new_people(&self, from: &PagingToken) -> Result<ActivityPage, Failure> {
        self.page(page_request(routes::ACTIVITIES, from, Some(("activityTypeIds", NEW_PERSON_TYPE)))).await
    }

    async fn deletions(&self, from: &PagingToken) -> Result<ActivityPage, Failure> {
        self.page(page_request(routes::DELETED_LEADS, from, None)).await
    }
}
