//! What an error means: the one table from Marketo's codes, HTTP statuses and broken connections to a failure and to whether a repeat
//! makes sense. Knows no request and sends nothing.
//!
//! Texts are our own. Marketo's may quote values of people, so of them only names of fields that were asked for get through.

use domain::budget::next_central_midnight;
use domain::{Failure, FailureKind};
use jiff::Timestamp;
use transport::SendError;

use crate::retry::{Again, CarriedOut, Trouble};
use crate::routes::{self, Route};

/// Where something went wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spot<'a> {
    /// The endpoint.
    pub route: Route,
    /// Host of the base URL.
    pub host: &'a str,
    /// Now, by Marketo's clock.
    pub now: Timestamp,
    /// Names of the fields that the request asked for.
    pub fields: &'a [String],
}

impl Spot<'_> {
    /// A failure at this spot.
    pub fn failure(&self, kind: FailureKind, text: &str) -> Failure {
        Failure::new(kind, format!("{}: {text}", self.route.name()))
    }

    /// An answer that cannot be understood; asking again often helps.
    pub fn bad_answer(&self, text: &str) -> Trouble {
        Trouble::new(self.failure(FailureKind::BadAnswer, text), Again::Backoff)
    }

    /// An answer that was understood and makes no sense; asking again would not help at once.
    pub fn nonsense(&self, text: &str) -> Failure {
        self.failure(FailureKind::BadAnswer, text)
    }

    /// The connection broke, or nothing came in time.
    pub fn lost(&self, text: &str) -> Trouble {
        Trouble::new(self.failure(FailureKind::Unavailable, text), Again::Backoff)
    }

    /// The time in which the request may be sent is over.
    pub fn too_late(&self) -> Trouble {
        let text = "nothing was sent, because the time in which it may be sent was over";
        Trouble::last(self.failure(FailureKind::Unavailable, text)).in_vain()
    }
}

/// Whether an error of the enqueue call says that the job is in the queue already, which is what was wanted.
pub(crate) fn says_already_queued(route: Route, code: &str, message: &str) -> bool {
    route == routes::EXPORT_ENQUEUE && code == "1029" && message.to_lowercase().contains("already")
}

/// What an error object of Marketo's means.
pub(crate) fn vendor_error(spot: Spot<'_>, code: &str, message: &str) -> Trouble {
    let (kind, again, text) = match code {
        "1029" => export_limit(message),
        "610" if spot.route.path == routes::ROLES.path => {
            (FailureKind::Unsupported, Again::Never, "this subscription does not offer opportunity roles")
        }
        _ => rule(code),
    };
    let failure = match code {
        "1006" => spot.failure(kind, &with_detail(text, &named_fields(message, spot.fields))),
        _ => spot.failure(kind, text),
    };
    let failure = if code.is_empty() { failure } else { failure.with_code(short(code)) };
    let resets = matches!(kind, FailureKind::DailyCalls | FailureKind::DailyExport);
    let failure = if resets { failure.with_until(next_central_midnight(spot.now)) } else { failure };
    Trouble { carried_out: carried_out(code), ..Trouble::new(failure, again) }
}

/// Whether a request that was answered with this code, or with this HTTP status and no code, may have been carried out.
///
/// Marketo's page says of all 6xx that the request was not executed, but of some of them something that does not go with this: 604 came
/// when it "was running for too long", 611 is "all unhandled exceptions". Of 608 and 614 it does not say how far the request had come.
/// Of 7xx and 1xxx those are certain that name something wrong with the request as a whole; what is about one record belongs into its
/// row, and says nothing of the others if it stands elsewhere. What is not listed is not certain.
fn carried_out(code: &str) -> CarriedOut {
    match code.parse::<u16>().unwrap_or_default() {
        // The vendor's: token, permission, limits, address, method, content type, JSON, subscription type.
        601..=603 | 605..=607 | 609 | 610 | 612 | 613 | 615 | 616 => CarriedOut::No,
        604 | 608 | 611 | 614 => CarriedOut::Maybe,
        // Parameters, feature, date, rules. 713 and 719 are Marketo's own troubles.
        701..=704 | 709..=711 => CarriedOut::No,
        // Type mismatch, missing value, wrong value, name taken, field or object not known, CRM, no free slot, filter.
        1001..=1003 | 1005 | 1006 | 1011 | 1013 | 1017 | 1018 | 1027 | 1028 | 1035 => CarriedOut::No,
        // HTTP: redirects and refusals, but for a server and a proxy that waited too long.
        408 | 499 => CarriedOut::Maybe,
        300..=498 => CarriedOut::No,
        _ => CarriedOut::Maybe,
    }
}

