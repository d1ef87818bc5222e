//! Programmed misfortune: rules that say which call fails, when, how often and in which way.
//! Decides only; must not know how a failure is carried out.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// One rule. In JSON: `{"endpoint":"PATCH /composite/sobjects/{object}/{field}","after":2,"times":3,"status":503}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Method and path after the version, as template or as called; `*` stands for anything.
    pub endpoint: String,
    /// What must occur in the query text or in the body; empty for anything.
    pub contains: String,
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
    /// Salesforce's error body with this status, code and message.
    Error(u16, String, String),
    /// An HTTP status with a page that is no JSON.
    Status(u16),
    /// No answer, or none after so many bytes of the body.
    Hang(u64),
    /// The connection closes, at once or after so many bytes of the body.
    Drop(u64),
    /// HTTP 200 with nothing in it.
    EmptyBody,
    /// HTTP 200 with half of the JSON.
    BadJson,
    /// The answer comes after so many real milliseconds.
    Slow(u64),
    /// The session ends at every so-manieth matching call.
    SessionEnds(u64),
    /// Every so-manieth record of a write is refused with this code and message, and not written.
    Record(String, String, u64),
}

impl Fault {
    /// A rule that strikes once, at the first matching call.
    #[must_use]
    pub fn once(endpoint: &str, action: FaultAction) -> Self {
        let endpoint = endpoint.to_owned();
        Self { endpoint, contains: String::new(), after: 0, times: Some(1), after_work: false, action }
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

    /// Strikes only where this occurs in the query text or in the body.
    #[must_use]
    pub fn containing(self, part: &str) -> Self {
        Self { contains: part.to_owned(), ..self }
    }

    fn matches(&self, target: &Target<'_>) -> bool {
        (is_like(target.template, &self.endpoint) || is_like(target.called, &self.endpoint))
            && (self.contains.is_empty() || target.texts.iter().any(|text| text.contains(&self.contains)))
    }
}

/// A call as rules see it.
pub(crate) struct Target<'a> {
    /// Method and path template.
    pub(crate) template: &'a str,
    /// Method and path.
    pub(crate) called: &'a str,
    /// Query text and body.
    pub(crate) texts: &'a [&'a str],
}

/// Whether a text fits a pattern in which `*` stands for anything.
fn is_like(text: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return text == pattern };
    let Some(mut left) = text.strip_prefix(start) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    true
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let times = match &value["times"] {
            Value::Null => Some(1),
            Value::String(text) if text == "always" => None,
            other => Some(other.as_u64().ok_or_else(|| D::Error::custom("times is a number or \"always\""))?),
        };
        let action = read_action(&value);
        Ok(Self {
            endpoint: value["endpoint"].as_str().unwrap_or("*").to_owned(),
            contains: value["contains"].as_str().unwrap_or_default().to_owned(),
            after: value["after"].as_u64().unwrap_or(0),
            times,
            after_work: value["afterWork"] == true,
            action: action
                .ok_or_else(|| D::Error::custom(format!("no known action in {value}; the README lists them")))?,
        })
    }
}

fn read_action(value: &Value) -> Option<FaultAction> {
    let bytes = value["afterBytes"].as_u64().unwrap_or(0);
    let message = |code: &str| value["message"].as_str().map_or_else(|| message_of(code), str::to_owned);
    let set = |key: &str| value.get(key).filter(|inner| !inner.is_null() && **inner != Value::Bool(false));
    let status = match set("status") {
        Some(status) => Some(u16::try_from(status.as_u64()?).ok()?),
        None => None,
    };
    if let Some(code) = set("error").and_then(Value::as_str) {
        return Some(FaultAction::Error(status.unwrap_or_else(|| status_of(code)), code.to_owned(), message(code)));
    }
    if let Some(status) = status {
        return Some(FaultAction::Status(status));
    }
    if let Some(code) = set("recordError").and_then(Value::as_str) {
        return Some(FaultAction::Record(code.to_owned(), message(code), value["every"].as_u64().unwrap_or(1).max(1)));
    }
    if let Some(wait) = set("slowMs") {
        return Some(FaultAction::Slow(wait.as_u64()?));
    }
    if set("sessionEnds").is_some() {
        return Some(FaultAction::SessionEnds(value["everyCalls"].as_u64().unwrap_or(1).max(1)));
    }
    let flags = [
        ("hang", FaultAction::Hang(bytes)),
        ("drop", FaultAction::Drop(bytes)),
        ("emptyBody", FaultAction::EmptyBody),
        ("badJson", FaultAction::BadJson),
    ];
    flags.into_iter().find(|(key, _)| set(key).is_some()).map(|(_, action)| action)
}

