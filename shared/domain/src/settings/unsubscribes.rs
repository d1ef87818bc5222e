//! What opt-outs read of the settings.

use serde::{Deserialize, Serialize};

use super::{Settings, split_list};
use crate::{Failure, FailureKind};

/// Salesforce's own opt-out field of leads and contacts.
const STANDARD: &str = "HasOptedOutOfEmail";

/// Which boxes stand for an opt-out in Salesforce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OptOutField {
    /// The standard one.
    Standard,
    /// The custom one, so that sales and marketing opt-outs stay apart.
    Sales,
    /// Both: either says no, and both are ticked.
    Both,
}

/// What opt-outs read of the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsubscribeSettings {
    /// Whether both sides are brought in step.
    pub sync: bool,
    /// Whether an opt-out goes to Salesforce at once, also without the former.
    pub push: bool,
    /// Which boxes.
    pub field: OptOutField,
    /// Their API names.
    pub fields: Vec<String>,
    /// Whether Marketo is asked before a mail.
    pub marketo_check: bool,
    /// Whether a mail may go while Marketo cannot be asked.
    pub check_fail_open: bool,
    /// Domains that get no mail at all, those below them included, in lower case.
    pub blocked_domains: Vec<String>,
}

impl Settings {
    /// What opt-outs read.
    ///
    /// # Errors
    /// `BadSetting` when the settings want a custom field and name none.
    pub fn unsubscribes(&self) -> Result<UnsubscribeSettings, Failure> {
        let field = match self.get("unsubscribes.field")? {
            "sales" => OptOutField::Sales,
            "both" => OptOutField::Both,
            _ => OptOutField::Standard,
        };
        let custom = self.get("unsubscribes.salesField")?;
        if field != OptOutField::Standard && custom.is_empty() {
            let text = "unsubscribes.field wants the custom opt-out field, and unsubscribes.salesField does not name it: set it to the \
                        field's API name, or unsubscribes.field to standard";
            return Err(Failure::new(FailureKind::BadSetting, text));
        }
        let names: &[&str] = match field {
            OptOutField::Standard => &[STANDARD],
            OptOutField::Sales => &[custom],
            OptOutField::Both => &[STANDARD, custom],
        };
        Ok(UnsubscribeSettings {
            sync: self.is_on("unsubscribes.sync")?,
            push: self.is_on("unsubscribes.push")?,
            field,
            fields: names.iter().map(|&name| name.to_owned()).collect(),
            marketo_check: self.is_on("unsubscribes.marketoCheck")?,
            check_fail_open: self.is_on("unsubscribes.checkFailOpen")?,
            blocked_domains: split_list(&self.get("unsubscribes.blockedDomains")?.to_lowercase()),
        })
    }
}

impl UnsubscribeSettings {
    /// Whether a domain, in lower case, gets no mail: it is blocked itself, or lies below one that is.
    #[must_use]
    pub fn is_blocked(&self, domain: &str) -> bool {
        let covers = |blocked: &String| {
            domain == blocked || domain.strip_suffix(blocked.as_str()).is_some_and(|rest| rest.ends_with('.'))
        };
        self.blocked_domains.iter().any(covers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(values: &[(&str, &str)]) -> Result<UnsubscribeSettings, Failure> {
        let values = values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Settings { values, history: Vec::new() }.unsubscribes()
    }

    #[test]
    fn the_boxes_follow_the_settings() {
        let fields = |values: &[(&str, &str)]| with(values).map(|settings| settings.fields.join("+"));
        let custom = ("unsubscribes.salesField", "Sales_Opt_Out__c");
        assert_eq!(fields(&[]).unwrap(), "HasOptedOutOfEmail");
        assert_eq!(fields(&[custom]).unwrap(), "HasOptedOutOfEmail");
        assert_eq!(fields(&[custom, ("unsubscribes.field", "sales")]).unwrap(), "Sales_Opt_Out__c");
        let both = fields(&[custom, ("unsubscribes.field", "both")]);
        assert_eq!(both.unwrap(), "HasOptedOutOfEmail+Sales_Opt_Out__c");
        let missing = fields(&[("unsubscribes.field", "both")]).unwrap_err();
        assert!(missing.kind == FailureKind::BadSetting && missing.message.contains("unsubscribes.salesField"));
    }

    #[test]
    fn a_blocked_domain_covers_those_below_it() {
        let settings = with(&[("unsubscribes.blockedDomains", "Rival.example, spam.test")]).unwrap();
        for (domain, blocked) in [
            ("rival.example", true),
            ("mail.rival.example", true),
            ("spam.test", true),
            ("notrival.example", false),
            ("example", false),
        ] {
            assert_eq!(settings.is_blocked(domain), blocked, "{domain}");
        }
    }
}
