//! What Salesforce's error codes mean: the one table from a code to what is to be done and to words for a sales admin.
//! Knows no request. The codes are those of Salesforce's API documentation and of Adobe's list of what sales applications meet.

use domain::FailureKind;
use domain::ports::RowAdvice;

/// What a code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// Where it comes as the answer to a whole request.
    pub kind: FailureKind,
    /// Where it comes as the answer to one record.
    pub row: Row,
    /// What it means and what to do, for a sales admin.
    pub words: &'static str,
}

/// What to do about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Row {
    /// Try again later.
    Retry,
    /// Look up whom it is about.
    Rematch,
    /// Read the layout again, and leave the fields named out.
    Reshape,
    /// The record itself is gone.
    Gone,
    /// Leave it aside until somebody changes something.
    Reject,
}

const fn meaning(kind: FailureKind, row: Row, words: &'static str) -> Meaning {
    Meaning { kind, row, words }
}

/// What a code means; `message` is looked into only where Salesforce wraps one error in another.
pub(crate) fn of(code: &str, message: &str) -> Meaning {
    use FailureKind as Kind;
    match code {
        "INVALID_SESSION_ID" => {
            meaning(Kind::Unavailable, Row::Retry, "the session has ended; a new one is opened by itself")
        }
        "AUTHENTICATION_FAILURE" | "EXPIRED_ACCESS" | "INVALID_AUTH_HEADER" => meaning(
            Kind::BadCredentials,
            Row::Retry,
            "Salesforce does not let the integration user in: check the app and its policies",
        ),
        "INACTIVE_USER" | "INACTIVE_OWNER_OR_USER" => meaning(
            Kind::AccessDenied,
            Row::Reject,
            "the user is inactive in Salesforce: activate the user, or give the record another owner",
        ),
        "INACTIVE_ORGANIZATION" | "INVALID_GRANT" => meaning(
            Kind::AccessDenied,
            Row::Reject,
            "the organisation is inactive, or restricts the addresses that may log in: allow those of this program",
        ),
        "API_CURRENTLY_DISABLED" | "API_DISABLED_FOR_ORG" => {
            meaning(Kind::AccessDenied, Row::Reject, "the integration user lacks the permission API Enabled")
        }
        "REQUEST_LIMIT_EXCEEDED" => {
            meaning(Kind::DailyCalls, Row::Retry, "the organisation's API calls of the last 24 hours are used up")
        }
        "SERVER_UNAVAILABLE"
        | "FAILED_WRITE"
        | "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE"
        | "QUERY_TIMEOUT"
        | "REQUEST_RUNNING_TOO_LONG"
        | "UNKNOWN_EXCEPTION_RETRY" => meaning(
            Kind::Unavailable,
            Row::Retry,
            "Salesforce is busy or under maintenance; it is tried again by itself",
        ),
        "UNABLE_TO_LOCK_ROW" => meaning(
            Kind::Unavailable,
            Row::Retry,
            "somebody else was changing the same account or person; it is tried again by itself",
        ),
        "ENTITY_IS_LOCKED" => meaning(
            Kind::BadRequest,
            Row::Retry,
            "the record is locked by an approval process; it is tried again until that ends",
        ),
        "TXN_SECURITY_NO_ACCESS" => meaning(
            Kind::AccessDenied,
            Row::Reject,
            "a transaction security policy forbids it: exempt the integration user",
        ),
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" if message.contains("UNABLE_TO_LOCK_ROW") => meaning(
            Kind::Unavailable,
            Row::Retry,
            "a trigger met a record that somebody else was changing; it is tried again by itself",
        ),
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" => meaning(
            Kind::BadRequest,
            Row::Reject,
            "a trigger or flow in Salesforce refused it: its owner has to look into the message",
        ),
        "CANNOT_UPDATE_CONVERTED_LEAD" => {
            meaning(Kind::BadRequest, Row::Rematch, "the lead was converted; its contact is looked for")
        }
        "INVALID_CROSS_REFERENCE_KEY" => meaning(
            Kind::BadRequest,
            Row::Rematch,
            "a record that is referred to does not exist or cannot be seen by the integration user",
        ),
        "ENTITY_IS_DELETED" | "DELETED_RECORD" => {
            meaning(Kind::NotFound, Row::Gone, "the record was deleted in Salesforce")
        }
        "NOT_FOUND" => meaning(Kind::NotFound, Row::Gone, "Salesforce has no such record"),
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY" => meaning(
            Kind::AccessDenied,
            Row::Reject,
            "the integration user may not attach anything to this person's record: share it with that user",
        ),
        "INSUFFICIENT_ACCESS_OR_READONLY" | "INSUFFICIENT_ACCESS" => meaning(
            Kind::AccessDenied,
            Row::Reject,
            "the integration user may not change this record: check profile and sharing",
        ),
        "INVALID_FIELD_FOR_INSERT_UPDATE" => meaning(
            Kind::BadSetting,
            Row::Reshape,
            "a field cannot be written by the integration user: check field-level security",
        ),
        "INVALID_FIELD" => meaning(
            Kind::BadSetting,
            Row::Reshape,
            "a field does not exist, or the integration user cannot see it: check field-level security",
        ),
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST" => {
            meaning(Kind::BadRequest, Row::Reshape, "a picklist in Salesforce does not have the value: add it there")
        }
        "INVALID_TYPE" => meaning(
            Kind::BadSetting,
            Row::Reject,
            "the integration user cannot see the object: give its profile access",
        ),
        "FIELD_CUSTOM_VALIDATION_EXCEPTION" | "FIELD_FILTER_VALIDATION_EXCEPTION" => meaning(
            Kind::BadRequest,
            Row::Reject,
            "a validation rule in Salesforce refused it: change the rule or the record, then try again",
        ),
        "FIELD_INTEGRITY_EXCEPTION" => meaning(
            Kind::BadRequest,
            Row::Reject,
            "the values contradict each other in Salesforce's eyes: see the message",
        ),
        "REQUIRED_FIELD_MISSING" => meaning(
            Kind::BadRequest,
            Row::Reject,
            "Salesforce requires a field that this program does not fill: make it optional, or give it a default",
        ),
        "STRING_TOO_LONG" => {
            meaning(Kind::BadRequest, Row::Reshape, "a text is longer than the field in Salesforce takes")
        }
        "DUPLICATE_VALUE" | "DUPLICATE_EXTERNAL_ID" => {
            meaning(Kind::Conflict, Row::Retry, "another write of the same was under way; it is tried again by itself")
        }
        "DUPLICATES_DETECTED" => meaning(
            Kind::BadRequest,
            Row::Reject,
            "a duplicate rule in Salesforce refused it: let the integration user pass, or merge the records",
        ),
        "INVALID_EMAIL_ADDRESS" => meaning(Kind::BadRequest, Row::Reject, "Salesforce does not take the address"),
        "MALFORMED_QUERY" | "JSON_PARSER_ERROR" | "INVALID_QUERY_FILTER_OPERATOR" => meaning(
            Kind::BadRequest,
            Row::Reject,
            "Salesforce does not understand the request, which is a fault of this program",
        ),
        "UNKNOWN_EXCEPTION" => meaning(
            Kind::Unavailable,
            Row::Retry,
            "Salesforce had an internal error; if it stays, give the reference number in the message to Salesforce's support",
        ),
        "ALL_OR_NONE_OPERATION_ROLLED_BACK" => {
            meaning(Kind::Unavailable, Row::Retry, "another record of the same call failed")
        }
        "STORAGE_LIMIT_EXCEEDED" => {
            meaning(Kind::AccessDenied, Row::Reject, "the organisation's data storage is full: free some, or buy more")
        }
        _ => meaning(Kind::BadRequest, Row::Reject, "Salesforce refused it: see the message"),
    }
}

