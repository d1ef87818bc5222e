//! How the eight types of sales activity look in Marketo: custom activity types that mirror the native ones, or one for all, and the
//! record of an activity. Knows no call and no ledger.
//!
//! Marketo's own sales activity types cannot be written over its public API. The custom ones have the native names, attributes, triggers
//! and filters, and carry the activity's id besides.

use super::message::{Activity, Campaign, Email, Kind, What};
use crate::people::MarketoId;
use crate::ports::{ActivityTypeSpec, AttributeSpec, NewActivity};

/// API name of the attribute that holds the activity's id, in every type.
pub const ID_ATTRIBUTE: &str = "activityId";
/// Its name in Marketo's pages.
pub const ID_ATTRIBUTE_NAME: &str = "Activity ID";
/// What Marketo's pages show as the origin of the record.
const SOURCE: &str = "Sales App";
/// Most characters of a value: what a text attribute of Marketo is sure to take.
const MAX_CHARACTERS: usize = 255;
/// Stands where a primary attribute, which must not be empty, has no value.
const NO_VALUE: &str = "(none)";

const fn text(api_name: &'static str, name: &'static str) -> AttributeSpec {
    AttributeSpec { api_name, name, data_type: "string" }
}
const fn whole(api_name: &'static str, name: &'static str) -> AttributeSpec {
    AttributeSpec { api_name, name, data_type: "integer" }
}

const ID: AttributeSpec = text(ID_ATTRIBUTE, ID_ATTRIBUTE_NAME);
const SENT_BY: AttributeSpec = text("sentBy", "Sent By");
const SOURCE_OF: AttributeSpec = text("source", "Source");
const TEMPLATE_ID: AttributeSpec = text("templateId", "Template ID");
const TEMPLATE_URL: AttributeSpec = text("salesTemplateUrl", "Sales Template URL");
const TEMPLATE_NAME: AttributeSpec = text("salesTemplateName", "Sales Template Name");
const CAMPAIGN_ID: AttributeSpec = text("salesCampaignId", "Sales Campaign ID");
const CAMPAIGN_NAME: AttributeSpec = text("salesCampaignName", "Sales Campaign Name");
const CAMPAIGN_URL: AttributeSpec = text("salesCampaignUrl", "Sales Campaign URL");
const SUBJECT: AttributeSpec = text("emailSubject", "Email Subject");
const PERSON: AttributeSpec = text("marketoSalesPersonId", "Marketo Sales Person ID");
const LINK: AttributeSpec = text("link", "Link");
const RECEIVED_BY: AttributeSpec = text("receivedBy", "Received By");
const DETAILS: AttributeSpec = text("details", "Details");
const ADDRESS: AttributeSpec = text("email", "Email");
const MADE_BY: AttributeSpec = text("salesCallMadeBy", "Sales Call Made By");
const STATUS: AttributeSpec = text("salesCallStatus", "Sales Call Status");
const CALL_SUBJECT: AttributeSpec = text("salesCallSubject", "Sales Call Subject");
const DURATION: AttributeSpec = whole("salesCallDuration", "Sales Call Duration");
const RECORDING: AttributeSpec = text("recordingUrl", "Recording URL");
const ANSWERED_BY: AttributeSpec = text("answeredBy", "Answered By");
const PHONE: AttributeSpec = text("salesPhoneNumberCalled", "Sales Phone Number Called");
const KIND: AttributeSpec = text("activityKind", "Activity Kind");

const EMAIL: &[AttributeSpec] =
    &[ID, SENT_BY, SOURCE_OF, TEMPLATE_ID, TEMPLATE_URL, CAMPAIGN_URL, TEMPLATE_NAME, CAMPAIGN_NAME, PERSON];
const CLICK: &[AttributeSpec] =
    &[ID, LINK, SENT_BY, SOURCE_OF, TEMPLATE_ID, TEMPLATE_URL, CAMPAIGN_URL, TEMPLATE_NAME, CAMPAIGN_NAME, PERSON];
const CAMPAIGN: &[AttributeSpec] = &[ID, CAMPAIGN_URL, CAMPAIGN_ID, STATUS, SENT_BY, SOURCE_OF];

