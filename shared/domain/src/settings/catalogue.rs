//! Every setting: its key, its default, its allowed values. The only list of them.

use jiff::civil::Date;

use super::split_list;
use crate::activities::Kind;
use crate::{Failure, FailureKind};

/// The seven tokens of the Salesforce subject template.
const SUBJECT_TOKENS: [&str; 7] = [
    "activity_type",
    "activity_subject",
    "sales_campaign_name",
    "sales_campaign_day",
    "sales_campaign_step",
    "call_outcome",
    "call_reason",
];

/// One setting.
#[derive(Debug)]
pub struct SettingSpec {
    /// Its key.
    pub key: &'static str,
    /// Its value until changed.
    pub default: &'static str,
    allowed: Allowed,
}

#[derive(Debug)]
enum Allowed {
    OnOff,
    Choice(&'static [&'static str]),
    Number(i64, i64),
    RestNames { most: usize, least: usize },
    Text,
    Date,
    TimeZone,
    FieldName,
    EmailsOrStar,
    Domains,
    SubjectTemplate,
    ActivityTypes,
}

const fn setting(key: &'static str, default: &'static str, allowed: Allowed) -> SettingSpec {
    SettingSpec { key, default, allowed }
}

/// All settings.
pub const SETTINGS: &[SettingSpec] = &[
    setting("people.ownerFields", "sfdcLeadOwnerId,externalSalesPersonId", Allowed::RestNames { most: 10, least: 1 }),
    setting("people.includeQueueOwners", "off", Allowed::OnOff),
    setting("people.extraFields", "", Allowed::RestNames { most: 50, least: 0 }),
    setting("people.smartList", "", Allowed::Text),
    setting("people.exportFrom", "", Allowed::Date),
    setting("people.overlapMinutes", "10", Allowed::Number(1, 1440)),
    setting("people.autoStart", "on", Allowed::OnOff),
    setting("log.marketo", "on", Allowed::OnOff),
    setting("log.salesforce.email", "on", Allowed::OnOff),
    setting("log.salesforce.call", "on", Allowed::OnOff),
    setting("log.salesforce.reply", "off", Allowed::OnOff),
    setting("log.marketo.types", "eight", Allowed::Choice(&["eight", "one"])),
    setting("log.salesforce.subjectTemplate", "{{activity_subject}}", Allowed::SubjectTemplate),
    setting("log.salesforce.onNoMatch", "reject", Allowed::Choice(&["reject", "createLead"])),
    setting("log.salesforce.matchCallsByEmail", "on", Allowed::OnOff),
    setting("log.salesforce.timeZone", "UTC", Allowed::TimeZone),
    setting("log.marketo.skip", "", Allowed::ActivityTypes),
    setting("log.salesforce.skip", "", Allowed::ActivityTypes),
    setting("log.dryRun", "off", Allowed::OnOff),
    setting("unsubscribes.sync", "on", Allowed::OnOff),
    setting("unsubscribes.push", "on", Allowed::OnOff),
    setting("unsubscribes.field", "standard", Allowed::Choice(&["standard", "sales", "both"])),
    setting("unsubscribes.salesField", "", Allowed::FieldName),
    setting("unsubscribes.marketoCheck", "on", Allowed::OnOff),
    setting("unsubscribes.checkFailOpen", "off", Allowed::OnOff),
    setting("unsubscribes.blockedDomains", "", Allowed::Domains),
    setting("reminders.sync", "off", Allowed::OnOff),
    setting("reminders.owners", "*", Allowed::EmailsOrStar),
    setting("reminders.importWindowHours", "24", Allowed::Number(0, 720)),
    setting("reminders.backfill", "off", Allowed::OnOff),
];

/// The setting with this key.
///
/// # Errors
/// `BadSetting`, naming all keys.
pub fn spec(key: &str) -> Result<&'static SettingSpec, Failure> {
    SETTINGS.iter().find(|s| s.key == key).ok_or_else(|| {
        let keys: Vec<_> = SETTINGS.iter().map(|s| s.key).collect();
        Failure::new(
            FailureKind::BadSetting,
            format!("there is no setting `{key}`; the settings are {}", keys.join(", ")),
        )
    })
}

