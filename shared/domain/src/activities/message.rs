//! The message of one sales activity: what the app sends, checked, and what is wrong with one that cannot be used. Knows no destination.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::people::MarketoId;

/// Most characters of an activity id.
const MAX_ID_CHARACTERS: usize = 64;

/// The idempotency key of an activity, given by the app: one to 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActivityId(pub String);

impl fmt::Display for ActivityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whom an activity is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum About {
    /// The person with this Marketo id.
    Id(MarketoId),
    /// Whoever has this address.
    Email(String),
}

/// One sales activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    /// Its key.
    pub id: ActivityId,
    /// When it happened.
    pub at: Timestamp,
    /// The seller's address.
    pub user: String,
    /// The person.
    pub about: About,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// A seller sent an email.
    EmailSent {
        /// The email.
        email: Email,
        /// The campaign that it is a step of.
        campaign: Option<Campaign>,
    },
    /// The person opened it.
    EmailOpened {
        /// The email's activity.
        original: ActivityId,
    },
    /// The person followed a link in it.
    EmailClicked {
        /// The email's activity.
        original: ActivityId,
        /// The link.
        link: String,
    },
    /// The person replied to it.
    EmailReplied {
        /// The email's activity.
        original: ActivityId,
    },
    /// It could not be delivered.
    EmailBounced {
        /// The email's activity.
        original: ActivityId,
        /// What the mail server said.
        bounce: Bounce,
    },
    /// A seller called.
    CallLogged {
        /// The call.
        call: Call,
        /// The campaign that it is a step of.
        campaign: Option<Campaign>,
    },
    /// The person was put into a campaign.
    CampaignAdded {
        /// The campaign.
        campaign: Campaign,
    },
    /// The person was taken out of a campaign.
    CampaignRemoved {
        /// The campaign.
        campaign: Campaign,
    },
}

/// The eight types of activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is the type it names")]
pub enum Kind {
    EmailSent,
    EmailOpened,
    EmailClicked,
    EmailReplied,
    EmailBounced,
    CallLogged,
    CampaignAdded,
    CampaignRemoved,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::EmailSent,
        Self::EmailOpened,
        Self::EmailClicked,
        Self::EmailReplied,
        Self::EmailBounced,
        Self::CallLogged,
        Self::CampaignAdded,
        Self::CampaignRemoved,
    ];

    /// The name in messages and settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EmailSent => "emailSent",
            Self::EmailOpened => "emailOpened",
            Self::EmailClicked => "emailClicked",
            Self::EmailReplied => "emailReplied",
            Self::EmailBounced => "emailBounced",
            Self::CallLogged => "callLogged",
            Self::CampaignAdded => "campaignAdded",
            Self::CampaignRemoved => "campaignRemoved",
        }
    }
}

impl What {
    /// Which of the eight.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::EmailSent { .. } => Kind::EmailSent,
            Self::EmailOpened { .. } => Kind::EmailOpened,
            Self::EmailClicked { .. } => Kind::EmailClicked,
            Self::EmailReplied { .. } => Kind::EmailReplied,
            Self::EmailBounced { .. } => Kind::EmailBounced,
            Self::CallLogged { .. } => Kind::CallLogged,
            Self::CampaignAdded { .. } => Kind::CampaignAdded,
            Self::CampaignRemoved { .. } => Kind::CampaignRemoved,
        }
    }

    /// The activity of the email that this is about, where it is about one.
    #[must_use]
    pub fn original(&self) -> Option<&ActivityId> {
        match self {
            Self::EmailOpened { original }
            | Self::EmailClicked { original, .. }
            | Self::EmailReplied { original }
            | Self::EmailBounced { original, .. } => Some(original),
            _ => None,
        }
    }

    /// Bytes of the texts that may be long.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        match self {
            Self::EmailSent { email, .. } => email.body.len(),
            Self::CallLogged { call, .. } => call.notes.as_ref().map_or(0, String::len),
            _ => 0,
        }
    }

    /// The same without texts that nobody needs once it is logged: body, notes.
    #[must_use]
    pub fn slimmed(mut self) -> Self {
        match &mut self {
            Self::EmailSent { email, .. } => email.body = String::new(),
            Self::CallLogged { call, .. } => call.notes = None,
            _ => {}
        }
        self
    }
}

/// An email. Texts are as the app gave them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Email {
    /// Subject.
    pub subject: String,
    /// Body, plain text or HTML.
    pub body: String,
    /// Recipient.
    pub to: String,
    /// Where the app shows it.
    pub url: Option<String>,
    /// The template it was made from.
    pub template: Option<Template>,
}

/// A template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Template {
    /// Id.
    #[serde(deserialize_with = "text_or_number")]
    pub id: String,
    /// Name.
    pub name: Option<String>,
    /// Where the app shows it.
    pub url: Option<String>,
}

/// A sales campaign and the step in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Campaign {
    /// Id.
    #[serde(deserialize_with = "text_or_number")]
    pub id: String,
    /// Name.
    pub name: Option<String>,
    /// Where the app shows it.
    pub url: Option<String>,
    /// Step.
    #[serde(default, deserialize_with = "optional_text_or_number")]
    pub step: Option<String>,
    /// Day.
    #[serde(default, deserialize_with = "optional_text_or_number")]
    pub day: Option<String>,
}

/// A bounce.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bounce {
    /// What the mail server said.
    pub details: String,
    /// The address.
    pub address: String,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallStatus {
    #[serde(rename = "completed")]
    Completed,
    #[serde(rename = "no answer")]
    NoAnswer,
    #[serde(rename = "cancelled")]
    Cancelled,
    #[serde(rename = "failed")]
    Failed,
}