fn status_of(code: &str) -> u16 {
    crate::world::failure::Failure::new(code.to_owned(), "").status()
}

/// The usual message of an error code.
fn message_of(code: &str) -> String {
    let message = match code {
        "INVALID_SESSION_ID" => "Session expired or invalid",
        "REQUEST_LIMIT_EXCEEDED" => "TotalRequests Limit exceeded.",
        "UNABLE_TO_LOCK_ROW" => "unable to obtain exclusive access to this record",
        "SERVER_UNAVAILABLE" => "The server is busy, try again",
        "QUERY_TIMEOUT" => "Your query request was running for too long.",
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
    pub(crate) fn strike(&mut self, target: &Target<'_>, applies: impl Fn(&FaultAction) -> bool) -> Option<Fault> {
        let mut struck = None;
        for rule in &mut self.rules {
            if !applies(&rule.fault.action) || !rule.fault.matches(target) {
                continue;
            }
            rule.seen += 1;
            // Sessions that end recur by nature, so only an explicit number of times above one ends them.
            let (every, recurs) = match rule.fault.action {
                FaultAction::SessionEnds(every) => (every, every > 1 && rule.fault.times == Some(1)),
                _ => (1, false),
            };
            let due = rule.seen > rule.fault.after && (rule.seen - rule.fault.after).is_multiple_of(every);
            let left = recurs || rule.fault.times.is_none_or(|times| rule.fired < times);
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
    fn rules_strike_after_and_as_often_as_they_say_and_where_they_say() {
        let mut faults = Faults::default();
        let rule = r#"{"endpoint":"GET /sobjects/*/describe","contains":"x","after":1,"times":2,"status":503}"#;
        faults.replace(vec![read(rule)]);
        let mut strike = |called: &str, text: &str| {
            let target = Target { template: "GET /sobjects/{object}/describe", called, texts: &[text] };
            faults.strike(&target, |_| true).is_some()
        };
        assert!(!strike("GET /sobjects/Task/describe", "y"));
        let struck: Vec<bool> = (0..5).map(|_| strike("GET /sobjects/Task/describe", "axb")).collect();
        assert_eq!(struck, [false, true, true, false, false]);
        for (text, pattern, like) in [
            ("GET /a/b", "GET /a/b", true),
            ("GET /a/b", "*", true),
            ("GET /a/b", "GET *b", true),
            ("GET /a/b", "GET *c*", false),
            ("PATCH /x/y/z", "* /x*z", true),
        ] {
            assert_eq!(is_like(text, pattern), like, "{text} {pattern}");
        }
    }

    #[test]
    fn every_action_is_read() {
        for json in [
            r#"{"error":"REQUEST_LIMIT_EXCEEDED"}"#,
            r#"{"error":"UNKNOWN_EXCEPTION","status":500,"message":"m"}"#,
            r#"{"status":502,"afterWork":true}"#,
            r#"{"hang":true}"#,
            r#"{"drop":true,"afterBytes":100}"#,
            r#"{"emptyBody":true}"#,
            r#"{"badJson":true}"#,
            r#"{"slowMs":20}"#,
            r#"{"sessionEnds":true,"everyCalls":20}"#,
            r#"{"recordError":"UNABLE_TO_LOCK_ROW","every":3}"#,
        ] {
            read(json);
        }
        assert!(serde_json::from_str::<Fault>(r#"{"endpoint":"*"}"#).is_err());
        assert_eq!(
            read(r#"{"error":"REQUEST_LIMIT_EXCEEDED"}"#).action,
            FaultAction::Error(403, "REQUEST_LIMIT_EXCEEDED".into(), "TotalRequests Limit exceeded.".into())
        );
    }
}
