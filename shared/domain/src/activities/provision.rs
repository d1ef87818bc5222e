//! What has to be there before activities can be logged: custom activity types in Marketo, fields in Salesforce. Lists what is missing,
//! and makes what can be made over an API.

use std::collections::BTreeMap;

use serde::Serialize;

use super::marketo_types::TypeLayout;
use super::task;
use crate::ports::{ActivityType, ActivityTypeSpec, AttributeSpec, KEY_FIELD, MarketoActivities, SalesforceTasks};
use crate::{Failure, FailureKind};

/// Something that is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Missing {
    /// What.
    pub what: String,
    /// What it is needed for, and what to do.
    pub remedy: String,
    /// Whether nothing can be logged without it.
    pub required: bool,
}

/// Numbers of the approved types, by API name.
///
/// # Errors
/// Those of Marketo; `Unsupported` is never given: a missing type is `BadSetting`, which names it and says what to do.
pub(super) async fn type_ids(
    marketo: &dyn MarketoActivities,
    layout: TypeLayout,
) -> Result<BTreeMap<&'static str, i64>, Failure> {
    let known = marketo.activity_types().await?;
    let mut ids = BTreeMap::new();
    let mut missing = Vec::new();
    for spec in layout.specs() {
        match known.iter().find(|kind| kind.api_name == spec.api_name && kind.approved) {
            Some(kind) => drop(ids.insert(spec.api_name, kind.id)),
            None => missing.push(spec.name),
        }
    }
    if missing.is_empty() {
        return Ok(ids);
    }
    let names = missing.join(", ");
    Err(Failure::new(
        FailureKind::BadSetting,
        format!("Marketo has no approved custom activity types for {names}: run `actions-sync provision marketo`"),
    ))
}

/// What is missing in Marketo. Writes nothing.
///
/// # Errors
/// Those of Marketo.
pub async fn missing_in_marketo(marketo: &dyn MarketoActivities, layout: TypeLayout) -> Result<Vec<Missing>, Failure> {
    let mut missing = Vec::new();
    for step in steps(marketo, layout).await? {
        let name = step.spec.name;
        let what = match (&step.make, step.attributes.is_empty()) {
            (true, _) => format!("custom activity type {name}"),
            (false, false) => {
                let names: Vec<_> = step.attributes.iter().map(|attribute| attribute.name).collect();
                format!("attributes {} of the custom activity type {name}", names.join(", "))
            }
            (false, true) => format!("approval of the custom activity type {name}"),
        };
        let remedy =
            "run `actions-sync provision marketo`; the API user needs the permission Read-Write Activity Metadata";
        missing.push(Missing { what, remedy: remedy.to_owned(), required: true });
    }
    Ok(missing)
}

/// Makes what is missing in Marketo, and approves it; gives what was done, a line each. Running it again does nothing.
///
/// # Errors
/// Those of Marketo; what was made before stays.
pub async fn provision_marketo(marketo: &dyn MarketoActivities, layout: TypeLayout) -> Result<Vec<String>, Failure> {
    let mut done = Vec::new();
    for step in steps(marketo, layout).await? {
        let (name, api_name) = (step.spec.name, step.spec.api_name);
        if step.make {
            marketo.create_activity_type(step.spec).await.map_err(|failure| explained(failure, name))?;
            done.push(format!("made the custom activity type {name}"));
        }
        if !step.attributes.is_empty() {
            marketo.add_activity_attributes(api_name, &step.attributes).await?;
            done.push(format!("added {} attributes to {name}", step.attributes.len()));
        }
        marketo.approve_activity_type(api_name).await?;
        done.push(format!("approved {name}"));
    }
    Ok(done)
}

fn explained(failure: Failure, name: &str) -> Failure {
    let help = "where no slot is free, delete a custom activity type that is not used, or use one type for all with \
                `actions-sync settings set log.marketo.types one`";
    Failure { message: format!("{name} cannot be made: {}; {help}", failure.message), ..failure }
}

/// What is to be done for one type.
struct Step {
    spec: &'static ActivityTypeSpec,
    make: bool,
    attributes: Vec<AttributeSpec>,
}

async fn steps(marketo: &dyn MarketoActivities, layout: TypeLayout) -> Result<Vec<Step>, Failure> {
    let known = marketo.activity_types().await?;
    let mut steps = Vec::new();
    for spec in layout.specs() {
        match known.iter().find(|kind| kind.api_name == spec.api_name) {
            None => steps.push(Step { spec, make: true, attributes: spec.attributes.to_vec() }),
            Some(ActivityType { approved, has_draft, .. }) => {
                let there = marketo.activity_attributes(spec.api_name).await?;
                let lacks = |attribute: &&AttributeSpec| !there.iter().any(|name| name == attribute.api_name);
                let attributes: Vec<_> = spec.attributes.iter().filter(lacks).copied().collect();
                if !attributes.is_empty() || *has_draft || !approved {
                    steps.push(Step { spec, make: false, attributes });
                }
            }
        }
    }
    Ok(steps)
}

/// What is missing in Salesforce. Fields cannot be made over the API that this program uses, so each comes with what to click.
///
/// # Errors
/// Those of Salesforce.
pub async fn missing_in_salesforce(salesforce: &dyn SalesforceTasks) -> Result<Vec<Missing>, Failure> {
    const SETUP: &str = "Setup > Object Manager > Activity > Fields & Relationships";
    let layout = salesforce.task_layout(true).await?;
    let mut missing = Vec::new();
    let mut need = |what: String, remedy: String, required: bool| missing.push(Missing { what, remedy, required });
    if !layout.has_key {
        need(
            format!("Task.{KEY_FIELD}"),
            format!(
                "the key that keeps a repeated write from making a second task. {SETUP} > New: Text, length 255, Unique (case sensitive), \
                 External ID, API name {KEY_FIELD}; then let the integration user's profile or permission set edit it"
            ),
            true,
        );
    }
    if layout.closed_status.is_none() {
        need(
            "a closed task status".into(),
            "Setup > Object Manager > Task > Fields > Status: mark one value Closed".into(),
            true,
        );
    }
    for field in ["Subject", "Status", "ActivityDate", "Description", "WhoId", "OwnerId"] {
        if !layout.fields.contains_key(field) {
            need(
                format!("edit access to Task.{field}"),
                "field-level security of the integration user".into(),
                field != "OwnerId",
            );
        }
    }
    for field in task::unwritable(&layout) {
        need(
            format!("Task.{field}"),
            format!(
                "left out of tasks until it can be written. {SETUP} > New: {}, API name {field}; then let the integration user edit it",
                kind_of(field)
            ),
            false,
        );
    }
    let types = layout.fields.get("Type");
    for value in ["Email", "Call", "Reply"] {
        if !types.is_some_and(|field| field.values.contains(value)) {
            need(
                format!("value {value} of Task.Type"),
                format!(
                    "tasks get no type without it. Setup > Object Manager > Task > Fields > Type: add the value {value}, and no default"
                ),
                false,
            );
        }
    }
    Ok(missing)
}

fn kind_of(field: &str) -> &'static str {
    match field {
        "MSE_Viewed__c" | "MSE_Clicked__c" | "MSE_Replied__c" => "Checkbox, off by default",
        "MSE_Call_Recording__c" | "MSE_Campaign_Details_Link__c" | "MSE_Template_Details__c" | "MSE_Details__c" => {
            "URL"
        }
        _ => "Text, length 255",
    }
}
