//! How an object looks to the integration user. A field that this user cannot see is simply not there.

use std::collections::{BTreeMap, BTreeSet};

use domain::Failure;
use serde::Deserialize;

use crate::client::{Inner, SalesforceClient};
use crate::request::{Request, segment};

/// An object's fields by API name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Described {
    /// Fields by API name.
    pub fields: BTreeMap<String, Field>,
}

/// A field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Field {
    /// Whether it can be set when a record is made.
    pub createable: bool,
    /// Whether it can be changed.
    pub updateable: bool,
    /// Most characters; 0 where that makes no sense.
    pub length: usize,
    /// Whether records can be named by it.
    pub external_id: bool,
    /// Whether no two records may have the same value.
    pub unique: bool,
    /// Active values of a picklist.
    pub values: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Wire {
    fields: Vec<WireField>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireField {
    name: String,
    #[serde(default)]
    createable: bool,
    #[serde(default)]
    updateable: bool,
    #[serde(default)]
    length: usize,
    #[serde(default)]
    external_id: bool,
    #[serde(default)]
    unique: bool,
    #[serde(default)]
    picklist_values: Vec<WireValue>,
}

#[derive(Deserialize)]
struct WireValue {
    #[serde(default)]
    active: bool,
    value: Option<String>,
}

impl SalesforceClient {
    /// How an object looks, read anew.
    ///
    /// # Errors
    /// `NotFound` when the integration user cannot see the object.
    pub async fn describe(&self, object: &str) -> Result<Described, Failure> {
        self.inner.describe(object).await
    }
}

impl Inner {
    pub async fn describe(&self, object: &str) -> Result<Described, Failure> {
        let path = format!("/sobjects/{}/describe", segment(object));
        let wire: Wire = self.json(&Request::get("GET /sobjects/{object}/describe", path)).await?;
        let field = |wire: WireField| {
            let values = wire.picklist_values.into_iter().filter(|value| value.active).filter_map(|value| value.value);
            let field = Field {
                createable: wire.createable,
                updateable: wire.updateable,
                length: wire.length,
                external_id: wire.external_id,
                unique: wire.unique,
                values: values.collect(),
            };
            (wire.name, field)
        };
        Ok(Described { fields: wire.fields.into_iter().map(field).collect() })
    }
}