/// What to do about a record, with the fields that Salesforce names.
pub(crate) fn advice(row: Row, fields: &[String]) -> RowAdvice {
    match row {
        Row::Retry => RowAdvice::Retry,
        Row::Rematch => RowAdvice::Rematch,
        Row::Reshape if fields.is_empty() => RowAdvice::Reject,
        Row::Reshape => RowAdvice::Reshape(fields.to_vec()),
        Row::Gone => RowAdvice::Gone,
        Row::Reject => RowAdvice::Reject,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes that sales applications meet, as Adobe lists them.
    const LISTED: [&str; 26] = [
        "API_CURRENTLY_DISABLED",
        "AUTHENTICATION_FAILURE",
        "EXPIRED_ACCESS",
        "INACTIVE_USER",
        "INACTIVE_ORGANIZATION",
        "INVALID_GRANT",
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        "CANNOT_UPDATE_CONVERTED_LEAD",
        "ENTITY_IS_LOCKED",
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "FIELD_FILTER_VALIDATION_EXCEPTION",
        "FIELD_INTEGRITY_EXCEPTION",
        "REQUIRED_FIELD_MISSING",
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
        "INSUFFICIENT_ACCESS_OR_READONLY",
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        "INVALID_TYPE",
        "INVALID_FIELD",
        "FAILED_WRITE",
        "QUERY_TIMEOUT",
        "SERVER_UNAVAILABLE",
        "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE",
        "REQUEST_LIMIT_EXCEEDED",
        "UNABLE_TO_LOCK_ROW",
        "TXN_SECURITY_NO_ACCESS",
        "UNKNOWN_EXCEPTION",
    ];

    #[test]
    fn every_listed_code_has_words_of_its_own() {
        let unknown = of("SOMETHING_ELSE", "");
        for code in LISTED {
            assert_ne!(of(code, "").words, unknown.words, "{code}");
        }
    }

    #[test]
    fn a_lock_within_a_trigger_is_a_lock() {
        let code = "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY";
        assert_eq!(of(code, "TaskTrigger: UNABLE_TO_LOCK_ROW, unable to obtain exclusive access").row, Row::Retry);
        assert_eq!(of(code, "TaskTrigger: null pointer").row, Row::Reject);
    }

    #[test]
    fn fields_are_left_out_only_where_they_are_named() {
        assert_eq!(advice(Row::Reshape, &[]), RowAdvice::Reject);
        assert_eq!(advice(Row::Reshape, &["Type".to_owned()]), RowAdvice::Reshape(vec!["Type".to_owned()]));
    }
}