impl SettingSpec {
    /// The allowed values, in words.
    #[must_use]
    pub fn allowed(&self) -> String {
        match &self.allowed {
            Allowed::OnOff => "on, off".into(),
            Allowed::Choice(values) => values.join(", "),
            Allowed::Number(least, most) => format!("a whole number from {least} to {most}"),
            Allowed::RestNames { most, least: 0 } => {
                format!("empty, or at most {most} Marketo REST field names separated by commas")
            }
            Allowed::RestNames { most, .. } => format!("one to {most} Marketo REST field names separated by commas"),
            Allowed::Text => "any text of at most 255 characters, or empty".into(),
            Allowed::Date => "a date such as 2024-01-31, or empty".into(),
            Allowed::TimeZone => "an IANA time zone name such as UTC or Europe/Paris".into(),
            Allowed::FieldName => "empty, or the API name of a Salesforce field such as Sales_Opt_Out__c".into(),
            Allowed::EmailsOrStar => "`*`, or email addresses separated by commas".into(),
            Allowed::Domains => "empty, or domains such as example.com separated by commas".into(),
            Allowed::ActivityTypes => {
                format!("empty, or types of activity separated by commas: {}", Kind::ALL.map(Kind::name).join(", "))
            }
            Allowed::SubjectTemplate => {
                format!("text of at most 255 characters with the tokens {{{{{}}}}}", SUBJECT_TOKENS.join("}}, {{"))
            }
        }
    }

    /// The value as it is to be kept.
    ///
    /// # Errors
    /// `BadSetting`, naming the setting and what is allowed. The refused value is not repeated, as it may be a secret in the wrong place.
    pub fn checked(&self, value: &str) -> Result<String, Failure> {
        let value = value.trim();
        if self.allowed.accepts(value) {
            return Ok(value.to_owned());
        }
        Err(Failure::new(
            FailureKind::BadSetting,
            format!("that value is not allowed for {}; allowed: {}", self.key, self.allowed()),
        ))
    }
}

impl Allowed {
    fn accepts(&self, value: &str) -> bool {
        match self {
            Self::OnOff => matches!(value, "on" | "off"),
            Self::Choice(values) => values.contains(&value),
            Self::Number(least, most) => value.parse::<i64>().is_ok_and(|n| (*least..=*most).contains(&n)),
            Self::RestNames { most, least } => {
                let names = split_list(value);
                (*least..=*most).contains(&names.len()) && names.iter().all(|n| is_rest_name(n))
            }
            Self::Text => is_short(value),
            Self::Date => value.is_empty() || value.parse::<Date>().is_ok(),
            Self::TimeZone => jiff::tz::TimeZone::get(value).is_ok(),
            Self::FieldName => value.len() <= 80 && value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'),
            Self::EmailsOrStar => {
                let owners = split_list(value);
                value == "*"
                    || (!owners.is_empty()
                        && owners.iter().all(|o| o.contains('@') && !o.contains(char::is_whitespace)))
            }
            Self::Domains => split_list(value).iter().all(|d| d.contains('.') && !d.contains(['@', ' '])),
            Self::ActivityTypes => split_list(value).iter().all(|t| Kind::ALL.iter().any(|kind| kind.name() == t)),
            Self::SubjectTemplate => is_short(value) && !value.is_empty() && has_known_tokens(value),
        }
    }
}

fn is_short(value: &str) -> bool {
    value.chars().count() <= 255 && !value.contains(char::is_control)
}

fn is_rest_name(name: &str) -> bool {
    name.len() <= 255 && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

fn has_known_tokens(template: &str) -> bool {
    template
        .split("{{")
        .skip(1)
        .all(|rest| rest.split_once("}}").is_some_and(|(token, _)| SUBJECT_TOKENS.contains(&token.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_allowed() {
        for setting in SETTINGS {
            assert_eq!(setting.checked(setting.default).as_deref(), Ok(setting.default), "{}", setting.key);
        }
    }

    #[test]
    fn a_refusal_names_the_setting_and_the_allowed_values() {
        let refused = |key: &str, value: &str| spec(key).and_then(|s| s.checked(value)).unwrap_err().to_string();
        for (key, value, says) in [
            ("people.overlapMinutes", "0", "from 1 to 1440"),
            ("people.includeQueueOwners", "yes", "on, off"),
            ("people.ownerFields", "", "one to 10"),
            ("people.extraFields", "a b", "at most 50"),
            ("people.exportFrom", "31.01.2024", "2024-01-31"),
            ("log.marketo.types", "two", "eight, one"),
            ("log.salesforce.timeZone", "Mars/Base", "IANA"),
            ("log.salesforce.subjectTemplate", "{{nope}}", "{{activity_subject}}"),
            ("log.marketo.skip", "emailRead", "emailOpened"),
            ("unsubscribes.salesField", "Sales Opt Out", "API name"),
            ("reminders.owners", "nobody", "`*`"),
            ("unsubscribes.blockedDomains", "a@b.c", "example.com"),
        ] {
            let text = refused(key, value);
            assert!(text.contains(key) && text.contains(says), "{text}");
        }
        assert!(refused("people.colour", "x").contains("people.ownerFields"));
    }
}
