//! Custom activity types: drafts, approval, attributes.
//! Must not know activities themselves.

use std::collections::BTreeMap;

/// Id of the first custom type.
const FIRST_ID: i64 = 100_001;

/// An attribute of a custom type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CustomAttribute {
    pub(crate) api_name: String,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) data_type: String,
    pub(crate) primary: bool,
}

/// What is drafted or approved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) trigger_name: String,
    pub(crate) filter_name: String,
    pub(crate) attributes: Vec<CustomAttribute>,
}

/// One custom type.
#[derive(Clone, Debug)]
pub(crate) struct CustomType {
    pub(crate) id: i64,
    pub(crate) api_name: String,
    pub(crate) draft: Option<Definition>,
    pub(crate) approved: Option<Definition>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    /// Whether an activity of this type was ever added.
    pub(crate) used: bool,
}

impl CustomType {
    pub(crate) fn status(&self) -> &'static str {
        match (&self.approved, &self.draft) {
            (Some(_), Some(_)) => "approved with draft",
            (Some(_), None) => "approved",
            _ => "draft",
        }
    }

    /// The draft where it is asked for, else what is approved; the draft also where nothing is approved yet.
    pub(crate) fn definition(&self, draft: bool) -> Option<&Definition> {
        if draft { self.draft.as_ref() } else { self.approved.as_ref().or(self.draft.as_ref()) }
    }

    /// The definition that edits go to; begun from what is approved.
    pub(crate) fn edited(&mut self) -> &mut Definition {
        let approved = self.approved.clone().unwrap_or_default();
        self.draft.get_or_insert(approved)
    }
}

/// All custom types, by API name.
#[derive(Clone, Debug, Default)]
pub(crate) struct CustomTypes {
    pub(crate) by_name: BTreeMap<String, CustomType>,
    made: i64,
}

impl CustomTypes {
    pub(crate) fn add(&mut self, api_name: &str, definition: Definition, now: i64) -> &CustomType {
        let id = FIRST_ID + self.made;
        self.made += 1;
        let fresh = CustomType {
            id,
            api_name: api_name.to_owned(),
            draft: Some(definition),
            approved: None,
            created_at: now,
            updated_at: now,
            used: false,
        };
        self.by_name.entry(api_name.to_owned()).or_insert(fresh)
    }

    pub(crate) fn by_id(&self, id: i64) -> Option<&CustomType> {
        self.by_name.values().find(|kind| kind.id == id)
    }
}
