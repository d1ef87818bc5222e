//! The Salesforce task of an activity: its fields, or the flags that the activity sets on the email's own task. Knows no call, no ledger,
//! and not whom the task is about beyond an id.
//!
//! `TaskSubtype` is left alone: it can be set once only, and a task may be written again.

use std::collections::BTreeMap;

use serde_json::Value;

use super::message::{Activity, Call, Campaign, Email, What};
use super::text::plain;
use crate::ports::{TaskLayout, TaskRecord};
use crate::settings::LogSettings;
use crate::subject::{Tokens, filled, one_line};

/// Most characters of a description in Salesforce.
const MAX_DESCRIPTION: usize = 32_000;

/// Whose a task is, and whom it is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskPeople {
    /// Contact or lead.
    pub who: String,
    /// The seller's user; `None` leaves the task with the integration user and names the seller in the description.
    pub owner: Option<String>,
}

/// The task of an email, a call or a reply; `None` for what gets no task of its own.
#[must_use]
pub fn task(
    activity: &Activity,
    original: Option<&Activity>,
    people: &TaskPeople,
    layout: &TaskLayout,
    settings: &LogSettings,
) -> Option<TaskRecord> {
    let mut fields = Fields { layout, values: BTreeMap::new() };
    match &activity.what {
        What::EmailSent { email, campaign } => {
            fields.subject(
                &filled(&settings.subject_template, &tokens("Email", &email.subject, campaign.as_ref(), None)),
                "Email",
            );
            fields.kind("Email");
            email_fields(&mut fields, email);
            campaign_fields(&mut fields, campaign.as_ref());
            fields.text("MSE_Email_Status__c", Some("sent"));
            fields.description(people, activity, &email_text(email));
        }
        What::CallLogged { call, campaign } => {
            fields.subject(
                &filled(&settings.subject_template, &tokens("Call", "", campaign.as_ref(), Some(call))),
                "Call",
            );
            fields.kind("Call");
            call_fields(&mut fields, call);
            campaign_fields(&mut fields, campaign.as_ref());
            fields.description(people, activity, call.notes.as_deref().unwrap_or_default());
        }
        What::EmailReplied { .. } => {
            let subject = match original.map(|original| &original.what) {
                Some(What::EmailSent { email, .. }) => email.subject.as_str(),
                _ => "",
            };
            fields.subject(&one_line(&format!("Reply: {subject}")), "Reply");
            fields.kind("Reply");
            fields.description(people, activity, "");
        }
        _ => return None,
    }
    fields.text("Status", layout.closed_status.as_deref());
    let day = activity.at.to_zoned_datetime(settings.time_zone.clone()).date();
    fields.text("ActivityDate", Some(&day.to_string()));
    fields.text("WhoId", Some(&people.who));
    fields.text("OwnerId", people.owner.as_deref());
    Some(TaskRecord { fields: fields.values })
}

/// What the activity sets on the email's own task; `None` where it is not about an email, or no field for it can be written here.
#[must_use]
pub fn flags(activity: &Activity, layout: &TaskLayout) -> Option<TaskRecord> {
    let mut fields = Fields { layout, values: BTreeMap::new() };
    match &activity.what {
        What::EmailOpened { .. } => fields.put("MSE_Viewed__c", Value::Bool(true)),
        What::EmailClicked { .. } => fields.put("MSE_Clicked__c", Value::Bool(true)),
        What::EmailReplied { .. } => fields.put("MSE_Replied__c", Value::Bool(true)),
        What::EmailBounced { .. } => fields.text("MSE_Email_Status__c", Some("bounced")),
        _ => return None,
    }
    (!fields.values.is_empty()).then_some(TaskRecord { fields: fields.values })
}

/// Fields of sales applications that this organisation does not let us write, of those that tasks here may use.
#[must_use]
pub fn unwritable(layout: &TaskLayout) -> Vec<&'static str> {
    CUSTOM.into_iter().filter(|field| !layout.fields.contains_key(*field)).collect()
}

/// The custom fields that this program fills.
pub const CUSTOM: [&str; 13] = [
    "mktosales_call_outcome__c",
    "mktosales_call_reason__c",
    "MSE_Call_Recording__c",
    "MSE_Campaign__c",
    "MSE_Campaign_Details_Link__c",
    "MSE_Current_Campaign_Step__c",
    "MSE_Email_Status__c",
    "MSE_Template__c",
    "MSE_Template_Details__c",
    "MSE_Details__c",
    "MSE_Viewed__c",
    "MSE_Clicked__c",
    "MSE_Replied__c",
];

