//! What was asked of the simulator, for those who check how a client behaves.
//! Counts only; must not decide anything.

use std::collections::BTreeMap;

use serde::Serialize;

/// Counters since the start or the last reset.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Stats {
    /// REST and bulk calls that were answered, rejected ones too.
    pub calls: u64,
    /// The same by method and path template.
    pub by_endpoint: BTreeMap<String, u64>,
    /// The same by client id; calls without a valid token are under the empty name.
    pub by_client: BTreeMap<String, u64>,
    /// Token requests.
    pub identity_calls: u64,
    /// Most REST and bulk calls at the same moment.
    pub max_in_flight: usize,
    /// Most REST and bulk calls within one window of 20 seconds.
    pub max_calls_in_20s: usize,
    /// Failed envelopes by code, and HTTP failures by status.
    pub rejected: BTreeMap<String, u64>,
    /// Size of all completed export files.
    pub export_bytes: u64,
    /// Bytes of export files that were sent.
    pub export_bytes_served: u64,
    /// Faults that struck.
    pub faults_struck: u64,
}
