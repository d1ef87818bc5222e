//! Reading people: the port `MarketoPeople`. Must not know which fields matter or why people are read.

use std::collections::{BTreeSet, HashSet};

use async_trait::async_trait;
use domain::people::MarketoId;
use domain::ports::{MAX_IDS_PER_CALL, MarketoPeople, OpportunityRole, Record};
use domain::{Failure, FailureKind};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::MarketoClient;
use crate::classify::Spot;
use crate::envelope::Expect;
use crate::request::Request;
use crate::routes::{self, Route};
use crate::values::WireId;
use crate::{roles, times, values};

/// Most pages of one read: by id Marketo answers with one, and it refuses filters that more than a thousand people match.
const MAX_LEAD_PAGES: usize = 10;
/// Folders per page, the asset API's largest.
const FOLDER_PAGE: usize = 200;
/// Most pages of folders at the top level.
const MAX_FOLDER_PAGES: usize = 50;

#[derive(Deserialize)]
struct WireField {
    rest: Option<WireRest>,
}

#[derive(Deserialize)]
struct WireRest {
    name: String,
}

#[derive(Deserialize)]
struct WirePerson {
    id: WireId,
}

#[derive(Deserialize)]
struct WireFolder {
    #[serde(rename = "createdAt")]
    created_at: Option<String>,
}

#[async_trait]
impl MarketoPeople for MarketoClient {
    fn now(&self) -> Timestamp {
        self.inner.marketo_clock.now()
    }

    async fn connect(&self) -> Result<(), Failure> {
        self.inner.identity.connect().await
    }

    async fn lead_fields(&self) -> Result<Vec<String>, Failure> {
        let envelope = self.inner.call(&Request::new(routes::DESCRIBE, Expect::Result)).await?;
        let spot = self.inner.spot(routes::DESCRIBE);
        let fields = values::items::<WireField>(spot, envelope.result.unwrap_or_default())?;
        let names: Vec<String> = fields.into_iter().filter_map(|field| field.rest).map(|rest| rest.name).collect();
        if names.is_empty() {
            return Err(spot.nonsense("describe lists no field"));
        }
        Ok(names)
    }

