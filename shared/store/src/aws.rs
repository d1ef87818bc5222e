//! One reading of AWS failures for every adapter: what a code or a broken connection means to the caller.
//!
//! Must not let a vendor's text through: error bodies may quote keys and values, which are people's addresses.

use std::time::Duration;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use domain::{Failure, FailureKind};

/// Most sendings of the parts that a service left undone, on top of the SDK's own retries of whole calls.
pub(crate) const RESENDS: u32 = 8;

/// First pause before such a resending; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Longest pause between resendings.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The pause before resending number `resend`, counted from 0.
pub(crate) fn pause_before(resend: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << resend.min(16)).min(LONGEST_PAUSE)
}

/// What was called, on what; for texts.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The IAM action, such as `dynamodb:PutItem`.
    pub action: &'static str,
    /// The kind of thing, such as `table`.
    pub thing: &'static str,
    /// Its name.
    pub name: &'a str,
}

impl Call<'_> {
    /// The failure that a failed call stands for.
    #[must_use]
    pub fn failure<E: ProvideErrorMetadata>(self, error: &SdkError<E, HttpResponse>) -> Failure {
        let Self { action, thing, name } = self;
        match error {
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                self.by_code(service.err().code().unwrap_or("unknown"), status)
            }
            SdkError::TimeoutError(_) => {
                Failure::new(FailureKind::Unavailable, format!("{action} on {thing} `{name}` was not answered in time"))
            }
            SdkError::DispatchFailure(_) => Failure::new(
                FailureKind::Unavailable,
                format!("{action} on {thing} `{name}` could not be sent: check endpoint, network and credentials"),
            ),
            SdkError::ConstructionFailure(_) => Failure::new(
                FailureKind::BadSetting,
                format!("{action} on {thing} `{name}` could not be built: check region, endpoint and name"),
            ),
            _ => Failure::new(FailureKind::BadAnswer, format!("{action} on {thing} `{name}` got an unreadable answer")),
        }
    }

    /// The failure that an error code stands for; `status` is the HTTP status it came with.
    pub(crate) fn by_code(self, code: &str, status: u16) -> Failure {
        let Self { action, thing, name } = self;
        // Codes come as `namespace#Name` from some endpoints.
        let code = code.rsplit('#').next().unwrap_or(code);
        let (kind, what) = match code {
            "ResourceNotFoundException"
            | "ResourceNotFound"
            | "QueueDoesNotExist"
            | "AWS.SimpleQueueService.NonExistentQueue" => (
                FailureKind::BadSetting,
                format!("{thing} `{name}` does not exist: deploy the stack or check the setting that names it"),
            ),
            "AccessDeniedException" | "AccessDenied" => (
                FailureKind::AccessDenied,
                format!("{action} on {thing} `{name}` is not allowed: check the function's policy"),
            ),
            "UnrecognizedClientException"
            | "InvalidSignatureException"
            | "ExpiredTokenException"
            | "ExpiredToken"
            | "MissingAuthenticationTokenException"
            | "MissingAuthenticationToken"
            | "IncompleteSignature"
            | "IncompleteSignatureException"
            | "InvalidClientTokenId"
            | "SignatureDoesNotMatch" => (
                FailureKind::BadCredentials,
                format!("{action} on {thing} `{name}` was refused: the AWS credentials are not valid"),
            ),
            "ConditionalCheckFailedException" => {
                (FailureKind::Conflict, format!("{action} on {thing} `{name}`: somebody else wrote in between"))
            }
            _ if is_passing(code) || status >= 500 || status == 429 => {
                (FailureKind::Unavailable, format!("{action} on {thing} `{name}` is throttled or out of service"))
            }
            _ => (FailureKind::BadRequest, format!("{action} on {thing} `{name}` was refused as wrong")),
        };
        Failure::new(kind, what).with_code(code)
    }

    /// The failure of a call whose parts the service kept leaving undone.
    pub(crate) fn left_undone(self) -> Failure {
        let Self { action, thing, name } = self;
        Failure::new(
            FailureKind::Unavailable,
            format!("{action} on {thing} `{name}` left parts undone after {RESENDS} resendings"),
        )
    }
}

/// Whether the code says that the same request may succeed later.
pub(crate) fn is_passing(code: &str) -> bool {
    matches!(
        code,
        "ThrottlingException"
            | "ThrottlingError"
            | "Throttling"
            | "RequestThrottled"
            | "OverLimit"
            | "KmsThrottled"
            | "ProvisionedThroughputExceededException"
            | "ProvisionedThroughputExceeded"
            | "RequestLimitExceeded"
            | "LimitExceededException"
            | "InternalServerError"
            | "InternalFailure"
            | "InternalError"
            | "ServiceUnavailable"
            | "ServiceUnavailableException"
            | "TransactionConflict"
            | "TransactionConflictException"
            | "TransactionInProgressException"
            | "ReplicatedWriteConflictException"
    )
}