fn email_fields(fields: &mut Fields<'_>, email: &Email) {
    fields.text("MSE_Details__c", email.url.as_deref());
    if let Some(template) = &email.template {
        fields.text("MSE_Template__c", template.name.as_deref());
        fields.text("MSE_Template_Details__c", template.url.as_deref());
    }
}

fn call_fields(fields: &mut Fields<'_>, call: &Call) {
    fields.text("mktosales_call_outcome__c", call.outcome.as_deref());
    fields.text("mktosales_call_reason__c", call.reason.as_deref());
    fields.text("MSE_Call_Recording__c", call.recording_url.as_deref());
    fields.text("CallDisposition", call.outcome.as_deref());
    if let Some(seconds) = call.duration_seconds {
        fields.put("CallDurationInSeconds", seconds.into());
    }
    if fields.has_value("CallType", "Outbound") {
        fields.text("CallType", Some("Outbound"));
    }
}

fn campaign_fields(fields: &mut Fields<'_>, campaign: Option<&Campaign>) {
    if let Some(campaign) = campaign {
        fields.text("MSE_Campaign__c", campaign.name.as_deref());
        fields.text("MSE_Campaign_Details_Link__c", campaign.url.as_deref());
        fields.text("MSE_Current_Campaign_Step__c", campaign.step.as_deref());
    }
}

fn tokens<'a>(kind: &'a str, subject: &'a str, campaign: Option<&'a Campaign>, call: Option<&'a Call>) -> Tokens<'a> {
    let of_campaign = |value: fn(&Campaign) -> Option<&str>| campaign.and_then(value).unwrap_or_default();
    let of_call = |value: fn(&Call) -> Option<&str>| call.and_then(value).unwrap_or_default();
    Tokens {
        activity_type: kind,
        activity_subject: subject,
        sales_campaign_name: of_campaign(|c| c.name.as_deref()),
        sales_campaign_day: of_campaign(|c| c.day.as_deref()),
        sales_campaign_step: of_campaign(|c| c.step.as_deref()),
        call_outcome: of_call(|c| c.outcome.as_deref()),
        call_reason: of_call(|c| c.reason.as_deref()),
    }
}

fn email_text(email: &Email) -> String {
    format!("To: {}\n\n{}", one_line(&email.to), plain(&email.body))
}

/// Values by field, as far as this organisation takes them.
struct Fields<'a> {
    layout: &'a TaskLayout,
    values: BTreeMap<String, Value>,
}

impl Fields<'_> {
    fn put(&mut self, name: &str, value: Value) {
        if self.layout.fields.contains_key(name) {
            self.values.insert(name.to_owned(), value);
        }
    }

    /// A text, cut to the characters that the field takes; an empty one is left out.
    fn text(&mut self, name: &str, value: Option<&str>) {
        let Some(field) = self.layout.fields.get(name) else { return };
        let most = field.length.filter(|length| *length > 0).unwrap_or(usize::MAX);
        let cut: String = value.unwrap_or_default().chars().take(most).collect();
        if !cut.is_empty() {
            self.values.insert(name.to_owned(), cut.into());
        }
    }

    fn has_value(&self, name: &str, value: &str) -> bool {
        self.layout.fields.get(name).is_some_and(|field| field.values.contains(value))
    }

    /// The tokens of a template may all be empty, as of a call without campaign; a task without a subject is hard to find.
    fn subject(&mut self, subject: &str, otherwise: &str) {
        self.text("Subject", Some(if subject.trim().is_empty() { otherwise } else { subject }));
    }

    /// The type, only where the picklist has this very value.
    fn kind(&mut self, kind: &str) {
        if self.has_value("Type", kind) {
            self.text("Type", Some(kind));
        }
    }

    fn description(&mut self, people: &TaskPeople, activity: &Activity, text: &str) {
        let mut description = String::new();
        if people.owner.is_none() {
            description.push_str(&format!("Logged for {}, who is no active Salesforce user.\n\n", activity.user));
        }
        description.push_str(text);
        let cut: String = description.trim().chars().take(MAX_DESCRIPTION).collect();
        self.text("Description", Some(&cut));
    }
}
