//! Custom activity types: listed, described, made, approved. Must not know which types somebody wants.
//!
//! Names are unique, so a call that was carried out and whose answer got lost is known by what is there afterwards.

use domain::ports::{ActivityType, ActivityTypeSpec, AttributeSpec, Sent};
use domain::{Failure, FailureKind};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::MarketoClient;
use crate::envelope::Expect;
use crate::request::Request;
use crate::routes::{self, Route};
use crate::values::{self, WireId};

/// Most tries of a change whose outcome is unknown and which is not found to be carried out.
const MAX_TRIES: usize = 3;

#[derive(Deserialize)]
struct WireType {
    id: Option<WireId>,
    #[serde(rename = "apiName")]
    api_name: Option<String>,
    name: Option<String>,
    status: Option<String>,
}

#[derive(Deserialize)]
struct WireDescription {
    #[serde(rename = "primaryAttribute")]
    primary: Option<WireAttribute>,
    attributes: Option<Vec<WireAttribute>>,
}

#[derive(Deserialize)]
struct WireAttribute {
    #[serde(rename = "apiName")]
    api_name: Option<String>,
}

/// What a type is to be.
enum Change<'a> {
    Created,
    HasAttributes(&'a [AttributeSpec]),
    Approved,
}

impl MarketoClient {
    pub(crate) async fn types(&self) -> Result<Vec<ActivityType>, Failure> {
        let request = Request::new(routes::ACTIVITY_TYPES, Expect::Success);
        let mut answer = self.inner.call(&request).await?;
        if answer.result.is_none() {
            // There are none, or the list was lost on its way.
            answer = self.inner.call(&request).await?;
        }
        let spot = self.inner.spot(request.route);
        let read = |wire: WireType| {
            let api_name = wire.api_name.ok_or_else(|| spot.nonsense("a type came without an apiName"))?;
            let id = wire.id.and_then(|id| id.get());
            let id = id.ok_or_else(|| spot.nonsense(&format!("type {api_name} came without an id")))?;
            let status = wire.status.unwrap_or_default().to_lowercase();
            let (approved, has_draft) = (status.contains("approved"), status.contains("draft"));
            if !approved && !has_draft && status != "deleted" {
                return Err(spot.nonsense(&format!("type {api_name} came with a status that is not documented")));
            }
            let kind = ActivityType { id, api_name, name: wire.name.unwrap_or_default(), approved, has_draft };
            Ok((status != "deleted").then_some(kind))
        };
        let types = values::items::<WireType>(spot, answer.result.unwrap_or_default())?;
        types.into_iter().filter_map(|wire| read(wire).transpose()).collect()
    }

    /// The draft is asked for only where there is one: what is answered otherwise is not documented.
    pub(crate) async fn attributes_of_type(&self, api_name: &str) -> Result<Vec<String>, Failure> {
        let spot = self.inner.spot(routes::DESCRIBE_ACTIVITY_TYPE);
        let known = self.types().await?;
        let none = || spot.failure(FailureKind::NotFound, &format!("there is no custom activity type {api_name}"));
        let kind = known.into_iter().find(|kind| kind.api_name == api_name).ok_or_else(none)?;
        let query: &[(&str, &str)] = if kind.has_draft { &[("draft", "true")] } else { &[] };
        let request = Request::get(routes::DESCRIBE_ACTIVITY_TYPE, Expect::Result, query).about_type(api_name)?;
        let answer = self.inner.call(&request).await?;
        let mut rows = values::items::<WireDescription>(spot, answer.result.unwrap_or_default())?;
        let described = rows.pop().ok_or_else(none)?;
        let attributes = described.primary.into_iter().chain(described.attributes.unwrap_or_default());
        let names: Option<Vec<String>> = attributes.map(|attribute| attribute.api_name).collect();
        let names = names.filter(|names| !names.is_empty());
        names.ok_or_else(|| spot.nonsense(&format!("type {api_name} came without attributes, or one without a name")))
    }

    pub(crate) async fn create_type(&self, spec: &ActivityTypeSpec) -> Result<(), Failure> {
        let body = json!({
            "apiName": spec.api_name,
            "name": spec.name,
            "triggerName": spec.trigger,
            "filterName": spec.filter,
            "primaryAttribute": attribute(&spec.primary),
        });
        let request = Request::post_json(routes::CREATE_ACTIVITY_TYPE, Expect::Success, body);
        self.change(request, spec.api_name, Change::Created).await
    }

    pub(crate) async fn create_attributes(&self, api_name: &str, wanted: &[AttributeSpec]) -> Result<(), Failure> {
        if wanted.is_empty() {
            return Ok(());
        }
        let attributes: Vec<Value> = wanted.iter().map(attribute).collect();
        let request = about(routes::CREATE_ACTIVITY_ATTRIBUTES, json!({ "attributes": attributes }), api_name)?;
        self.change(request, api_name, Change::HasAttributes(wanted)).await
    }

    pub(crate) async fn approve_type(&self, api_name: &str) -> Result<(), Failure> {
        let request = about(routes::APPROVE_ACTIVITY_TYPE, json!({}), api_name)?;
        self.change(request, api_name, Change::Approved).await
    }

    /// Makes a change. Where the answer is lost, what is there decides whether it has to be made once more: repeated blindly, it would be
    /// refused for what it has done itself.
    async fn change(&self, request: Request, api_name: &str, change: Change<'_>) -> Result<(), Failure> {
        let request = request.once();
        let mut failure = self.inner.spot(request.route).nonsense("there was no answer");
        for _ in 0..MAX_TRIES {
            match self.inner.call_once(&request).await {
                Sent::Answered(_) => return Ok(()),
                Sent::NotCarriedOut(failure) => return Err(failure),
                Sent::Unknown(unknown) => failure = unknown,
            }
            if self.is_made(api_name, &change).await? {
                return Ok(());
            }
        }
        Err(failure)
    }

    async fn is_made(&self, api_name: &str, change: &Change<'_>) -> Result<bool, Failure> {
        let types = self.types().await?;
        let Some(kind) = types.iter().find(|kind| kind.api_name == api_name) else { return Ok(false) };
        Ok(match change {
            Change::Created => true,
            Change::Approved => kind.approved && !kind.has_draft,
            Change::HasAttributes(wanted) => {
                let known = self.attributes_of_type(api_name).await?;
                wanted.iter().all(|attribute| known.iter().any(|name| name == attribute.api_name))
            }
        })
    }
}

fn about(route: Route, body: Value, api_name: &str) -> Result<Request, Failure> {
    Request::post_json(route, Expect::Success, body).about_type(api_name)
}

fn attribute(spec: &AttributeSpec) -> Value {
    json!({ "apiName": spec.api_name, "name": spec.name, "dataType": spec.data_type })
}