const fn spec(
    api_name: &'static str,
    name: &'static str,
    filter: &'static str,
    primary: AttributeSpec,
    attributes: &'static [AttributeSpec],
) -> ActivityTypeSpec {
    ActivityTypeSpec { api_name, name, trigger: name, filter, primary, attributes }
}

/// The eight types, in the order of [`Kind::ALL`].
pub const EIGHT: [ActivityTypeSpec; 8] = [
    spec("actionsSendSalesEmail", "Send Sales Email", "Was Sent Sales Email", SUBJECT, EMAIL),
    spec("actionsOpenSalesEmail", "Open Sales Email", "Opened Sales Email", SUBJECT, EMAIL),
    spec("actionsClickSalesEmail", "Click Sales Email", "Clicked Sales Email", SUBJECT, CLICK),
    spec(
        "actionsRepliedToSalesEmail",
        "Replied to Sales Email",
        "Has Replied to Sales Email",
        RECEIVED_BY,
        &[ID, SOURCE_OF, PERSON],
    ),
    spec(
        "actionsSalesEmailBounce",
        "Sales Email Bounce",
        "Sales Email Bounced",
        ADDRESS,
        &[ID, DETAILS, SENT_BY, PERSON, TEMPLATE_ID],
    ),
    spec(
        "actionsReceivedSalesCall",
        "Received Sales Call",
        "Has Received Sales Call",
        CALL_SUBJECT,
        &[ID, MADE_BY, STATUS, DURATION, RECORDING, ANSWERED_BY, PHONE, CAMPAIGN_NAME, CAMPAIGN_URL, SOURCE_OF, PERSON],
    ),
    spec("actionsAddToSalesCampaign", "Add to Sales Campaign", "Was Added to Sales Campaign", CAMPAIGN_NAME, CAMPAIGN),
    spec(
        "actionsRemoveFromSalesCampaign",
        "Remove from Sales Campaign",
        "Was Removed from Sales Campaign",
        CAMPAIGN_NAME,
        CAMPAIGN,
    ),
];

/// The one type for subscriptions without eight free slots of ten. A type takes 20 attributes besides the primary one, so two are left
/// out: who received a reply and who made a call is the seller, whom `Sent By` names.
pub const ONE: [ActivityTypeSpec; 1] = [spec(
    "actionsSalesActivity",
    "Sales Activity",
    "Had Sales Activity",
    KIND,
    &[
        ID,
        SENT_BY,
        SOURCE_OF,
        TEMPLATE_ID,
        TEMPLATE_URL,
        TEMPLATE_NAME,
        CAMPAIGN_ID,
        CAMPAIGN_NAME,
        CAMPAIGN_URL,
        SUBJECT,
        PERSON,
        LINK,
        DETAILS,
        ADDRESS,
        STATUS,
        CALL_SUBJECT,
        DURATION,
        RECORDING,
        ANSWERED_BY,
        PHONE,
    ],
)];

/// How activities are spread over custom types (setting `log.marketo.types`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeLayout {
    /// One type for each kind.
    Eight,
    /// One type for all.
    One,
}

impl TypeLayout {
    /// The types that have to be there.
    #[must_use]
    pub fn specs(self) -> &'static [ActivityTypeSpec] {
        match self {
            Self::Eight => &EIGHT,
            Self::One => &ONE,
        }
    }

    /// The type of a kind.
    #[must_use]
    pub fn spec(self, kind: Kind) -> &'static ActivityTypeSpec {
        match self {
            Self::Eight => &EIGHT[kind as usize],
            Self::One => &ONE[0],
        }
    }
}

/// The record of an activity. `original` is the email that it is about, where it is about one and that is known.
#[must_use]
pub fn record(
    activity: &Activity,
    original: Option<&Activity>,
    person: MarketoId,
    layout: TypeLayout,
    type_id: i64,
) -> NewActivity {
    let kind = activity.what.kind();
    let spec = layout.spec(kind);
    let mut values = values(activity, original, person);
    let mut primary = NO_VALUE.to_owned();
    if spec.primary == KIND {
        primary = EIGHT[kind as usize].name.to_owned();
    } else if let Some(at) = values.iter().position(|(attribute, _)| *attribute == spec.primary) {
        primary = values.remove(at).1;
    }
    let has = |attribute: &AttributeSpec| spec.attributes.contains(attribute);
    let attributes = values.into_iter().filter(|(attribute, _)| has(attribute)).map(|(a, v)| (a.api_name, v)).collect();
    NewActivity { person, at: activity.at, type_id, primary, attributes }
}

