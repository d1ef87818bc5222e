//! What was asked of the simulator, for those who check how a client behaves.
//! Counts only; must not decide anything.

use std::collections::BTreeMap;

use serde::Serialize;

/// Counters since the start or the last reset.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// REST calls that were answered, rejected ones too.
    pub calls: u64,
    /// The same by method and path template.
    pub by_endpoint: BTreeMap<String, u64>,
    /// Token requests.
    pub token_calls: u64,
    /// Calls that were refused as a whole, by error code or HTTP status.
    pub rejected: BTreeMap<String, u64>,
    /// Records of collections that were refused, by error code.
    pub rejected_records: BTreeMap<String, u64>,
    /// Records that were written.
    pub written: u64,
    /// Most REST calls at the same moment.
    pub max_in_flight: usize,
    /// Calls that count against the daily limit, within the last 24 hours.
    pub used_today: u64,
    /// Faults that struck.
    pub faults_struck: u64,
}