impl CallStatus {
    /// The status as messages and Marketo have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::NoAnswer => "no answer",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

/// A call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// How it ended.
    pub status: CallStatus,
    /// Outcome chosen by the seller.
    pub outcome: Option<String>,
    /// Reason chosen by the seller.
    pub reason: Option<String>,
    /// Seconds.
    pub duration_seconds: Option<u32>,
    /// Where the recording is.
    pub recording_url: Option<String>,
    /// Who answered.
    pub answered_by: Option<String>,
    /// Number called.
    pub phone: Option<String>,
    /// What the seller wrote.
    pub notes: Option<String>,
}

/// Ids, steps and days are texts; some senders write numbers.
#[derive(Deserialize)]
#[serde(untagged)]
enum TextOrNumber {
    Text(String),
    Number(i64),
}

impl From<TextOrNumber> for String {
    fn from(value: TextOrNumber) -> Self {
        match value {
            TextOrNumber::Text(text) => text,
            TextOrNumber::Number(number) => number.to_string(),
        }
    }
}

fn text_or_number<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    TextOrNumber::deserialize(from).map(String::from)
}

fn optional_text_or_number<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<TextOrNumber>::deserialize(from)?.map(String::from))
}

/// The message as it travels; keys that a type does not list are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    v: Option<serde_json::Value>,
    activity_id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    occurred_at: Option<Timestamp>,
    user: Option<String>,
    marketo_id: Option<i64>,
    /// The email of an `emailSent`, or the person's address.
    email: Option<serde_json::Value>,
    original_activity_id: Option<String>,
    link: Option<String>,
    bounce: Option<serde_json::Value>,
    call: Option<serde_json::Value>,
    campaign: Option<serde_json::Value>,
}

/// Why a message cannot be used, in words that quote no value of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// What is wrong and what is expected.
    pub reason: String,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

fn unusable<T>(reason: impl Into<String>) -> Result<T, Unusable> {
    Err(Unusable { reason: reason.into() })
}

impl Activity {
    /// Reads one message.
    ///
    /// # Errors
    /// Names what is missing or wrong; quotes nothing of the message.
    pub fn parse(body: &str) -> Result<Self, Unusable> {
        let wire: Wire = match serde_json::from_str(body) {
            Ok(wire) => wire,
            Err(error) if error.is_data() => {
                return unusable("a key holds a value of the wrong type: see the format of sales activities");
            }
            Err(_) => return unusable("it is not JSON"),
        };
        if wire.v.as_ref().is_some_and(|v| *v != 1) {
            return unusable("its version `v` is not 1, the only one this program knows");
        }
        let id = ActivityId(text("activityId", wire.activity_id.as_deref())?);
        if id.0.chars().count() > MAX_ID_CHARACTERS {
            return unusable(format!("activityId has more than {MAX_ID_CHARACTERS} characters"));
        }
        let Some(at) = wire.occurred_at else { return unusable("occurredAt is missing") };
        let user = text("user", wire.user.as_deref())?;
        let what = what(&wire)?;
        let about = match (wire.marketo_id, wire.email.as_ref().and_then(|email| email.as_str())) {
            (Some(id), _) => About::Id(MarketoId(id)),
            (None, Some(email)) if !email.trim().is_empty() => About::Email(email.trim().to_owned()),
            _ => match &what {
                What::EmailSent { email, .. } if !email.to.trim().is_empty() => {
                    About::Email(email.to.trim().to_owned())
                }
                _ => return unusable("it names no person: marketoId or email"),
            },
        };
        Ok(Self { id, at, user, about, what })
    }
}

fn what(wire: &Wire) -> Result<What, Unusable> {
    let original = || text("originalActivityId", wire.original_activity_id.as_deref()).map(ActivityId);
    let campaign = || wire.campaign.as_ref().filter(|c| !c.is_null()).map(|c| part("campaign", Some(c))).transpose();
    Ok(match wire.kind.as_deref() {
        Some("emailSent") => What::EmailSent { email: part("email", wire.email.as_ref())?, campaign: campaign()? },
        Some("emailOpened") => What::EmailOpened { original: original()? },
        Some("emailClicked") => What::EmailClicked { original: original()?, link: text("link", wire.link.as_deref())? },
        Some("emailReplied") => What::EmailReplied { original: original()? },
        Some("emailBounced") => {
            What::EmailBounced { original: original()?, bounce: part("bounce", wire.bounce.as_ref())? }
        }
        Some("callLogged") => What::CallLogged { call: part("call", wire.call.as_ref())?, campaign: campaign()? },
        Some("campaignAdded") => What::CampaignAdded { campaign: part("campaign", wire.campaign.as_ref())? },
        Some("campaignRemoved") => What::CampaignRemoved { campaign: part("campaign", wire.campaign.as_ref())? },
        None => return unusable("type is missing"),
        Some(_) => {
            let known = Kind::ALL.map(Kind::name).join(", ");
            return unusable(format!("its type is not one of {known}"));
        }
    })
}

fn text(key: &str, value: Option<&str>) -> Result<String, Unusable> {
    match value.map(str::trim).filter(|value| !value.is_empty()) {
        Some(value) => Ok(value.to_owned()),
        None => unusable(format!("{key} is missing or empty")),
    }
}

fn part<T: serde::de::DeserializeOwned>(key: &str, value: Option<&serde_json::Value>) -> Result<T, Unusable> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return unusable(format!("{key} is missing")) };
    // The error's own text would quote a value.
    T::deserialize(value)
        .or_else(|_| unusable(format!("{key} lacks a required key or holds a value of the wrong type")))
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
