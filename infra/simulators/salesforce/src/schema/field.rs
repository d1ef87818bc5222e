//! One field of an object: its type, its rules, and who may see it.
//! Knows no record.

use crate::config::Access;
use crate::world::datum::Datum;

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Id,
    Text,
    /// Text with line breaks; beyond 255 characters it can be neither filtered nor sorted by.
    LongText,
    Combobox,
    Email,
    Phone,
    Url,
    Picklist,
    Bool,
    Int,
    Currency,
    Date,
    Time,
    Reference,
}

impl Kind {
    /// The `type` of a describe answer.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Text => "string",
            Self::LongText => "textarea",
            Self::Combobox => "combobox",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Url => "url",
            Self::Picklist => "picklist",
            Self::Bool => "boolean",
            Self::Int => "int",
            Self::Currency => "currency",
            Self::Date => "date",
            Self::Time => "datetime",
            Self::Reference => "reference",
        }
    }

    pub(crate) fn soap(self) -> &'static str {
        match self {
            Self::Id | Self::Reference => "tns:ID",
            Self::Bool => "xsd:boolean",
            Self::Int => "xsd:int",
            Self::Currency => "xsd:double",
            Self::Date => "xsd:date",
            Self::Time => "xsd:dateTime",
            _ => "xsd:string",
        }
    }

    pub(crate) fn is_text(self) -> bool {
        matches!(
            self,
            Self::Text | Self::LongText | Self::Combobox | Self::Email | Self::Phone | Self::Url | Self::Picklist
        )
    }
}

/// Where a field's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Stored,
    Id,
    Deleted,
    CreatedAt,
    CreatedBy,
    ModifiedAt,
    ModifiedBy,
    Modstamp,
    /// First and last name.
    FullName,
    /// From the status of a task.
    Closed,
    /// From the priority of a task.
    HighPriority,
    /// From status, dates and the clock.
    Archived,
    /// True until the reminder has fired.
    ReminderSet,
}

/// A field.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) source: Source,
    /// Longest text in characters.
    pub(crate) length: u32,
    pub(crate) createable: bool,
    pub(crate) updateable: bool,
    /// A new record must have it, unless there is a default.
    pub(crate) required: bool,
    pub(crate) default: Option<Datum>,
    pub(crate) references: &'static [&'static str],
    pub(crate) relationship: Option<&'static str>,
    pub(crate) external: bool,
    pub(crate) unique: bool,
    pub(crate) case_sensitive: bool,
    pub(crate) indexed: bool,
    pub(crate) values: Vec<String>,
    pub(crate) restricted: bool,
    pub(crate) access: Access,
}

impl Field {
    pub(crate) fn new(name: &str, kind: Kind, length: u32) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            source: Source::Stored,
            length,
            createable: true,
            updateable: true,
            required: false,
            default: (kind == Kind::Bool).then_some(Datum::Bool(false)),
            references: &[],
            relationship: None,
            external: false,
            unique: false,
            case_sensitive: false,
            indexed: false,
            values: Vec::new(),
            restricted: false,
            access: Access::Full,
        }
    }

    pub(crate) fn text(name: &str, length: u32) -> Self {
        Self::new(name, Kind::Text, length)
    }

    pub(crate) fn checkbox(name: &str) -> Self {
        Self::new(name, Kind::Bool, 0)
    }

    pub(crate) fn reference(name: &str, relationship: &'static str, references: &'static [&'static str]) -> Self {
        Self { references, relationship: Some(relationship), indexed: true, ..Self::new(name, Kind::Reference, 18) }
    }

    pub(crate) fn picklist(name: &str, values: &[&str]) -> Self {
        Self { values: values.iter().map(|&value| value.to_owned()).collect(), ..Self::new(name, Kind::Picklist, 255) }
    }

    /// A value that the system works out.
    pub(crate) fn system(name: &str, kind: Kind, source: Source) -> Self {
        let length = if kind == Kind::Text { 121 } else { 18 };
        Self { source, ..Self::new(name, kind, length).read_only() }
    }

    pub(crate) fn required(self) -> Self {
        Self { required: true, ..self }
    }

    pub(crate) fn read_only(self) -> Self {
        Self { createable: false, updateable: false, ..self }
    }

    pub(crate) fn create_only(self) -> Self {
        Self { updateable: false, ..self }
    }

    pub(crate) fn indexed(self) -> Self {
        Self { indexed: true, ..self }
    }

    pub(crate) fn default(self, value: Datum) -> Self {
        Self { default: Some(value), ..self }
    }

    pub(crate) fn external_id(name: &str, length: u32) -> Self {
        Self { external: true, unique: true, case_sensitive: true, indexed: true, ..Self::text(name, length) }
    }

    /// Whether the integration user knows of it.
    pub(crate) fn visible(&self) -> bool {
        matches!(self.access, Access::Full | Access::ReadOnly)
    }

    pub(crate) fn can_create(&self) -> bool {
        self.createable && self.access == Access::Full
    }

    pub(crate) fn can_update(&self) -> bool {
        self.updateable && self.access == Access::Full
    }

    pub(crate) fn is_custom(&self) -> bool {
        self.name.ends_with("__c")
    }

    /// Whether queries may filter and sort by it.
    pub(crate) fn filterable(&self) -> bool {
        self.kind != Kind::LongText || self.length <= 255
    }
}
