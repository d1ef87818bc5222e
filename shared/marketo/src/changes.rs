//! The streams of changes: the port `MarketoChanges`. Must not know where a reader stands or what it does with a page.

use async_trait::async_trait;
use domain::Failure;
use domain::ports::{ActivityPage, MarketoChanges, PagingToken};
use jiff::Timestamp;

use crate::MarketoClient;
use crate::activities;
use crate::envelope::Expect;
use crate::request::Request;
use crate::routes::{self, Route};
use crate::times;

/// Activities per page, the largest. A page may hold fewer, or none, and not be the last.
const PAGE: &str = "300";
/// Owner change, merge, opportunities (three), partition change. At most ten types may be asked for at once.
const PERSON_TYPES: &str = "23,32,34,35,36,100";
/// New Lead.
const NEW_PERSON_TYPE: &str = "12";
impl MarketoClient {
    async fn page(&self, request: Request) -> Result<ActivityPage, Failure> {
        let envelope = self.inner.call(&request).await?;
        let spot = self.inner.spot(request.route);
        let next = envelope.next_page_token.ok_or_else(|| spot.nonsense("the page has no nextPageToken"))?;
        let listed = envelope.result.is_some();
        let activities = activities::read(spot, envelope.result.unwrap_or_default())?;
        // Where the answer does not say whether there is more, an empty page is the last.
        let more = envelope.more_result.unwrap_or(!activities.is_empty());
        Ok(ActivityPage { activities, listed, next: PagingToken(next), more })
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
