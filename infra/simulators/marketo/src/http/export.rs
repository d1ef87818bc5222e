//! Bulk extract over HTTP: create, enqueue, status, file, cancel, list; for people and for activities.
//! Must not know how files are generated.

use std::sync::Arc;

use serde_json::{Value, json};

use super::call::{Call, Failure, FileReply, Outcome, Reply, result};
use super::leads::{LISTS, list_filter};
use crate::clock::{central_day, iso, parse};
use crate::export::content::{ACTIVITY_COLUMNS, ActivityFilter, Content, PeopleFilter, Source};
use crate::export::file::Reader;
use crate::export::jobs::{Job, JobKind, Jobs, Recipe};
use crate::world::fields::{self, Field};
use crate::world::hash::hash;

/// The one smart list that exists.
pub(crate) const SMART_LIST: (i64, &str) = (1001, "People with owner");
const MOST_SECONDS: i64 = 31 * 86_400;
const MEGABYTE: u64 = 1024 * 1024;

fn kind_of(call: &Call) -> JobKind {
    if call.endpoint.contains("/activities/") { JobKind::Activities } else { JobKind::People }
}

fn allowed(call: &Call) -> Result<(), Failure> {
    if call.subscription().config.export.enabled { Ok(()) } else { Err(Failure::new("603", "Access denied")) }
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new("1003", message)
}

/// Names of the wanted columns.
fn asked_names(call: &Call) -> Result<Vec<&str>, Failure> {
    match &call.body["fields"] {
        Value::Array(list) => Ok(list.iter().filter_map(Value::as_str).collect()),
        Value::String(list) => Ok(list.split(',').map(str::trim).collect()),
        Value::Null => Ok(Vec::new()),
        _ => Err(invalid("Invalid value for 'fields'")),
    }
}

/// Both ends of a date filter.
fn range(filter: &Value, name: &str) -> Result<(i64, i64), Failure> {
    let end = |member: &str| {
        let text = filter[name][member].as_str().unwrap_or_default();
        parse(text).ok_or_else(|| invalid(format!("Invalid value for filter '{name}.{member}'")))
    };
    let (from, to) = (end("startAt")?, end("endAt")?);
    if to < from {
        return Err(invalid(format!("Filter '{name}': endAt is before startAt")));
    }
    if to - from > MOST_SECONDS {
        return Err(invalid(format!("Filter '{name}': date range must not exceed 31 days")));
    }
    Ok((from, to))
}

fn unsupported(name: &str) -> Failure {
    Failure::new("1035", format!("Unsupported filter type for target subscription: {name}"))
}

fn people_filter(call: &Call) -> Result<PeopleFilter, Failure> {
    let filter = &call.body["filter"];
    let members = filter.as_object().filter(|members| !members.is_empty());
    let members = members.ok_or_else(|| invalid("A filter is required"))?;
    let mut names = members.keys();
    let (Some(name), None) = (names.next(), names.next()) else {
        return Err(invalid("Exactly one filter is allowed"));
    };
    let value = &filter[name];
    let export = &call.subscription().config.export;
    let id = value.as_i64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(0);
    match name.as_str() {
        "createdAt" => range(filter, name).map(|(from, to)| PeopleFilter::Created(from, to)),
        "updatedAt" if !export.updated_at_filter => Err(unsupported(name)),
        "updatedAt" => range(filter, name).map(|(from, to)| PeopleFilter::Updated(from, to)),
        "smartListId" | "smartListName" if !export.smart_lists => Err(unsupported(name)),
        "smartListId" if id == SMART_LIST.0 => Ok(PeopleFilter::Owned),
        "smartListName" if value.as_str() == Some(SMART_LIST.1) => Ok(PeopleFilter::Owned),
        "smartListId" | "smartListName" => Err(invalid(format!("Smart list {value} not found"))),
        "staticListId" => list_filter(call, id),
        "staticListName" => {
            let found = LISTS.iter().find(|(_, name)| value.as_str() == Some(name));
            list_filter(call, found.map_or(0, |(id, _)| *id))
        }
        _ => Err(invalid(format!("Unknown filter '{name}'"))),
    }
}

/// The header row: names as asked for, or their replacements.
fn header(call: &Call, names: &[&str]) -> Vec<String> {
    let renamed = &call.body["columnHeaderNames"];
    names.iter().map(|name| renamed[*name].as_str().unwrap_or(name).to_owned()).collect()
}

fn format(call: &Call) -> Result<(&str, u8), Failure> {
    match call.body["format"].as_str().unwrap_or("CSV") {
        "CSV" => Ok(("CSV", b',')),
        "TSV" => Ok(("TSV", b'\t')),
        "SSV" => Ok(("SSV", b';')),
        other => Err(invalid(format!("Invalid format '{other}'"))),
    }
}

