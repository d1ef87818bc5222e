//! Which Marketo fields are asked for, and how a record of them becomes a person. The only place where qualification is decided.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::person::{Field, Fields, Person};
use super::salesforce_id::to_18_characters;
use crate::ports::{Record, Values};
use crate::settings::{DEFAULT_OWNER_FIELDS, PeopleSettings};
use crate::{Failure, FailureKind};

/// Salesforce ids with this prefix name a queue, not a user.
const QUEUE_PREFIX: &str = "00G";

/// The fields to ask Marketo for, fixed from the settings and from what describe confirmed. An unconfirmed name would make Marketo
/// refuse the whole request (code 1006), so only confirmed ones are here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldPlan {
    /// REST names in the order asked; the first is `id`.
    names: Vec<String>,
    owners: Vec<String>,
    extras: Vec<String>,
    include_queue_owners: bool,
}

impl FieldPlan {
    /// Plans for these settings.
    ///
    /// # Errors
    /// `BadSetting` when Marketo has no Salesforce id field or none of the owner fields, or does not know a field that an admin named.
    pub fn new(settings: &PeopleSettings, confirmed: &[String]) -> Result<Self, Failure> {
        let confirmed: BTreeSet<&str> = confirmed.iter().map(String::as_str).collect();
        let unknown: Vec<String> = unknown_names(settings, &confirmed);
        if !unknown.is_empty() {
            return Err(Failure::new(FailureKind::BadSetting, unknown.join("; ")));
        }
        let known = |name: &&str| confirmed.contains(*name);
        if ![Field::SfdcLeadId, Field::SfdcContactId].iter().any(|f| known(&f.rest_name())) {
            return Err(Failure::new(
                FailureKind::BadSetting,
                "this Marketo subscription has neither of the fields sfdcLeadId and sfdcContactId, so nobody can qualify; \
                 connect Marketo to Salesforce first",
            ));
        }
        let owners: Vec<String> =
            settings.owner_fields.iter().filter(|n| confirmed.contains(n.as_str())).cloned().collect();
        if owners.is_empty() {
            return Err(Failure::new(
                FailureKind::BadSetting,
                format!(
                    "Marketo knows none of the owner fields {}; set people.ownerFields to the REST name of the field that holds the owner",
                    settings.owner_fields.join(", ")
                ),
            ));
        }
        let extras: Vec<String> = settings.extra_fields.clone();
        let mut names = vec!["id".to_owned()];
        let texts = Field::ALL.iter().map(|f| f.rest_name()).filter(known).map(str::to_owned);
        for name in texts.chain(owners.iter().cloned()).chain(extras.iter().cloned()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Ok(Self { names, owners, extras, include_queue_owners: settings.include_queue_owners })
    }

    /// REST names to ask for, `id` first; records come back in this order.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// REST names whose changes matter: all but the id.
    #[must_use]
    pub fn watched(&self) -> &[String] {
        &self.names[1..]
    }

    /// The person that a record tells of.
    #[must_use]
    pub fn person(&self, record: &Record) -> Person {
        self.reader().person(record)
    }

    /// Reads many records of this plan: names are looked up once.
    #[must_use]
    pub fn reader(&self) -> RecordReader {
        let place = |name: &str| self.names.iter().position(|known| known == name);
        RecordReader {
            fields: Field::ALL.map(|field| place(field.rest_name())),
            owners: self.owners.iter().filter_map(|name| place(name)).collect(),
            extras: self.extras.iter().filter_map(|name| Some((name.clone(), place(name)?))).collect(),
            include_queue_owners: self.include_queue_owners,
        }
    }
}

/// Where in the records of a plan which value stands.
#[derive(Debug, Clone)]
pub struct RecordReader {
    fields: [Option<usize>; Field::ALL.len()],
    owners: Vec<usize>,
    extras: Vec<(String, usize)>,
    include_queue_owners: bool,
}

impl RecordReader {
    /// The person that a record tells of.
    #[must_use]
    pub fn person(&self, record: &Record) -> Person {
        let Record { id, values } = record;
        let extra = self
            .extras
            .iter()
            .filter_map(|(name, place)| Some((name.clone(), values.get(*place)?.to_owned())))
            .collect();
        let fields = Fields::from_fn(values.text_len(), |field| {
            let value = self.value(values, field)?;
            Some(if field.is_salesforce_id() { to_18_characters(value.trim()) } else { Cow::Borrowed(value) })
        });
        Person { id: *id, fields, extra, qualifies: self.qualifies(record) }
    }

    /// Whether the person of a record is to be synced.
    #[must_use]
    pub fn qualifies(&self, record: &Record) -> bool {
        let in_salesforce = |field| self.value(&record.values, field).is_some_and(|id| !id.trim().is_empty());
        self.has_owner(&record.values) && (in_salesforce(Field::SfdcLeadId) || in_salesforce(Field::SfdcContactId))
    }

