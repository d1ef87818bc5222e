//! What a million new people cost on AWS, modelled from the counts of this run. Must not measure anything itself.

use super::report::Report;
use super::{calls, memory};

/// US dollars, from AWS's public price list of us-east-1, without any free tier.
mod price {
    /// A million write request units, on demand.
    pub const MILLION_WRITES: f64 = 0.625;
    /// A million read request units, on demand.
    pub const MILLION_READS: f64 = 0.125;
    /// A million requests to a standard queue.
    pub const MILLION_SQS_REQUESTS: f64 = 0.40;
    /// A GiB-second of Lambda on arm64.
    pub const GIBIBYTE_SECOND: f64 = 0.000_013_333_4;
    /// A million invocations.
    pub const MILLION_INVOCATIONS: f64 = 0.20;
}

/// The cost, where both measurements that it is made of were made.
pub fn model(calls: Option<&Report>, memory: Option<&Report>) -> Option<Report> {
    let (calls, memory) = (calls?, memory?);
    // Units per thousand people are thousands of units per million.
    let millions = |name| calls.value(name).map(|per_thousand| per_thousand / 1_000.0);
    let per_million = |name| memory.value(name).map(|count| count / 1_000_000.0);
    let parts = [
        ("DynamoDB writes", millions(calls::WRITES)? * price::MILLION_WRITES),
        ("DynamoDB writes of the two indexes", millions(calls::INDEX_WRITES)? * price::MILLION_WRITES),
        ("DynamoDB reads", millions(calls::READS)? * price::MILLION_READS),
        ("SQS", per_million(memory::SQS_REQUESTS)? * price::MILLION_SQS_REQUESTS),
        ("Lambda time", memory.value(memory::GIBIBYTE_SECONDS)? * price::GIBIBYTE_SECOND),
        ("Lambda invocations", per_million(memory::INVOCATIONS)? * price::MILLION_INVOCATIONS),
    ];
    let mut report = Report::new("modelled cost of a million new people");
    for (name, dollars) in parts {
        report.tell(name, dollars, "US$");
    }
    report.tell("together", parts.iter().map(|(_, dollars)| dollars).sum::<f64>(), "US$");
    report.note("prices of us-east-1 on demand, arm64, no free tier; SQS and Lambda for a million people in Marketo");
    report.note("Lambda's time is that of this machine, and idle ticks are not in it");
    Some(report)
}
