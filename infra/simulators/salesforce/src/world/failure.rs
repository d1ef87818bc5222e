//! Why a record was refused, in Salesforce's codes.
//! Must not know how a refusal is sent.

use std::borrow::Cow;

use super::id::Id;

/// A refusal: code, message, and the fields it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
    pub(crate) fields: Vec<String>,
    /// Whether the text could not even be read, so that no other record of the request is looked at.
    pub(crate) unreadable: bool,
}

impl Failure {
    pub(crate) fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), fields: Vec::new(), unreadable: false }
    }

    pub(crate) fn of_field(code: &'static str, field: &str, message: impl Into<String>) -> Self {
        Self { fields: vec![field.to_owned()], ..Self::new(code, message) }
    }

    pub(crate) fn unreadable(kind: &str, value: &serde_json::Value) -> Self {
        let message = format!("Cannot deserialize instance of {kind} from value {value}");
        Self { unreadable: true, ..Self::new("JSON_PARSER_ERROR", message) }
    }

    pub(crate) fn not_found() -> Self {
        Self::new("NOT_FOUND", "The requested resource does not exist")
    }

    pub(crate) fn deleted() -> Self {
        Self::new("ENTITY_IS_DELETED", "entity is deleted")
    }

    pub(crate) fn cross_reference() -> Self {
        Self::new("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
    }

    pub(crate) fn converted() -> Self {
        Self::new("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    }

    pub(crate) fn locked(id: Id) -> Self {
        let message = format!("unable to obtain exclusive access to this record or 1 records: {id}");
        Self::new("UNABLE_TO_LOCK_ROW", message)
    }

    pub(crate) fn no_column(field: &str, object: &str) -> Self {
        Self::new("INVALID_FIELD", format!("No such column '{field}' on sobject of type {object}"))
    }

    /// The HTTP status of a refusal that is the whole answer.
    pub(crate) fn status(&self) -> u16 {
        match self.code.as_ref() {
            "INVALID_SESSION_ID" => 401,
            "REQUEST_LIMIT_EXCEEDED" | "API_CURRENTLY_DISABLED" | "API_DISABLED_FOR_ORG" => 403,
            "INSUFFICIENT_ACCESS_OR_READONLY" | "INSUFFICIENT_ACCESS" => 403,
            "NOT_FOUND" | "ENTITY_IS_DELETED" => 404,
            "METHOD_NOT_ALLOWED" => 405,
            "ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE_CHECK" => 412,
            "UNKNOWN_EXCEPTION" => 500,
            "SERVER_UNAVAILABLE" => 503,
            _ => 400,
        }
    }
}