pub(crate) fn create_people(call: &Call) -> Outcome {
    allowed(call)?;
    let names = asked_names(call)?;
    if names.is_empty() {
        return Err(Failure::new("1002", "Missing value for required parameter 'fields'"));
    }
    let find = |name: &&str| fields::by_name(name).ok_or_else(|| invalid(format!("Invalid field '{name}'")));
    let columns: Result<Vec<&'static Field>, Failure> = names.iter().map(find).collect();
    let columns = columns?;
    let filter = people_filter(call)?;
    let (format, delimiter) = format(call)?;
    let header = header(call, &names);
    let nul_share = call.subscription().config.nul_byte_share;
    let recipe: Recipe = Arc::new(move |state, _| {
        let (filter, columns) = (filter.clone(), columns.clone());
        let source = Source::People { view: state.view(), filter, columns, nul_share };
        Arc::new(Content { header: header.clone(), delimiter, source })
    });
    create(call, format, recipe)
}

pub(crate) fn create_activities(call: &Call) -> Outcome {
    allowed(call)?;
    let mut names = asked_names(call)?;
    if names.is_empty() {
        names = ACTIVITY_COLUMNS[..8].to_vec();
    }
    let find = |name: &&str| {
        let found = ACTIVITY_COLUMNS.iter().find(|known| *known == name).copied();
        found.ok_or_else(|| invalid(format!("Invalid field '{name}'")))
    };
    let columns: Result<Vec<&'static str>, Failure> = names.iter().map(find).collect();
    let columns = columns?;
    let filter = &call.body["filter"];
    let (from, to) = range(filter, "createdAt")?;
    let numbers = |name: &str| filter[name].as_array().map(|list| list.iter().filter_map(Value::as_i64).collect());
    let primaries = filter["primaryAttributeValues"].as_array();
    let primaries = primaries.map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    let filter = ActivityFilter {
        from,
        to,
        kinds: numbers("activityTypeIds").unwrap_or_default(),
        primary_ids: numbers("primaryAttributeValueIds").unwrap_or_default(),
        primaries: primaries.unwrap_or_default(),
    };
    if filter.kinds.contains(&37) {
        return Err(invalid("Activity type 37 is not available in bulk"));
    }
    let (format, delimiter) = format(call)?;
    let header = header(call, &names);
    let recipe: Recipe = Arc::new(move |state, now_ms| {
        let history = state.history(now_ms);
        let source = Source::Activities { history, filter: filter.clone(), columns: columns.clone() };
        Arc::new(Content { header: header.clone(), delimiter, source })
    });
    create(call, format, recipe)
}

fn create(call: &Call, format: &str, recipe: Recipe) -> Outcome {
    let seed = call.subscription().config.seed;
    call.subscription().with_jobs(|jobs, now_ms| {
        check_quota(call, jobs, now_ms)?;
        let number = jobs.list.len() as u64;
        let (high, low) = (hash(seed, number, 61), hash(seed ^ now_ms.cast_unsigned(), number, 62));
        let id = format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        );
        let job = Job {
            id,
            kind: kind_of(call),
            client: call.client.clone(),
            format: format.to_owned(),
            created_ms: now_ms,
            queued_ms: None,
            started_ms: None,
            finished_ms: None,
            cancelled: false,
            failure: None,
            wrong_checksum: false,
            file_missing: false,
            recipe,
            content: None,
            built: Arc::default(),
        };
        let row = job_json(call, &job, now_ms);
        jobs.list.push(job);
        result(vec![row])
    })
}

fn check_quota(call: &Call, jobs: &Jobs, now_ms: i64) -> Result<(), Failure> {
    let limits = call.subscription().limits();
    let quota = limits.export_megabytes_per_day;
    if limits.export_quota && jobs.used_on(&central_day(now_ms / 1000)) >= quota * MEGABYTE {
        return Err(Failure::new("1029", format!("Export daily quota {quota}MB exceeded")));
    }
    Ok(())
}

fn job_json(call: &Call, job: &Job, now_ms: i64) -> Value {
    let status = job.status(now_ms, call.subscription().config.export.status_refresh_seconds);
    let mut row = json!({
        "exportId": job.id,
        "format": job.format,
        "status": status,
        "createdAt": iso(job.created_ms / 1000),
    });
    let mut stamp = |name: &str, time: Option<i64>| {
        if let Some(time) = time {
            row[name] = iso(time / 1000).into();
        }
    };
    stamp("queuedAt", job.queued_ms);
    if ["Processing", "Completed", "Failed"].contains(&status) {
        stamp("startedAt", job.started_ms);
    }
    if status == "Completed" {
        stamp("finishedAt", job.finished_ms);
    }
    if let Some(message) = &job.failure {
        row["errorMsg"] = message.as_str().into();
    }
    if let (Some(built), "Completed") = (job.built.get(), status) {
        let checksum = if job.wrong_checksum { "0badc0de".repeat(8) } else { built.sha256.clone() };
        row["numberOfRecords"] = built.records.into();
        row["fileSize"] = built.size.into();
        row["fileChecksum"] = format!("sha256:{checksum}").into();
    }
    row
}

fn with_job(call: &Call, act: impl FnOnce(&mut Job, i64) -> Result<(), Failure>) -> Outcome {
    allowed(call)?;
    call.subscription().with_jobs(|jobs, now_ms| {
        let job = jobs.find(kind_of(call), &call.client, call.part(0));
        let job = job.ok_or_else(|| invalid(format!("Export job '{}' not found", call.part(0))))?;
        act(job, now_ms)?;
        result(vec![job_json(call, job, now_ms)])
    })
}

