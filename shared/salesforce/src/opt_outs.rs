//! The port for opt-outs: the boxes of leads and contacts. Knows not what a box means.

use std::collections::BTreeSet;

use async_trait::async_trait;
use domain::opt_outs::Address;
use domain::ports::{
    ChangedSince, MAX_CHANGED, OptOutRecord, PersonObject, RowOutcome, SalesforceOptOuts, UnusableField,
};
use domain::{Failure, FailureKind, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::client::SalesforceClient;
use crate::records::Collected;
use crate::{soql, times};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    id: String,
    email: Option<String>,
    #[serde(default)]
    is_converted: bool,
    converted_contact_id: Option<String>,
    #[serde(default)]
    is_deleted: bool,
    master_record_id: Option<String>,
    system_modstamp: String,
    /// The boxes, among others.
    #[serde(flatten)]
    others: Map<String, Value>,
}

const OBJECTS: [PersonObject; 2] = [PersonObject::Contact, PersonObject::Lead];

fn name(object: PersonObject) -> &'static str {
    match object {
        PersonObject::Contact => "Contact",
        PersonObject::Lead => "Lead",
    }
}

/// Refuses names that could end a query early; the settings take none either.
fn check_names(fields: &[String]) -> Result<(), Failure> {
    let plain = |name: &String| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if fields.iter().all(plain) {
        return Ok(());
    }
    Err(Failure::new(
        FailureKind::BadSetting,
        "the opt-out field is not named by an API name, such as Sales_Opt_Out__c",
    ))
}

fn select(object: PersonObject, fields: &[String]) -> String {
    let (name, more) =
        (name(object), if object == PersonObject::Lead { ", IsConverted, ConvertedContactId" } else { "" });
    let fields = fields.join(", ");
    format!("SELECT Id, Email, {fields}{more}, IsDeleted, MasterRecordId, SystemModstamp FROM {name}")
}

impl SalesforceClient {
    async fn opt_out_records(
        &self,
        query: &str,
        object: PersonObject,
        fields: &[String],
    ) -> Result<Vec<OptOutRecord>, Failure> {
        // Deleted and merged records, too.
        let found = self.query::<Wire>(query, true).await?;
        found.into_iter().map(|wire| record(wire, object, fields)).collect()
    }
}

fn record(wire: Wire, object: PersonObject, fields: &[String]) -> Result<OptOutRecord, Failure> {
    let damaged =
        || Failure::new(FailureKind::BadAnswer, "Salesforce, GET /queryAll: a record has a date that cannot be read");
    let long = |id: String| domain::people::to_18_characters(&id).into_owned();
    let ticked = fields.iter().filter(|field| wire.others.get(*field).and_then(Value::as_bool) == Some(true)).count();
    Ok(OptOutRecord {
        id: long(wire.id),
        object,
        address: wire.email.as_deref().and_then(Address::of),
        ticked,
        converted: wire.is_converted,
        successor: wire.converted_contact_id.filter(|_| wire.is_converted).or(wire.master_record_id).map(long),
        deleted: wire.is_deleted,
        stamp: times::parse(&wire.system_modstamp).ok_or_else(damaged)?,
    })
}

#[async_trait]
impl SalesforceOptOuts for SalesforceClient {
    async fn unusable_fields(&self, fields: &[String]) -> Result<Vec<UnusableField>, Failure> {
        let mut unusable = Vec::new();
        for object in OBJECTS {
            let described = self.describe(name(object)).await?;
            for field in fields {
                let found = described.fields.get(field);
                if found.is_none_or(|found| !found.updateable) {
                    let name = format!("{}.{field}", name(object));
                    unusable.push(UnusableField { name, readable: found.is_some() });
                }
            }
        }
        Ok(unusable)
    }

    async fn changed_records(
        &self,
        object: PersonObject,
        fields: &[String],
        since: Option<&ChangedSince>,
    ) -> Result<Vec<OptOutRecord>, Failure> {
        check_names(fields)?;
        let changed = since.map_or_else(String::new, |since| format!(" AND {}", soql::changed_since(since)));
        let query = format!(
            "{} WHERE Email != null{changed} ORDER BY SystemModstamp, Id LIMIT {MAX_CHANGED}",
            select(object, fields)
        );
        self.opt_out_records(&query, object, fields).await
    }

    async fn records_by_address(
        &self,
        addresses: &BTreeSet<Address>,
        fields: &[String],
    ) -> Result<Vec<OptOutRecord>, Failure> {
        check_names(fields)?;
        let mut records = Vec::new();
        for object in OBJECTS {
            let addresses = addresses.iter().map(Address::as_str);
            for query in soql::over_list(&select(object, fields), "Email", addresses, "") {
                records.extend(self.opt_out_records(&query, object, fields).await?);
            }
        }
        Ok(records)
    }

    async fn records_by_id(&self, ids: &BTreeSet<String>, fields: &[String]) -> Result<Vec<OptOutRecord>, Failure> {
        check_names(fields)?;
        let mut records = Vec::new();
        for object in OBJECTS {
            let of_object = ids.iter().map(String::as_str).filter(|id| is_of(object, id));
            for query in soql::over_list(&select(object, fields), "Id", of_object, "") {
                records.extend(self.opt_out_records(&query, object, fields).await?);
            }
        }
        Ok(records)
    }

    async fn set_boxes(
        &self,
        records: &[(PersonObject, String)],
        fields: &[String],
        ticked: bool,
        not_after: Timestamp,
    ) -> Result<Vec<RowOutcome>, Failure> {
        // One object behind the other: Salesforce works through a call in pieces of one type, ten at most.
        let mut order: Vec<usize> = (0..records.len()).collect();
        order.sort_by_key(|place| records[*place].0);
        let values: Collected = fields.iter().map(|field| (field.clone(), Value::Bool(ticked))).collect();
        let sorted: Vec<(&str, &str, &Collected)> = order
            .iter()
            .map(|place| &records[*place])
            .map(|(object, id)| (name(*object), id.as_str(), &values))
            .collect();
        let outcomes = self.update_until(&sorted, Some(not_after)).await?;
        let mut placed: Vec<(usize, RowOutcome)> = order.into_iter().zip(outcomes).collect();
        placed.sort_by_key(|(place, _)| *place);
        Ok(placed.into_iter().map(|(_, outcome)| outcome).collect())
    }
}

fn is_of(object: PersonObject, id: &str) -> bool {
    id.starts_with("00Q") == (object == PersonObject::Lead)
}
