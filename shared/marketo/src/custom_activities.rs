//! Custom activities: the port `MarketoActivities`. Adds records, and looks for them. Must not know what a record means to whoever adds it,
//! nor how somebody makes sure that there is one of each.

use async_trait::async_trait;
use domain::ports::{
    ActivitySearch, ActivityType, ActivityTypeSpec, Added, AttributeSpec, FoundActivity, MAX_ACTIVITIES_PER_CALL,
    MAX_PEOPLE_PER_SEARCH, MAX_TYPES_PER_SEARCH, MarketoActivities, MarketoChanges, NewActivity, PagingToken, Sent,
};
use domain::{Failure, FailureKind};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::MarketoClient;
use crate::classify::Spot;
use crate::envelope::{Envelope, Expect, WireError};
use crate::request::Request;
use crate::values::WireId;
use crate::{activities, routes, times, values};

/// Largest body that Marketo takes, bytes.
const LARGEST_BODY: usize = 1024 * 1024;
/// Longest part of Marketo's words about a record, characters.
const LONGEST_MESSAGE: usize = 200;
/// Activities per page, the largest.
const PAGE: &str = "300";
/// Most pages of one search: a log of 90,000 activities, or as many empty pages as a busy subscription makes in some hours.
const MAX_PAGES: usize = 300;
/// Activities are looked for from so long before: records stand in the log some seconds away from their dates.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// What became of a record.
#[derive(Deserialize)]
struct WireOutcome {
    status: Option<String>,
    #[serde(rename = "marketoGUID")]
    marketo_guid: Option<String>,
    id: Option<WireId>,
    errors: Option<Vec<WireError>>,
    /// What other endpoints call them.
    reasons: Option<Vec<WireError>>,
}

#[async_trait]
impl MarketoActivities for MarketoClient {
    async fn activity_types(&self) -> Result<Vec<ActivityType>, Failure> {
        self.types().await
    }

    async fn activity_attributes(&self, api_name: &str) -> Result<Vec<String>, Failure> {
        self.attributes_of_type(api_name).await
    }

    async fn create_activity_type(&self, spec: &ActivityTypeSpec) -> Result<(), Failure> {
        self.create_type(spec).await
    }

    async fn add_activity_attributes(&self, api_name: &str, attributes: &[AttributeSpec]) -> Result<(), Failure> {
        self.create_attributes(api_name, attributes).await
    }

    async fn approve_activity_type(&self, api_name: &str) -> Result<(), Failure> {
        self.approve_type(api_name).await
    }

    async fn add_activities(&self, records: &[NewActivity], not_after: Timestamp) -> Sent<Vec<Added>> {
        if records.is_empty() {
            return Sent::Answered(Vec::new());
        }
        let spot = self.inner.spot(routes::ADD_ACTIVITIES);
        if records.len() > MAX_ACTIVITIES_PER_CALL {
            let text = format!("{} records at once, {MAX_ACTIVITIES_PER_CALL} at most", records.len());
            return Sent::NotCarriedOut(spot.failure(FailureKind::BadRequest, &text));
        }
        let body = json!({ "input": records.iter().map(record).collect::<Vec<_>>() });
        let bytes = body.to_string().len();
        if bytes > LARGEST_BODY {
            // Who is refused while he still sends may not get to know it.
            let text = format!("{} records have {bytes} bytes, {LARGEST_BODY} at most", records.len());
            return Sent::NotCarriedOut(spot.failure(FailureKind::BadRequest, &text));
        }
        let request = Request::post_json(routes::ADD_ACTIVITIES, Expect::Result, body);
        match self.inner.call_once(&request.once().not_after(not_after)).await {
            Sent::Answered(answer) => match outcomes(spot, answer, records.len()) {
                Ok(added) => Sent::Answered(added),
                // Something was carried out, but what cannot be told from this.
                Err(failure) => Sent::Unknown(failure),
            },
            Sent::NotCarriedOut(failure) => Sent::NotCarriedOut(failure),
            Sent::Unknown(failure) => Sent::Unknown(failure),
        }
    }