/// Every value that the activity gives, empty ones left out, each cut to what an attribute takes.
fn values(activity: &Activity, original: Option<&Activity>, person: MarketoId) -> Vec<(AttributeSpec, String)> {
    let mut values = Vec::with_capacity(12);
    let mut put = |attribute: AttributeSpec, value: Option<&str>| {
        let cut: String = value.unwrap_or_default().chars().take(MAX_CHARACTERS).collect();
        if !cut.is_empty() {
            values.push((attribute, cut));
        }
    };
    let bare = matches!(activity.what, What::EmailBounced { .. });
    put(ID, Some(&activity.id.0));
    put(SOURCE_OF, (!bare).then_some(SOURCE));
    put(PERSON, Some(&person.to_string()));
    let sent = match &activity.what {
        What::EmailSent { .. } => Some(activity),
        _ => original,
    };
    if let Some(Activity { id, user, what: What::EmailSent { email, campaign }, .. }) = sent {
        put(SENT_BY, Some(user));
        put(SUBJECT, Some(&tagged_subject(email, &id.0)));
        put_template(&mut put, email);
        put_campaign(&mut put, campaign.as_ref());
    }
    match &activity.what {
        What::EmailSent { .. } => {}
        What::EmailOpened { .. } => put_seller(&mut put, sent, activity),
        What::EmailClicked { link, .. } => {
            put_seller(&mut put, sent, activity);
            put(LINK, Some(link));
        }
        What::EmailReplied { .. } => {
            put_seller(&mut put, sent, activity);
            put(RECEIVED_BY, Some(&activity.user));
        }
        What::EmailBounced { bounce, .. } => {
            put_seller(&mut put, sent, activity);
            put(DETAILS, Some(&bounce.details));
            put(ADDRESS, Some(&bounce.address));
        }
        What::CallLogged { call, campaign } => {
            put(MADE_BY, Some(&activity.user));
            put(STATUS, Some(call.status.as_str()));
            put(CALL_SUBJECT, call.outcome.as_deref());
            put(DURATION, call.duration_seconds.map(|seconds| seconds.to_string()).as_deref());
            put(RECORDING, call.recording_url.as_deref());
            put(ANSWERED_BY, call.answered_by.as_deref());
            put(PHONE, call.phone.as_deref());
            put_campaign(&mut put, campaign.as_ref());
            put(SENT_BY, Some(&activity.user));
        }
        What::CampaignAdded { campaign } | What::CampaignRemoved { campaign } => {
            put(SENT_BY, Some(&activity.user));
            put_campaign(&mut put, Some(campaign));
        }
    }
    values
}

type Put<'a> = dyn FnMut(AttributeSpec, Option<&str>) + 'a;

/// The seller, where the email that would tell it is not known.
fn put_seller(put: &mut Put<'_>, sent: Option<&Activity>, activity: &Activity) {
    if sent.is_none() {
        put(SENT_BY, Some(&activity.user));
    }
}

fn put_template(put: &mut Put<'_>, email: &Email) {
    if let Some(template) = &email.template {
        put(TEMPLATE_ID, Some(&template.id));
        put(TEMPLATE_URL, template.url.as_deref());
        put(TEMPLATE_NAME, template.name.as_deref());
    }
}

fn put_campaign(put: &mut Put<'_>, campaign: Option<&Campaign>) {
    if let Some(campaign) = campaign {
        put(CAMPAIGN_ID, Some(&campaign.id));
        put(CAMPAIGN_NAME, campaign.name.as_deref());
        put(CAMPAIGN_URL, campaign.url.as_deref());
    }
}

/// The subject, and behind it what tells emails with the same subject apart, as the native type has it.
fn tagged_subject(email: &Email, id: &str) -> String {
    let tag = format!(" (SIA-{id})");
    let room = MAX_CHARACTERS.saturating_sub(tag.chars().count());
    let subject = crate::subject::one_line(&email.subject);
    subject.chars().take(room).chain(tag.chars()).collect()
}