    fn value<'a>(&self, values: &'a Values, field: Field) -> Option<&'a str> {
        values.get(self.fields[field as usize]?)
    }

    /// The first owner field that is not empty decides; a queue counts only where the settings say so.
    fn has_owner(&self, values: &Values) -> bool {
        self.owners
            .iter()
            .find_map(|place| values.get(*place).map(str::trim).filter(|owner| !owner.is_empty()))
            .is_some_and(|owner| self.include_queue_owners || !owner.starts_with(QUEUE_PREFIX))
    }
}

/// One sentence for each name in the settings that Marketo does not know. The default owner fields may be absent: a subscription has
/// one or the other.
fn unknown_names(settings: &PeopleSettings, confirmed: &BTreeSet<&str>) -> Vec<String> {
    let owners = settings.owner_fields.iter().filter(|n| !DEFAULT_OWNER_FIELDS.contains(&n.as_str()));
    let named = owners
        .map(|n| ("people.ownerFields", n))
        .chain(settings.extra_fields.iter().map(|n| ("people.extraFields", n)));
    named
        .filter(|(_, name)| !confirmed.contains(name.as_str()))
        .map(|(key, name)| {
            format!("setting {key} names the field `{name}`, which Marketo does not know; use its REST API name or remove it from {key}")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::people::MarketoId;
    use crate::settings::Settings;

    fn settings() -> PeopleSettings {
        Settings::default().people().unwrap()
    }

    fn all_fields() -> Vec<String> {
        Field::ALL
            .iter()
            .map(|f| f.rest_name())
            .chain(DEFAULT_OWNER_FIELDS)
            .chain(["id", "score"])
            .map(str::to_owned)
            .collect()
    }

    fn qualifies(plan: &FieldPlan, values: &[(&str, &str)]) -> bool {
        let value = |name: &String| values.iter().find(|(n, _)| n == name).map(|(_, v)| (*v).to_owned());
        plan.person(&Record { id: MarketoId(1), values: plan.names().iter().map(value).collect() }).qualifies
    }

    #[test]
    fn an_owner_and_a_salesforce_record_qualify() {
        let plan = FieldPlan::new(&settings(), &all_fields()).unwrap();
        let (lead, contact) = (("sfdcLeadId", "00QA00000000001AAA"), ("sfdcContactId", "003A00000000001AAA"));
        let (user, queue, sales) =
            (("sfdcLeadOwnerId", "005A"), ("sfdcLeadOwnerId", "00GA"), ("externalSalesPersonId", "s1"));
        for (values, expected) in [
            (vec![lead, user], true),
            (vec![contact, sales], true),
            (vec![contact], false),
            (vec![user, sales], false),
            (vec![lead, queue], false),
            // The first owner field that is not empty decides.
            (vec![lead, queue, sales], false),
            (vec![lead, ("sfdcLeadOwnerId", " "), sales], true),
        ] {
            assert_eq!(qualifies(&plan, &values), expected, "{values:?}");
        }
        let with_queues =
            FieldPlan::new(&PeopleSettings { include_queue_owners: true, ..settings() }, &all_fields()).unwrap();
        assert!(qualifies(&with_queues, &[lead, queue]));
    }

    #[test]
    fn only_confirmed_fields_are_asked_for() {
        let confirmed: Vec<String> = ["id", "email", "sfdcLeadId", "sfdcLeadOwnerId"].map(str::to_owned).to_vec();
        let plan = FieldPlan::new(&settings(), &confirmed).unwrap();
        assert_eq!(plan.names(), ["id", "email", "sfdcLeadId", "sfdcLeadOwnerId"]);
    }

    #[test]
    fn what_marketo_lacks_is_named_with_the_setting() {
        let refused = |settings: PeopleSettings, confirmed: &[String]| {
            FieldPlan::new(&settings, confirmed).unwrap_err().to_string()
        };
        let extra = refused(PeopleSettings { extra_fields: vec!["shoeSize".into()], ..settings() }, &all_fields());
        assert!(extra.contains("people.extraFields") && extra.contains("shoeSize"), "{extra}");
        let owner = refused(PeopleSettings { owner_fields: vec!["boss".into()], ..settings() }, &all_fields());
        assert!(owner.contains("people.ownerFields") && owner.contains("boss"), "{owner}");
        let unconnected: Vec<String> = all_fields().into_iter().filter(|f| !f.starts_with("sfdc")).collect();
        assert!(refused(settings(), &unconnected).contains("connect Marketo to Salesforce"));
    }

    #[test]
    fn extra_fields_are_kept_by_name() {
        let plan = FieldPlan::new(&PeopleSettings { extra_fields: vec!["score".into()], ..settings() }, &all_fields())
            .unwrap();
        let values = plan.names().iter().map(|n| (n == "score").then_some("7")).collect();
        let person = plan.person(&Record { id: MarketoId(1), values });
        assert_eq!(person.extra, BTreeMap::from([("score".to_owned(), "7".to_owned())]));
    }
}
