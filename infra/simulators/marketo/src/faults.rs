//! Programmed misfortune: rules that say which call fails, when, how often and in which way.
//! Decides only; must not know how a failure is carried out.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// One rule. In JSON: `{"endpoint":"GET /rest/v1/leads.json","after":2,"times":3,"error":"606"}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Method and path template, `*` for everything, or a prefix that ends in `*`.
    pub endpoint: String,
    /// How many matching calls go well first.
    pub after: u64,
    /// How many calls fail then; for ever when `None`.
    pub times: Option<u64>,
    /// Whether the call does its work before its answer is spoilt.
    pub after_work: bool,
    /// What goes wrong.
    pub action: FaultAction,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultAction {
    /// A failed envelope with this code and message.
    Error(String, String),
    /// An HTTP status with a text body, and a `Retry-After` if given.
    Status(u16, Option<u64>),
    /// No answer, or none after so many bytes of the body.
    Hang(u64),
    /// The connection closes, at once or after so many bytes of the body.
    Drop(u64),
    /// An export file ends cleanly after about this share of its bytes, at the end of a row.
    Truncate(f64),
    /// The job's status names another checksum.
    WrongChecksum,
    /// The job fails with this message.
    JobFailed(String),
    /// The job is completed but its file is not there.
    CompletedButMissing,
    /// HTTP 200 with nothing in it.
    EmptyBody,
    /// HTTP 200 with half of the JSON.
    BadJson,
    /// A successful envelope without `result`.
    NoResult,
    /// A successful envelope whose `result` lacks its last item.
    FewerResults,
    /// A failed envelope where an export file is expected.
    JsonErrorAsFile(String),
    /// The token in use dies at every so-manieth matching call.
    TokenDies(u64),
}

impl FaultAction {
    /// Whether this happens to an export job and not to a call.
    pub(crate) fn is_of_job(&self) -> bool {
        matches!(self, Self::WrongChecksum | Self::JobFailed(_) | Self::CompletedButMissing)
    }

    /// Whether this makes sense only where a file is sent.
    pub(crate) fn is_of_file(&self) -> bool {
        matches!(self, Self::Truncate(_) | Self::JsonErrorAsFile(_))
    }
}

impl Fault {
    /// A rule that strikes once, at the first matching call.
    #[must_use]
    pub fn once(endpoint: &str, action: FaultAction) -> Self {
        Self { endpoint: endpoint.to_owned(), after: 0, times: Some(1), after_work: false, action }
    }

    /// Lets some calls go well first.
    #[must_use]
    pub fn after(self, calls: u64) -> Self {
        Self { after: calls, ..self }
    }

    /// Strikes more often; `None` for ever.
    #[must_use]
    pub fn times(self, times: impl Into<Option<u64>>) -> Self {
        Self { times: times.into(), ..self }
    }

    /// Lets the call do its work before its answer is spoilt.
    #[must_use]
    pub fn after_work(self) -> Self {
        Self { after_work: true, ..self }
    }

    fn matches(&self, endpoint: &str) -> bool {
        match self.endpoint.strip_suffix('*') {
            Some(prefix) => endpoint.starts_with(prefix),
            None => self.endpoint == endpoint,
        }
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let times = match &value["times"] {
            Value::Null if value["always"] == true => None,
            Value::Null => Some(1),
            Value::String(text) if text == "always" => None,
            other => Some(other.as_u64().ok_or_else(|| D::Error::custom("times is a number or \"always\""))?),
        };
        Ok(Self {
            endpoint: value["endpoint"].as_str().unwrap_or("*").to_owned(),
            after: value["after"].as_u64().unwrap_or(0),
            times,
            after_work: value["afterWork"] == true,
            action: read_action(&value).ok_or_else(|| D::Error::custom(format!("no known action in {value}")))?,
        })
    }
}

