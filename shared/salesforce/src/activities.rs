//! The port for logging activities: tasks by our key, and what is kept of the organisation between calls.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use domain::people::normalised_email;
use domain::ports::{
    KEY_FIELD, NewLead, ReminderLayout, RowOutcome, SalesforceDirectory, SalesforcePerson, SalesforceTasks, TaskField,
    TaskLayout, TaskRecord,
};
use domain::{Failure, Timestamp};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::Value;

use crate::client::SalesforceClient;
use crate::describe::Field;
use crate::records::Collected;

/// How long what is known of fields and users counts: an admin's change is seen by then.
const KEPT_FOR: SignedDuration = SignedDuration::from_mins(10);
/// Most users that are kept; then all are forgotten.
const MAX_USERS: usize = 10_000;
const TASK: &str = "Task";

/// What is kept between calls.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    layout: Option<(Timestamp, TaskLayout)>,
    reminder_layout: Option<(Timestamp, ReminderLayout)>,
    /// Ids of users by address; `None` = nobody has it.
    users: BTreeMap<String, (Timestamp, Option<String>)>,
}

impl Kept {
    /// The layout of reminder tasks, while it counts.
    pub fn reminder_layout(&self, now: Timestamp) -> Option<ReminderLayout> {
        let counts = |at: &Timestamp| now.duration_since(*at) < KEPT_FOR;
        self.reminder_layout.as_ref().filter(|(at, _)| counts(at)).map(|(_, layout)| layout.clone())
    }

    /// Keeps the layout of reminder tasks.
    pub fn keep_reminder_layout(&mut self, now: Timestamp, layout: ReminderLayout) {
        self.reminder_layout = Some((now, layout));
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    api_name: Option<String>,
    master_label: String,
    #[serde(default)]
    is_default: bool,
}

impl SalesforceClient {
    async fn read_layout(&self) -> Result<TaskLayout, Failure> {
        let described = self.inner.describe(TASK).await?;
        let key = described.fields.get(KEY_FIELD);
        let has_key = key.is_some_and(|key| key.createable && key.updateable && key.external_id && key.unique);
        let statuses =
            "SELECT ApiName, MasterLabel, IsDefault FROM TaskStatus WHERE IsClosed = true ORDER BY SortOrder";
        let statuses: Vec<Status> = self.query(statuses, false).await?;
        let closed = statuses.iter().find(|status| status.is_default).or(statuses.first());
        let closed_status = closed.map(|status| status.api_name.clone().unwrap_or_else(|| status.master_label.clone()));
        let usable = described.fields.into_iter().filter(|(_, field)| field.createable && field.updateable);
        let field = |Field { length, values, .. }| TaskField { length: (length > 0).then_some(length), values };
        Ok(TaskLayout { fields: usable.map(|(name, f)| (name, field(f))).collect(), closed_status, has_key })
    }
}

#[async_trait]
impl SalesforceDirectory for SalesforceClient {
    async fn users(&self, emails: &BTreeSet<String>) -> Result<BTreeMap<String, String>, Failure> {
        let now = self.inner.clock.now();
        let mut kept = self.inner.kept.lock().await;
        kept.users.retain(|_, (at, _)| now.duration_since(*at) < KEPT_FOR);
        let unknown: BTreeSet<String> =
            emails.iter().filter(|email| !kept.users.contains_key(*email)).cloned().collect();
        if !unknown.is_empty() {
            if kept.users.len() + unknown.len() > MAX_USERS {
                kept.users.retain(|email, _| emails.contains(email));
            }
            let found = self.inner.active_users(&unknown).await?;
            for email in unknown {
                kept.users.insert(email, (now, None));
            }
            // Oldest first: of several users with one address the first counts.
            for user in found.into_iter().rev() {
                if let Some(email) = user.email.as_deref().and_then(normalised_email) {
                    kept.users.insert(email, (now, Some(user.id)));
                }
            }
        }
        let known = |email: &String| Some((email.clone(), kept.users.get(email)?.1.clone()?));
        Ok(emails.iter().filter_map(known).collect())
    }

    async fn people_by_id(&self, ids: &BTreeSet<String>) -> Result<Vec<SalesforcePerson>, Failure> {
        self.inner.people_by_id(ids).await
    }

    async fn people_by_email(&self, emails: &BTreeSet<String>) -> Result<Vec<SalesforcePerson>, Failure> {
        self.inner.people_by_email(emails).await
    }
}

#[async_trait]
impl SalesforceTasks for SalesforceClient {
    async fn task_layout(&self, fresh: bool) -> Result<TaskLayout, Failure> {
        let now = self.inner.clock.now();
        let mut kept = self.inner.kept.lock().await;
        if let Some((at, layout)) = kept.layout.as_ref().filter(|_| !fresh)
            && now.duration_since(*at) < KEPT_FOR
        {
            return Ok(layout.clone());
        }
        let layout = self.read_layout().await?;
        kept.layout = Some((now, layout.clone()));
        Ok(layout)
    }

    async fn put_tasks(
        &self,
        tasks: &[(String, TaskRecord)],
        not_after: Timestamp,
    ) -> Result<Vec<RowOutcome>, Failure> {
        self.upsert_until(TASK, KEY_FIELD, &collected(tasks), Some(not_after)).await
    }

    async fn update_tasks(&self, tasks: &[(String, TaskRecord)]) -> Result<Vec<RowOutcome>, Failure> {
        self.update(TASK, &collected(tasks)).await
    }

    async fn create_leads(&self, leads: &[NewLead]) -> Result<Vec<RowOutcome>, Failure> {
        let record = |lead: &NewLead| {
            let mut values = Collected::new();
            let mut put = |name: &str, value: &str, most: usize| {
                values.insert(name.to_owned(), Value::String(value.chars().take(most).collect()));
            };
            put("LastName", &lead.last_name, 80);
            put("Company", &lead.company, 255);
            put("Email", &lead.email, 80);
            if let Some(first_name) = &lead.first_name {
                put("FirstName", first_name, 40);
            }
            values
        };
        let records: Vec<Collected> = leads.iter().map(record).collect();
        self.create("Lead", &records).await
    }
}

fn collected(tasks: &[(String, TaskRecord)]) -> Vec<(String, Collected)> {
    tasks.iter().map(|(key, task)| (key.clone(), task.fields.clone().into_iter().collect())).collect()
}