/// The vendor's error-code page as far as it matters here. 6xx: the whole request was not executed; 7xx: it was and failed; 1xxx: data.
fn rule(code: &str) -> (FailureKind, Again, &'static str) {
    use FailureKind as Kind;
    match code {
        "601" | "602" => (Kind::Unavailable, Again::NewToken, "Marketo refuses the access tokens that it gives out"),
        "603" => (
            Kind::AccessDenied,
            Again::Never,
            "access denied: the API user's role lacks the permission, or this machine's address is not on the subscription's list of \
             allowed addresses (Admin > Users & Roles, Admin > Web Services)",
        ),
        "604" => (Kind::Unavailable, Again::Backoff, "Marketo gave the request up because it took too long"),
        "606" => (Kind::RateLimited, Again::RateWindow, "more than 100 calls in 20 seconds, all integrations together"),
        "607" => (
            Kind::DailyCalls,
            Again::Never,
            "the day's API calls are used up, all integrations together; they come back at midnight Central Time",
        ),
        "608" => (Kind::Unavailable, Again::Backoff, "the API is temporarily unavailable"),
        "610" => (Kind::NotFound, Again::Never, "Marketo knows no such resource"),
        "611" => (Kind::Unavailable, Again::Backoff, "Marketo had a system error"),
        "614" => (Kind::Unavailable, Again::Backoff, "the subscription cannot be reached for the moment"),
        "615" => (Kind::RateLimited, Again::Busy, "more than 10 calls at once, all integrations together"),
        "616" | "703" => (Kind::Unsupported, Again::Never, "this subscription does not have this feature"),
        "713" => (Kind::Unavailable, Again::Backoff, "Marketo had a transient error"),
        "1003" => (Kind::BadRequest, Again::Never, "Marketo refused a value in the request"),
        "1005" | "1017" => (Kind::BadRequest, Again::Never, "there is one with this name already"),
        "1006" => (Kind::UnknownField, Again::Never, "a field is not known to this subscription"),
        "1013" => (Kind::NotFound, Again::Never, "Marketo has no such object"),
        "1022" => (Kind::Unavailable, Again::Backoff, "the object is in use"),
        "1027" => {
            (Kind::BadRequest, Again::Never, "the subscription has all the custom activity types that it may have")
        }
        "1028" => (Kind::BadRequest, Again::Never, "the custom activity type has all the attributes that it may have"),
        "1035" => (Kind::Unsupported, Again::Never, "this subscription does not offer this export filter"),
        "500" | "502" | "503" | "504" => (Kind::Unavailable, Again::Backoff, "Marketo had a server error"),
        _ => (Kind::BadRequest, Again::Never, "Marketo refused the request"),
    }
}

/// 1029 has three meanings, told apart by the text alone. The third, "already queued", is dealt with before.
fn export_limit(message: &str) -> (FailureKind, Again, &'static str) {
    let message = message.to_lowercase();
    if message.contains("daily") || (message.contains("quota") && message.contains("exceeded")) {
        let text = "the day's export megabytes are used up, all integrations together; they come back at midnight Central Time";
        (FailureKind::DailyExport, Again::Never, text)
    } else {
        let text = "the export queue is full: ten jobs wait or run, all integrations together";
        (FailureKind::ExportQueueFull, Again::Never, text)
    }
}

/// What an HTTP status means that came without an error object.
pub(crate) fn http_status(spot: Spot<'_>, status: u16) -> Trouble {
    use FailureKind as Kind;
    let (kind, again, text) = match status {
        401 => (Kind::Unavailable, Again::NewToken, "Marketo refuses the access tokens that it gives out"),
        403 => (Kind::AccessDenied, Again::Never, "access denied by the web server or a proxy"),
        404 if spot.route.path == routes::ROLES.path => {
            (Kind::Unsupported, Again::Never, "this subscription does not offer opportunity roles")
        }
        404 if spot.route.is_bulk() => (Kind::NotFound, Again::Never, "there is no such export job or file"),
        404 => (Kind::NotFound, Again::Never, "there is nothing at this address; check MARKETO_BASE_URL"),
        408 => (Kind::Unavailable, Again::Backoff, "Marketo gave the request up because it took too long"),
        413 => (Kind::BadRequest, Again::Never, "the request is larger than 1 MB"),
        414 => (Kind::BadRequest, Again::Never, "the address with its parameters is longer than 8 KB"),
        429 => (Kind::RateLimited, Again::RateWindow, "too many calls"),
        300..=399 => (Kind::BadSetting, Again::Never, "the address redirects elsewhere; check MARKETO_BASE_URL"),
        500..=599 => (Kind::Unavailable, Again::Backoff, "Marketo or a gateway had a server error"),
        _ => (Kind::BadRequest, Again::Never, "the request was refused"),
    };
    let code = status.to_string();
    Trouble { carried_out: carried_out(&code), ..Trouble::new(spot.failure(kind, text).with_code(code), again) }
}

/// What a request that got no whole answer means.
pub(crate) fn unsent(spot: Spot<'_>, error: SendError) -> Trouble {
    match error {
        SendError::NoConnection => {
            let text = format!("no connection to {}; check MARKETO_BASE_URL and the network", spot.host);
            Trouble::new(spot.failure(FailureKind::Unreachable, &text), Again::Backoff).in_vain()
        }
        SendError::NoTls => {
            let text = "TLS cannot be set up: the machine's certificates are missing or cannot be read";
            Trouble::last(spot.failure(FailureKind::BadSetting, text)).in_vain()
        }
        SendError::BadRequest => {
            Trouble::last(spot.failure(FailureKind::BadRequest, "the request cannot be put together")).in_vain()
        }
        SendError::TimedOut => spot.lost("no answer in time"),
        SendError::Broken => spot.lost("the connection broke off"),
    }
}

/// Which of the fields asked for a message names. Its own words are not passed on.
fn named_fields(message: &str, fields: &[String]) -> String {
    let words = message.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'));
    let named = |field: &&String| words.clone().any(|word| word.eq_ignore_ascii_case(field));
    fields.iter().filter(named).map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn with_detail(text: &str, detail: &str) -> String {
    if detail.is_empty() { text.to_owned() } else { format!("{text}: {detail}") }
}

/// A code as it may stand in a message: vendors' codes are short numbers.
fn short(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).take(8).collect()
}
