//! The port for reminder tasks: tasks as both sides have them, and how they look in the organisation. Knows not who wins.

use std::collections::BTreeSet;

use async_trait::async_trait;
use domain::people::normalised_email;
use domain::ports::{
    ChangedSince, KEY_FIELD, MAX_CHANGED, NewReminder, ReminderFields, ReminderLayout, ReminderRecord, ReminderUpdate,
    ReminderValues, RowOutcome, SalesforceReminders, UpdateOutcome,
};
use domain::tasks::Field;
use domain::{Failure, FailureKind, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::client::SalesforceClient;
use crate::describe::Described;
use crate::records::Collected;
use crate::series::Conditional;
use crate::{soql, times};

const TASK: &str = "Task";
const WHO: &str = "WhoId";
const USER: &str = "User";

/// The fields that are read, beside the key.
const SELECT: &str = "Id, Subject, Status, IsClosed, Priority, IsHighPriority, ActivityDate, Description, OwnerId, Owner.Email, Owner.Type, \
                      WhoId, IsRecurrence, IsDeleted, LastModifiedDate, SystemModstamp";

/// A field's name in Salesforce.
fn api_name(field: Field) -> &'static str {
    match field {
        Field::Name => "Subject",
        Field::Status => "Status",
        Field::Priority => "Priority",
        Field::Due => "ActivityDate",
        Field::Details => "Description",
        Field::Owner => "OwnerId",
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    id: String,
    subject: Option<String>,
    status: Option<String>,
    #[serde(default)]
    is_closed: bool,
    priority: Option<String>,
    #[serde(default)]
    is_high_priority: bool,
    activity_date: Option<String>,
    description: Option<String>,
    owner_id: Option<String>,
    owner: Option<WireOwner>,
    who_id: Option<String>,
    #[serde(default)]
    is_recurrence: bool,
    #[serde(default)]
    is_deleted: bool,
    last_modified_date: String,
    system_modstamp: String,
    /// The key, among others.
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireOwner {
    email: Option<String>,
    #[serde(rename = "Type")]
    of_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Choice {
    api_name: Option<String>,
    master_label: String,
    #[serde(default)]
    is_default: bool,
    #[serde(default)]
    is_closed: bool,
    #[serde(default)]
    is_high_priority: bool,
}

fn record(wire: Wire) -> Option<ReminderRecord> {
    let long = |id: String| domain::people::to_18_characters(&id).into_owned();
    let lines = |text: String| text.replace("\r\n", "\n").replace('\r', "\n");
    let some = |text: &String| !text.is_empty();
    let owner = wire.owner.filter(|owner| owner.of_type.as_deref().is_none_or(|of_type| of_type == USER));
    let due = match wire.activity_date {
        None => None,
        Some(date) => Some(date.parse().ok()?),
    };
    Some(ReminderRecord {
        id: long(wire.id),
        key: wire.others.get(KEY_FIELD).and_then(Value::as_str).filter(|key| !key.is_empty()).map(str::to_owned),
        values: ReminderValues {
            subject: wire.subject.filter(some),
            status: wire.status,
            closed: wire.is_closed,
            priority: wire.priority,
            high: wire.is_high_priority,
            due,
            description: wire.description.map(lines).filter(some),
            owner: wire.owner_id.map(long),
        },
        owner_email: owner.and_then(|owner| normalised_email(&owner.email?)),
        who: wire.who_id.map(long),
        recurring: wire.is_recurrence,
        deleted: wire.is_deleted,
        modified: times::parse(&wire.last_modified_date)?,
        stamp: times::parse(&wire.system_modstamp)?,
    })
}

impl SalesforceClient {
    async fn reminders(&self, query: &str) -> Result<Vec<ReminderRecord>, Failure> {
        // Deleted and archived ones, too.
        let found = self.query::<Wire>(query, true).await;
        let found = match found {
            Err(failure) if failure.kind == FailureKind::BadSetting => return Err(self.named(failure).await),
            other => other?,
        };
        let damaged =
            || Failure::new(FailureKind::BadAnswer, "Salesforce, GET /queryAll: a task has a date that cannot be read");
        found.into_iter().map(|wire| record(wire).ok_or_else(damaged)).collect()
    }

    /// Names the fields that cannot be seen, where Salesforce said that one cannot.
    async fn named(&self, failure: Failure) -> Failure {
        let Ok(described) = self.inner.describe(TASK).await else { return failure };
        let names = Field::ALL.map(api_name).into_iter().chain([KEY_FIELD, WHO]);
        let hidden: Vec<String> =
            names.filter(|name| !described.fields.contains_key(*name)).map(|name| format!("{TASK}.{name}")).collect();
        if hidden.is_empty() {
            return failure;
        }
        let text = format!(
            "{} is hidden from the integration user, or does not exist: give its profile or permission set read access, and make the key field \
             where it is missing (`actions-sync provision salesforce` says how); nothing was written",
            hidden.join(", ")
        );
        Failure { code: failure.code, ..Failure::new(FailureKind::BadSetting, text) }
    }

    async fn read_reminder_layout(&self) -> Result<ReminderLayout, Failure> {
        let described = self.inner.describe(TASK).await?;
        let statuses = "SELECT ApiName, MasterLabel, IsDefault, IsClosed FROM TaskStatus ORDER BY SortOrder";
        let statuses: Vec<Choice> = self.query(statuses, false).await?;
        let priorities = "SELECT ApiName, MasterLabel, IsDefault, IsHighPriority FROM TaskPriority ORDER BY SortOrder";
        let priorities: Vec<Choice> = self.query(priorities, false).await?;
        Ok(layout(&described, &statuses, &priorities))
    }
}

fn layout(described: &Described, statuses: &[Choice], priorities: &[Choice]) -> ReminderLayout {
    let usable = |name: &str| described.fields.get(name).is_some_and(|field| field.createable && field.updateable);
    let key = described.fields.get(KEY_FIELD).filter(|key| key.external_id && key.unique);
    let choice = |choices: &[Choice], wanted: fn(&Choice) -> bool| {
        let fitting = || choices.iter().filter(|choice| wanted(choice));
        let chosen = fitting().find(|choice| choice.is_default).or_else(|| fitting().next())?;
        Some(chosen.api_name.clone().unwrap_or_else(|| chosen.master_label.clone()))
    };
    ReminderLayout {
        writable: Field::ALL.into_iter().filter(|field| usable(api_name(*field))).collect(),
        has_key: key.is_some() && usable(KEY_FIELD),
        has_who: usable(WHO),
        open_status: choice(statuses, |choice| !choice.is_closed),
        closed_status: choice(statuses, |choice| choice.is_closed),
        normal_priority: choice(priorities, |choice| !choice.is_high_priority),
        high_priority: choice(priorities, |choice| choice.is_high_priority),
    }
}

fn select() -> String {
    format!("SELECT {SELECT}, {KEY_FIELD} FROM {TASK}")
}

fn collected(fields: &ReminderFields) -> Collected {
    let value = |text: &Option<String>| text.as_ref().map_or(Value::Null, |text| Value::String(text.clone()));
    fields.iter().map(|(field, text)| (api_name(*field).to_owned(), value(text))).collect()
}

#[async_trait]
impl SalesforceReminders for SalesforceClient {
    fn time_at(&self, local: Timestamp) -> Timestamp {
        self.inner.vendor_clock.at(local)
    }

    async fn reminder_layout(&self, fresh: bool) -> Result<ReminderLayout, Failure> {
        let now = self.inner.clock.now();
        let mut kept = self.inner.kept.lock().await;
        if let Some(layout) = kept.reminder_layout(now).filter(|_| !fresh) {
            return Ok(layout);
        }
        let layout = self.read_reminder_layout().await?;
        kept.keep_reminder_layout(now, layout.clone());
        Ok(layout)
    }

    async fn changed_reminders(&self, since: &ChangedSince) -> Result<Vec<ReminderRecord>, Failure> {
        let changed = soql::changed_since(since);
        self.reminders(&format!("{} WHERE {changed} ORDER BY SystemModstamp, Id LIMIT {MAX_CHANGED}", select())).await
    }

    async fn reminders_by_id(&self, ids: &BTreeSet<String>) -> Result<Vec<ReminderRecord>, Failure> {
        let mut records = Vec::new();
        for query in soql::over_list(&select(), "Id", ids.iter().map(String::as_str), "") {
            records.extend(self.reminders(&query).await?);
        }
        Ok(records)
    }

    async fn reminders_by_key(&self, keys: &BTreeSet<String>) -> Result<Vec<ReminderRecord>, Failure> {
        let mut records = Vec::new();
        for query in soql::over_list(&select(), KEY_FIELD, keys.iter().map(String::as_str), "") {
            records.extend(self.reminders(&query).await?);
        }
        Ok(records)
    }

    async fn create_reminders(&self, tasks: &[NewReminder], not_after: Timestamp) -> Result<Vec<RowOutcome>, Failure> {
        let made = |task: &NewReminder| {
            let mut values = collected(&task.fields);
            values.insert(KEY_FIELD.to_owned(), task.key.clone().into());
            if let Some(who) = &task.who {
                values.insert(WHO.to_owned(), who.clone().into());
            }
            values
        };
        let records: Vec<Collected> = tasks.iter().map(made).collect();
        self.create_keyed(TASK, &records, not_after).await
    }

    async fn update_reminders(
        &self,
        updates: &[ReminderUpdate],
        not_after: Timestamp,
    ) -> Result<Vec<UpdateOutcome>, Failure> {
        let records: Vec<Conditional<'_>> = updates
            .iter()
            .map(|update| Conditional { id: &update.id, values: collected(&update.fields), seen: update.seen })
            .collect();
        self.update_unchanged(TASK, &records, not_after).await
    }

    async fn delete_reminders(&self, ids: &[String], not_after: Timestamp) -> Result<Vec<RowOutcome>, Failure> {
        self.delete_until(ids, Some(not_after)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organisations_own_picklists_are_understood() {
        let choice = |label: &str, is_default, is_closed, is_high_priority| Choice {
            api_name: None,
            master_label: label.to_owned(),
            is_default,
            is_closed,
            is_high_priority,
        };
        let statuses = [
            choice("Neu", false, false, false),
            choice("Offen", true, false, false),
            choice("Fertig", false, true, false),
        ];
        let priorities = [choice("Hoch", false, false, true), choice("Egal", true, false, false)];
        let layout = layout(&Described::default(), &statuses, &priorities);
        assert_eq!((layout.open_status.as_deref(), layout.closed_status.as_deref()), (Some("Offen"), Some("Fertig")));
        assert_eq!((layout.normal_priority.as_deref(), layout.high_priority.as_deref()), (Some("Egal"), Some("Hoch")));
        assert!(layout.writable.is_empty() && !layout.has_key);
    }
}
