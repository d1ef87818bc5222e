//! Bulk exports of people: the port `MarketoExports`. Must not know how windows are chosen or where a file goes.

use std::io::Read;

use async_trait::async_trait;
use bytes::Bytes;
use domain::ports::{ExportFile, ExportFilter, ExportId, ExportRows, ExportStatus, MarketoExports};
use domain::{Failure, FailureKind};
use futures_util::stream::BoxStream;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::MarketoClient;
use crate::classify::Spot;
use crate::envelope::Expect;
use crate::request::Request;
use crate::routes::{self, Route};
use crate::rows::Rows;
use crate::{times, values};

#[derive(Deserialize)]
struct WireJob {
    #[serde(rename = "exportId")]
    export_id: Option<String>,
    status: Option<String>,
    #[serde(rename = "numberOfRecords")]
    number_of_records: Option<u64>,
    #[serde(rename = "fileSize")]
    file_size: Option<u64>,
    #[serde(rename = "fileChecksum")]
    file_checksum: Option<String>,
}

#[async_trait]
impl MarketoExports for MarketoClient {
    async fn create_export(&self, filter: &ExportFilter, fields: &[String]) -> Result<ExportId, Failure> {
        let body = json!({ "format": "CSV", "fields": fields, "filter": wire_filter(filter) });
        let request = Request::post_json(routes::EXPORT_CREATE, Expect::Result, body).naming(fields);
        let job = self.job(routes::EXPORT_CREATE, &request).await?;
        let id = job.export_id.filter(|id| !id.is_empty());
        id.map(ExportId).ok_or_else(|| self.inner.spot(routes::EXPORT_CREATE).nonsense("the job has no exportId"))
    }

    async fn enqueue_export(&self, job: &ExportId) -> Result<(), Failure> {
        let request = Request::export(routes::EXPORT_ENQUEUE, Expect::Result, &job.0)?;
        self.inner.call(&request).await.map(drop)
    }

    async fn export_status(&self, job: &ExportId) -> Result<ExportStatus, Failure> {
        let request = Request::export(routes::EXPORT_STATUS, Expect::Result, &job.0)?;
        let wire = self.job(routes::EXPORT_STATUS, &request).await?;
        let spot = self.inner.spot(routes::EXPORT_STATUS);
        if wire.export_id.as_ref().is_some_and(|id| *id != job.0) {
            return Err(spot.nonsense("the answer is about another export job"));
        }
        status(spot, wire)
    }

    async fn export_file(
        &self,
        job: &ExportId,
        from: u64,
    ) -> Result<BoxStream<'static, Result<Bytes, Failure>>, Failure> {
        let request = Request::export(routes::EXPORT_FILE, Expect::Success, &job.0)?.starting_at(from);
        Ok(self.inner.open(&request).await?.into_stream())
    }

    async fn cancel_export(&self, job: &ExportId) -> Result<(), Failure> {
        let request = Request::export(routes::EXPORT_CANCEL, Expect::Success, &job.0)?;
        self.inner.call(&request).await.map(drop)
    }

    fn export_rows(&self, file: Box<dyn Read + Send>, fields: &[String]) -> ExportRows {
        Box::new(Rows::new(file, fields))
    }
}

impl MarketoClient {
    /// The one job that an answer is about.
    async fn job(&self, route: Route, request: &Request) -> Result<WireJob, Failure> {
        let envelope = self.inner.call(request).await?;
        let spot = self.inner.spot(route);
        let jobs = values::items::<WireJob>(spot, envelope.result.unwrap_or_default())?;
        jobs.into_iter().next().ok_or_else(|| spot.nonsense("the answer names no export job"))
    }
}

fn wire_filter(filter: &ExportFilter) -> Value {
    match filter {
        ExportFilter::CreatedAt { start, end } => {
            json!({ "createdAt": { "startAt": times::iso(*start), "endAt": times::iso(*end) } })
        }
        ExportFilter::SmartListId { id } => json!({ "smartListId": id }),
        ExportFilter::SmartListName { name } => json!({ "smartListName": name }),
    }
}

fn status(spot: Spot<'_>, wire: WireJob) -> Result<ExportStatus, Failure> {
    let status = wire.status.unwrap_or_default();
    match status.to_ascii_lowercase().as_str() {
        "created" | "queued" | "processing" => Ok(ExportStatus::Pending),
        "completed" => match (wire.number_of_records, wire.file_size) {
            (Some(records), Some(bytes)) => {
                let sha256 = wire.file_checksum.as_deref().and_then(sha256);
                Ok(ExportStatus::Completed(ExportFile { records, bytes, sha256 }))
            }
            _ => Err(spot.nonsense("a completed job has no numberOfRecords or no fileSize")),
        },
        "failed" => {
            // Its errorMsg may quote a person's values.
            Ok(ExportStatus::Failed("Marketo says the job failed".to_owned()))
        }
        // Both spellings occur.
        "canceled" | "cancelled" => Ok(ExportStatus::Failed("the job was cancelled".to_owned())),
        _ => Err(spot.failure(FailureKind::BadAnswer, "the job has a status that is not documented")),
    }
}

/// The hex digits of `sha256:<hex>`.
fn sha256(text: &str) -> Option<String> {
    let (scheme, hex) = text.trim().split_once(':')?;
    let whole = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    (scheme.eq_ignore_ascii_case("sha256") && whole).then(|| hex.to_ascii_lowercase())
}