    async fn people_by_ids(&self, ids: &[MarketoId], fields: &[String]) -> Result<Vec<Record>, Failure> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let filter_values = id_list(routes::LEADS, ids)?;
        let mut names: Vec<&str> = fields.iter().map(String::as_str).collect();
        if !names.contains(&"id") {
            names.push("id");
        }
        let names = names.join(",");
        let mut reading = Reading { asked: ids.iter().copied().collect(), seen: HashSet::new(), records: Vec::new() };
        let mut token: Option<String> = None;
        for _ in 0..MAX_LEAD_PAGES {
            let page = MAX_IDS_PER_CALL.to_string();
            let mut query = vec![
                ("filterType", "id"),
                ("filterValues", filter_values.as_str()),
                ("fields", names.as_str()),
                ("batchSize", page.as_str()),
            ];
            query.extend(token.as_deref().map(|token| ("nextPageToken", token)));
            let request = Request::get_or_post(routes::LEADS, routes::LEADS_BY_POST, Expect::Result, &query);
            let request = request.naming(fields);
            let envelope = self.inner.call(&request).await?;
            reading.take(self.inner.spot(request.route), envelope.result.unwrap_or_default(), fields)?;
            token = envelope.next_page_token;
            if token.is_none() {
                return Ok(reading.records);
            }
        }
        Err(self.inner.spot(routes::LEADS).nonsense("a read by id has more pages than ids"))
    }

    async fn ids_by_email(&self, email: &str) -> Result<Vec<MarketoId>, Failure> {
        let email = email.trim();
        if email.is_empty() {
            return Ok(Vec::new());
        }
        if email.contains(',') {
            let text = format!("{}: an address with a comma would be taken for two", routes::LEADS.name());
            return Err(Failure::new(FailureKind::BadRequest, text));
        }
        let mut ids = BTreeSet::new();
        let mut token: Option<String> = None;
        for _ in 0..MAX_LEAD_PAGES {
            let mut query =
                vec![("filterType", "email"), ("filterValues", email), ("fields", "id"), ("batchSize", "300")];
            query.extend(token.as_deref().map(|token| ("nextPageToken", token)));
            let request = Request::get_or_post(routes::LEADS, routes::LEADS_BY_POST, Expect::Result, &query);
            let envelope = self.inner.call(&request).await?;
            let spot = self.inner.spot(request.route);
            for person in values::items::<WirePerson>(spot, envelope.result.unwrap_or_default())? {
                let id = person.id.get().ok_or_else(|| spot.nonsense("a person came without an id"))?;
                ids.insert(MarketoId(id));
            }
            token = envelope.next_page_token;
            if token.is_none() {
                return Ok(ids.into_iter().collect());
            }
        }
        Err(self.inner.spot(routes::LEADS).nonsense("more people have this address than Marketo says it lists"))
    }

    async fn opportunity_roles(&self, ids: &[MarketoId]) -> Result<Vec<OpportunityRole>, Failure> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        roles::read(&self.inner, ids, &id_list(routes::ROLES, ids)?).await
    }

    async fn oldest_folder(&self) -> Result<Timestamp, Failure> {
        let mut oldest: Option<Timestamp> = None;
        for page in 0..MAX_FOLDER_PAGES {
            let (size, offset) = (FOLDER_PAGE.to_string(), (page * FOLDER_PAGE).to_string());
            let query = [("maxDepth", "1"), ("maxReturn", size.as_str()), ("offset", offset.as_str())];
            let envelope = self.inner.call(&Request::get(routes::FOLDERS, Expect::ResultOrWarning, &query)).await?;
            let spot = self.inner.spot(routes::FOLDERS);
            let folders = values::items::<WireFolder>(spot, envelope.result.unwrap_or_default())?;
            for text in folders.iter().filter_map(|folder| folder.created_at.as_deref()) {
                let created = times::parse(text).ok_or_else(|| spot.nonsense("a folder's createdAt is no date"))?;
                oldest = Some(oldest.map_or(created, |oldest| oldest.min(created)));
            }
            if folders.len() < FOLDER_PAGE {
                let text = "the API user sees no folder; give its role Read-Only Assets, or set where exports begin";
                return oldest.ok_or_else(|| spot.failure(FailureKind::NotFound, text));
            }
        }
        Err(self.inner.spot(routes::FOLDERS).nonsense("there are more than 10,000 folders at the top level"))
    }
}

/// The ids as one parameter.
fn id_list(route: Route, ids: &[MarketoId]) -> Result<String, Failure> {
    if ids.len() > MAX_IDS_PER_CALL {
        let text = format!("{}: {} ids asked for at once, {MAX_IDS_PER_CALL} at most", route.name(), ids.len());
        return Err(Failure::new(FailureKind::BadRequest, text));
    }
    Ok(ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
}

/// People of a read, page by page: only those asked for, each once.
struct Reading {
    asked: HashSet<MarketoId>,
    seen: HashSet<MarketoId>,
    records: Vec<Record>,
}

impl Reading {
    fn take(&mut self, spot: Spot<'_>, result: Vec<Value>, fields: &[String]) -> Result<(), Failure> {
        for mut person in values::items::<Map<String, Value>>(spot, result)? {
            let id = person.get("id").and_then(values::integer).map(MarketoId);
            let id = id.ok_or_else(|| spot.nonsense("a person came without an id"))?;
            if !self.asked.contains(&id) {
                return Err(spot.nonsense("a person came who was not asked for"));
            }
            if self.seen.insert(id) {
                // Taken out rather than copied; a name that is asked for twice is looked up twice.
                let twice = |name: &String| fields.iter().filter(|other| *other == name).count() > 1;
                let values = fields
                    .iter()
                    .map(|name| values::text(if twice(name) { person.get(name).cloned() } else { person.remove(name) }))
                    .collect();
                self.records.push(Record { id, values });
            }
        }
        Ok(())
    }
}