fn read_action(value: &Value) -> Option<FaultAction> {
    let text =
        |value: &Value| value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|code| code.to_string()));
    let bytes = value["afterBytes"].as_u64().unwrap_or(0);
    let message = value["message"].as_str();
    let set = |key: &str| value.get(key).filter(|inner| !inner.is_null() && **inner != Value::Bool(false));
    if let Some(code) = set("error").and_then(text) {
        let message = message.map_or_else(|| message_of(&code), str::to_owned);
        return Some(FaultAction::Error(code, message));
    }
    if let Some(status) = set("status") {
        return Some(FaultAction::Status(status.as_u64()?.try_into().ok()?, value["retryAfter"].as_u64()));
    }
    if let Some(share) = set("truncate") {
        return Some(FaultAction::Truncate(share.as_f64().unwrap_or(0.5)));
    }
    if let Some(code) = set("jsonErrorAsFile").and_then(text) {
        return Some(FaultAction::JsonErrorAsFile(code));
    }
    if let Some(dies) = set("tokenDies") {
        let every = dies["everyCalls"].as_u64().or_else(|| value["everyCalls"].as_u64()).or_else(|| dies.as_u64());
        return Some(FaultAction::TokenDies(every.unwrap_or(1).max(1)));
    }
    let flags = [
        ("hang", FaultAction::Hang(bytes)),
        ("drop", FaultAction::Drop(bytes)),
        ("wrongChecksum", FaultAction::WrongChecksum),
        ("jobFailed", FaultAction::JobFailed(message.unwrap_or("Export job failed").to_owned())),
        ("completedButMissing", FaultAction::CompletedButMissing),
        ("emptyBody", FaultAction::EmptyBody),
        ("badJson", FaultAction::BadJson),
        ("noResult", FaultAction::NoResult),
        ("fewerResults", FaultAction::FewerResults),
    ];
    flags.into_iter().find(|(key, _)| set(key).is_some()).map(|(_, action)| action)
}

/// The usual message of an error code.
pub(crate) fn message_of(code: &str) -> String {
    let message = match code {
        "601" => "Access token invalid",
        "602" => "Access token expired",
        "603" => "Access denied",
        "604" => "Request timed out",
        "606" => "Max rate limit '100' exceeded with in '20' secs",
        "607" => "Daily Quota reached",
        "608" => "API Temporarily Unavailable",
        "611" => "System error",
        "614" => "Subscription not reachable",
        "615" => "Concurrent access limit reached",
        "713" => "Transient error",
        "1003" => "Invalid data",
        "1004" => "Lead not found",
        "1029" => "Too many jobs in queue",
        _ => "Simulated error",
    };
    message.to_owned()
}

/// The rules, with what they have seen so far.
#[derive(Default)]
pub(crate) struct Faults {
    rules: Vec<Rule>,
}

struct Rule {
    fault: Fault,
    seen: u64,
    fired: u64,
}

impl Faults {
    pub(crate) fn replace(&mut self, faults: Vec<Fault>) {
        self.rules = faults.into_iter().map(|fault| Rule { fault, seen: 0, fired: 0 }).collect();
    }

    /// Counts a call against every rule that applies to it; the first one that strikes wins.
    pub(crate) fn strike(&mut self, endpoint: &str, applies: impl Fn(&FaultAction) -> bool) -> Option<Fault> {
        let mut struck = None;
        for rule in &mut self.rules {
            if !rule.fault.matches(endpoint) || !applies(&rule.fault.action) {
                continue;
            }
            rule.seen += 1;
            let due = match rule.fault.action {
                FaultAction::TokenDies(every) => {
                    rule.seen > rule.fault.after && (rule.seen - rule.fault.after) % every == 0
                }
                _ => rule.seen > rule.fault.after,
            };
            // Dying tokens recur by nature, so only an explicit number of times ends them.
            let recurring = matches!(rule.fault.action, FaultAction::TokenDies(_)) && rule.fault.times == Some(1);
            let left = recurring || rule.fault.times.is_none_or(|times| rule.fired < times);
            if due && left && struck.is_none() {
                rule.fired += 1;
                struck = Some(rule.fault.clone());
            }
        }
        struck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Fault {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn rules_strike_after_and_as_often_as_they_say() {
        let mut faults = Faults::default();
        faults.replace(vec![read(r#"{"endpoint":"GET /a","after":1,"times":2,"status":503}"#)]);
        let struck: Vec<bool> = (0..5).map(|_| faults.strike("GET /a", |_| true).is_some()).collect();
        assert_eq!(struck, [false, true, true, false, false]);
        assert!(faults.strike("GET /b", |_| true).is_none());
    }

    #[test]
    fn every_action_is_read() {
        for json in [
            r#"{"error":606}"#,
            r#"{"status":429,"retryAfter":2}"#,
            r#"{"hang":true}"#,
            r#"{"drop":true,"afterBytes":100}"#,
            r#"{"truncate":0.3}"#,
            r#"{"wrongChecksum":true}"#,
            r#"{"jobFailed":true}"#,
            r#"{"completedButMissing":true}"#,
            r#"{"emptyBody":true}"#,
            r#"{"badJson":true}"#,
            r#"{"noResult":true}"#,
            r#"{"fewerResults":true}"#,
            r#"{"jsonErrorAsFile":"1029"}"#,
            r#"{"tokenDies":{"everyCalls":20}}"#,
            r#"{"tokenDies":"everyCalls","everyCalls":20}"#,
        ] {
            read(json);
        }
        assert!(serde_json::from_str::<Fault>(r#"{"endpoint":"*"}"#).is_err());
        assert_eq!(read(r#"{"error":606,"times":"always"}"#).times, None);
    }
}