pub(crate) fn enqueue(call: &Call) -> Outcome {
    allowed(call)?;
    let limits = call.subscription().limits();
    let (busy, quota) = call.subscription().with_jobs(|jobs, now_ms| (jobs.busy(), check_quota(call, jobs, now_ms)));
    with_job(call, |job, now_ms| {
        if job.finished_ms.is_some() || !job.is_open() {
            return Err(invalid("The export job has already ended"));
        }
        if job.queued_ms.is_some() {
            return Err(Failure::new("1029", "Job already queued"));
        }
        quota?;
        if limits.job_queue && busy >= limits.jobs_queued {
            return Err(Failure::new("1029", "Too many jobs in queue"));
        }
        job.queued_ms = Some(now_ms);
        Ok(())
    })
}

pub(crate) fn status(call: &Call) -> Outcome {
    with_job(call, |_, _| Ok(()))
}

pub(crate) fn cancel(call: &Call) -> Outcome {
    with_job(call, |job, _| {
        if job.finished_ms.is_none() {
            job.cancelled = true;
        }
        Ok(())
    })
}

pub(crate) fn list(call: &Call) -> Outcome {
    allowed(call)?;
    let wanted = call.list("status");
    let size = call.batch_size()?;
    let kind = if call.endpoint.contains("/activities/") { JobKind::Activities } else { JobKind::People };
    let offset: usize =
        call.param("nextPageToken").and_then(|token| token.trim_end_matches('=').parse().ok()).unwrap_or(0);
    let rows: Vec<Value> = call.subscription().with_jobs(|jobs, now_ms| {
        let own = jobs.list.iter().filter(|job| job.kind == kind && job.client == call.client);
        let recent = own.filter(|job| job.created_ms > now_ms - 7 * 86_400_000);
        let rows = recent.map(|job| job_json(call, job, now_ms));
        rows.filter(|row| wanted.is_empty() || row["status"].as_str().is_some_and(|status| wanted.contains(&status)))
            .collect()
    });
    let mut reply = json!({ "result": rows.iter().skip(offset).take(size).collect::<Vec<_>>() });
    if rows.len() > offset + size {
        reply["nextPageToken"] = format!("{}=", offset + size).into();
    }
    Ok(Reply::Envelope(reply))
}

pub(crate) fn file(call: &Call) -> Outcome {
    allowed(call)?;
    let refresh = call.subscription().config.export.status_refresh_seconds;
    let ready = call.subscription().with_jobs(|jobs, now_ms| {
        let job = jobs.find(kind_of(call), &call.client, call.part(0))?;
        let ready = job.status(now_ms, refresh) == "Completed" && !job.file_missing;
        let content_type = if job.format == "TSV" { "text/tab-separated-values" } else { "text/csv;charset=UTF-8" };
        ready.then(|| Some((job.content.clone()?, Arc::clone(&job.built), content_type))).flatten()
    });
    let Some((content, built, content_type)) = ready else {
        return Ok(Reply::Text(404, "File not found".to_owned()));
    };
    let mut total = built.get().map_or(0, |built| built.size);
    if let Some(share) = call.params.get("\0truncate").and_then(|share| share.parse::<f64>().ok()) {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a file size need not be exact"
        )]
        let limit = (total as f64 * share) as u64;
        total = crate::export::file::row_border(&content, limit);
    }
    let Some((start, end)) = byte_range(call.range.as_deref(), total) else {
        return Ok(Reply::Text(416, format!("bytes */{total}")));
    };
    let status = if call.range.is_some() { 206 } else { 200 };
    let reader = Reader::new(content, built, start, end);
    Ok(Reply::File(FileReply { reader, status, start, end, total, content_type }))
}

/// First byte and the one after the last; `None` beyond the file.
fn byte_range(header: Option<&str>, total: u64) -> Option<(u64, u64)> {
    let Some(spec) = header.and_then(|header| header.trim().strip_prefix("bytes=")) else { return Some((0, total)) };
    let (first, last) = spec.split_once('-')?;
    if first.is_empty() {
        let tail: u64 = last.parse().ok()?;
        return Some((total.saturating_sub(tail), total));
    }
    let first: u64 = first.parse().ok()?;
    let end = if last.is_empty() { total } else { last.parse::<u64>().ok()?.saturating_add(1).min(total) };
    (first < total && first < end).then_some((first, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_ranges_are_cut_at_the_end_and_refused_beyond_it() {
        assert_eq!(byte_range(None, 10), Some((0, 10)));
        assert_eq!(byte_range(Some("bytes=0-0"), 10), Some((0, 1)));
        assert_eq!(byte_range(Some("bytes=4-"), 10), Some((4, 10)));
        assert_eq!(byte_range(Some("bytes=4-99"), 10), Some((4, 10)));
        assert_eq!(byte_range(Some("bytes=-3"), 10), Some((7, 10)));
        assert_eq!(byte_range(Some("bytes=10-"), 10), None);
        assert_eq!(byte_range(Some("bytes=7-3"), 10), None);
    }
}
