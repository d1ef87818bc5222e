//! Faults that happen to export jobs: a job that fails, names a wrong checksum, or has no file.
//! Must not know the other faults.

use serde_json::{Map, Value};

use super::call::{Call, Outcome, Reply};
use crate::export::jobs::{Job, JobKind};
use crate::faults::FaultAction;

/// Lets a job fault strike after the call's work. True when the answer must be made again.
pub(crate) fn strike(call: &Call, outcome: &Outcome) -> bool {
    if !call.endpoint.contains("/export/") {
        return false;
    }
    let status = match outcome {
        Ok(Reply::Envelope(envelope)) => envelope["result"][0]["status"].as_str().unwrap_or_default(),
        _ => "",
    };
    let is_file = call.endpoint.ends_with("/file.json");
    let is_status = call.endpoint.ends_with("/status.json");
    let applies = |action: &FaultAction| match action {
        FaultAction::WrongChecksum => is_status && status == "Completed",
        FaultAction::CompletedButMissing => is_file || (is_status && status == "Completed"),
        FaultAction::JobFailed(_) => ["Created", "Queued", "Processing", "Completed"].contains(&status),
        _ => false,
    };
    let Some(fault) = call.service.strike(call.endpoint, applies) else { return false };
    let id = match outcome {
        Ok(Reply::Envelope(envelope)) => envelope["result"][0]["exportId"].as_str().unwrap_or_default().to_owned(),
        _ => call.part(0).to_owned(),
    };
    let kind = if call.endpoint.contains("/activities/") { JobKind::Activities } else { JobKind::People };
    call.subscription().with_jobs(|jobs, _| {
        if let Some(job) = jobs.find(kind, &call.client, &id) {
            mark(job, &fault.action);
        }
    });
    is_file || is_status
}

fn mark(job: &mut Job, action: &FaultAction) {
    match action {
        FaultAction::WrongChecksum => job.wrong_checksum = true,
        FaultAction::CompletedButMissing => job.file_missing = true,
        FaultAction::JobFailed(message) => job.failure = Some(message.clone()),
        _ => {}
    }
}

/// The envelope without its result.
pub(crate) fn without_result(outcome: Outcome) -> Outcome {
    altered(outcome, |members| {
        members.remove("result");
    })
}

/// The envelope without the last item of its result.
pub(crate) fn with_fewer_results(outcome: Outcome) -> Outcome {
    altered(outcome, |members| {
        if let Some(Value::Array(rows)) = members.get_mut("result") {
            rows.pop();
        }
    })
}

fn altered(outcome: Outcome, act: impl FnOnce(&mut Map<String, Value>)) -> Outcome {
    match outcome {
        Ok(Reply::Envelope(Value::Object(mut members))) => {
            act(&mut members);
            Ok(Reply::Envelope(Value::Object(members)))
        }
        other => other,
    }
}