    async fn find_activities(&self, search: &ActivitySearch) -> Result<Vec<FoundActivity>, Failure> {
        let (people, types) = (search.people.len(), search.types.len());
        if people == 0 || types == 0 {
            return Ok(Vec::new());
        }
        let spot = self.inner.spot(routes::ACTIVITIES);
        if people > MAX_PEOPLE_PER_SEARCH || types > MAX_TYPES_PER_SEARCH {
            let text = format!(
                "activities of {people} people and {types} types asked for at once, {MAX_PEOPLE_PER_SEARCH} and \
                 {MAX_TYPES_PER_SEARCH} at most"
            );
            return Err(spot.failure(FailureKind::BadRequest, &text));
        }
        let mut from = self.paging_token(search.since.checked_sub(MARGIN).unwrap_or(search.since)).await?;
        let mut found = Vec::new();
        for _ in 0..MAX_PAGES {
            let (page, next) = self.search_page(search, &from).await?;
            found.extend(page);
            let Some(next) = next else { return Ok(found) };
            from = next;
        }
        let text = format!("the log from {} on has more than {MAX_PAGES} pages", times::iso(search.since));
        Err(spot.failure(FailureKind::Unavailable, &text))
    }
}

impl MarketoClient {
    /// One page, and where the next begins unless it was the last.
    async fn search_page(
        &self,
        search: &ActivitySearch,
        from: &PagingToken,
    ) -> Result<(Vec<FoundActivity>, Option<PagingToken>), Failure> {
        let types = joined(search.types.iter());
        let people = joined(search.people.iter());
        let query = [
            ("nextPageToken", from.0.as_str()),
            ("activityTypeIds", types.as_str()),
            ("leadIds", people.as_str()),
            ("batchSize", PAGE),
        ];
        let request = Request::get(routes::ACTIVITIES, Expect::Position, &query);
        let spot = self.inner.spot(routes::ACTIVITIES);
        let mut page = self.inner.call(&request).await?;
        if page.result.is_none() {
            // Nothing happened, or the list was lost on its way: an activity that is overlooked would be added again.
            page = self.inner.call(&request).await?;
        }
        let found = activities::found(spot, page.result.unwrap_or_default(), search)?;
        // Where the answer does not say whether there is more, an empty page is the last.
        let more = page.more_result.unwrap_or(!found.is_empty());
        Ok((found, page.next_page_token.filter(|_| more).map(PagingToken)))
    }
}

fn joined(items: impl Iterator<Item = impl ToString>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(",")
}

fn record(record: &NewActivity) -> Value {
    let attribute = |(api_name, value): &(&str, String)| json!({ "apiName": api_name, "value": value });
    json!({
        "leadId": record.person.0,
        "activityDate": times::iso(record.at),
        "activityTypeId": record.type_id,
        "primaryAttributeValue": record.primary,
        "attributes": record.attributes.iter().map(attribute).collect::<Vec<_>>(),
    })
}

/// One outcome per record, in their order, or else none of them can be relied on.
fn outcomes(spot: Spot<'_>, answer: Envelope, records: usize) -> Result<Vec<Added>, Failure> {
    let rows = values::items::<WireOutcome>(spot, answer.result.unwrap_or_default())?;
    if rows.len() != records {
        return Err(spot.nonsense(&format!("{records} records were sent, and {} outcomes came", rows.len())));
    }
    rows.into_iter().enumerate().map(|(at, row)| outcome(spot, at, row)).collect()
}

fn outcome(spot: Spot<'_>, at: usize, row: WireOutcome) -> Result<Added, Failure> {
    let errors = [row.errors, row.reasons].into_iter().flatten().flatten();
    let error = errors.reduce(|first, _| first);
    let guid = row.marketo_guid.filter(|guid| !guid.is_empty());
    let guid = guid.or_else(|| row.id.as_ref().and_then(WireId::get).map(|id| id.to_string()));
    match (row.status.as_deref(), guid, error) {
        (Some("added"), Some(guid), None) => Ok(Added::Added { guid }),
        (Some("skipped"), None, error) => {
            let code = error.as_ref().map(WireError::code).unwrap_or_default();
            let message = error.as_ref().map(WireError::message).unwrap_or_default();
            Ok(Added::Refused { code, message: message.chars().take(LONGEST_MESSAGE).collect() })
        }
        _ => Err(spot.nonsense(&format!("outcome {at} is neither that of a record added nor of one skipped"))),
    }
}
