//! The client against the stateful simulator, which was written from the vendor's documentation by its own reading: what the one takes
//! for granted the other may not know. The simulator's clock stands still but for the client's pauses.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use domain::people::MarketoId;
use domain::ports::{
    ActivityKind, ActivityPage, Clock, ExportFile, ExportFilter, ExportId, ExportStatus, MarketoChanges,
    MarketoExports, MarketoPeople, PagingToken,
};
use domain::{Failure, FailureKind};
use futures_util::StreamExt;
use marketo::{BaseUrl, MarketoClient, MarketoConfig, PlainCredentials};
use simulator_marketo::{ChangeSet, Config, Fault, FaultAction, Limits};

use crate::simulated::{Middle, Set, set};
use crate::support::{FakeBudget, SECRET, at, names};

const FIELDS: [&str; 5] = ["id", "firstName", "lastName", "email", "company"];
const MOST_PAGES: usize = 500;

impl Set {
    async fn finished(&self, filter: &ExportFilter) -> (ExportId, ExportFile) {
        let job = self.client.create_export(filter, &names(&FIELDS)).await.unwrap();
        assert_eq!(self.client.export_status(&job).await, Ok(ExportStatus::Pending));
        self.client.enqueue_export(&job).await.unwrap();
        self.client.enqueue_export(&job).await.unwrap();
        for _ in 0..100 {
            if let ExportStatus::Completed(file) = self.client.export_status(&job).await.unwrap() {
                return (job, file);
            }
            self.clock.sleep(Duration::from_secs(5)).await;
        }
        panic!("the job does not finish");
    }

    /// The whole file, taken up again wherever it breaks.
    async fn download(&self, job: &ExportId, file: &ExportFile) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..10 {
            let mut stream = self.client.export_file(job, bytes.len() as u64).await.unwrap();
            while let Some(Ok(chunk)) = stream.next().await {
                bytes.extend_from_slice(&chunk);
            }
            if bytes.len() as u64 == file.bytes {
                break;
            }
        }
        assert_eq!(bytes.len() as u64, file.bytes);
        bytes
    }
}

fn everyone() -> ExportFilter {
    ExportFilter::CreatedAt { start: at("2026-06-02T00:00:00Z"), end: at("2026-07-02T00:00:00Z") }
}

#[tokio::test]
async fn an_export_and_a_read_agree() {
    let set = set(Config { people: 900, null_name_share: 0.0, nul_byte_share: 0.0, ..Config::default() }).await;
    let known = set.client.lead_fields().await.unwrap();
    assert!(FIELDS.iter().all(|field| known.iter().any(|name| name == field)), "{known:?}");
    assert!(set.client.oldest_folder().await.unwrap() < set.client.now());

    let (job, file) = set.finished(&everyone()).await;
    assert_eq!((file.records, file.sha256.as_ref().map(String::len)), (900, Some(64)));
    let drops = [5_000, 1, 20_000]
        .map(|bytes| Fault::once("GET /bulk/v1/leads/export/{exportId}/file.json", FaultAction::Drop(bytes)));
    set.simulator.world().set_faults(drops.into());
    let bytes = set.download(&job, &file).await;

    let rows: Result<Vec<_>, Failure> = set.client.export_rows(Box::new(Cursor::new(bytes)), &names(&FIELDS)).collect();
    let exported: BTreeMap<_, _> = rows.unwrap().into_iter().map(|row| (row.record.id, row.record)).collect();
    assert_eq!(exported.len(), 900);
    let ids: Vec<MarketoId> = exported.keys().copied().collect();
    for chunk in ids.chunks(300) {
        let read = set.client.people_by_ids(chunk, &names(&FIELDS)).await.unwrap();
        assert_eq!(read.len(), chunk.len());
        for person in read {
            assert_eq!(exported[&person.id], person);
        }
        set.client.opportunity_roles(chunk).await.unwrap();
    }
    let first = exported.values().find_map(|record| record.values.get(3).map(str::to_owned)).unwrap();
    assert!(!set.client.ids_by_email(&first).await.unwrap().is_empty());
    assert_counts(&set);
}

/// Both sides count the same.
fn assert_counts(set: &Set) {
    let (ours, theirs) = (set.client.stats(), set.simulator.world().stats());
    assert_eq!(ours.by_endpoint, theirs.by_endpoint);
    assert_eq!(ours.calls, theirs.calls);
}

type Stream<'a> = futures_util::future::BoxFuture<'a, Result<ActivityPage, Failure>>;

async fn drain<'a>(from: &PagingToken, read: impl Fn(PagingToken) -> Stream<'a>) -> Vec<(MarketoId, ActivityKind)> {
    let mut found = Vec::new();
    let mut token = from.clone();
    for _ in 0..MOST_PAGES {
        let mut page = read(token.clone()).await.unwrap();
        if !page.listed {
            page = read(token).await.unwrap();
        }
        found.extend(page.activities.into_iter().map(|activity| (activity.person, activity.kind)));
        if !page.more {
            return found;
        }
        token = page.next;
    }
    panic!("the stream does not end");
}

/// Something that goes wrong once, after some calls of the streams went well.
fn after(calls: u64, action: FaultAction) -> Fault {
    Fault::once("GET /rest/v1/activities*", action).after(calls)
}

#[tokio::test]
async fn every_change_comes_in_its_stream_in_spite_of_faults() {
    let set = set(Config { people: 5_000, token_life_seconds: 40, limits: Limits::none(), ..Config::default() }).await;
    let world = set.simulator.world();
    let from = set.client.paging_token(set.client.now()).await.unwrap();
    world.advance(60);
    let changes = ChangeSet {
        changed: 4_000,
        created: 20,
        deleted: 15,
        merged: 10,
        owners_lost: 10,
        partitions: 5,
        ..ChangeSet::default()
    };
    let changed = world.change(&ChangeSet { opportunities: 5, ..changes });
    world.advance(60);
    world.set_faults(
        [
            after(0, FaultAction::NoResult),
            after(7, FaultAction::EmptyBody).times(2),
            after(10, FaultAction::BadJson),
            after(12, FaultAction::Error("606".to_owned(), "Max rate limit".to_owned())),
            after(14, FaultAction::Drop(0)),
            after(16, FaultAction::Drop(100)),
            after(18, FaultAction::Status(503, Some(3))),
        ]
        .into(),
    );

    let client = &set.client;
    let fields = names(&["firstName", "lastName", "email", "phone", "company", "title", "leadSource"]);
    let fields = &fields;
    let streams = [
        drain(&from, |token| Box::pin(async move { client.field_changes(&token, fields).await })).await,
        drain(&from, |token| Box::pin(async move { client.person_activities(&token).await })).await,
        drain(&from, |token| Box::pin(async move { client.deletions(&token).await })).await,
        drain(&from, |token| Box::pin(async move { client.new_people(&token).await })).await,
    ];
    let of = |stream: usize, wanted: fn(&ActivityKind) -> bool| -> BTreeSet<i64> {
        streams[stream].iter().filter(|(_, kind)| wanted(kind)).map(|(person, _)| person.0).collect()
    };
    let created: BTreeSet<i64> = changed.created.iter().copied().collect();
    assert!(of(0, |kind| *kind == ActivityKind::NewPerson).is_superset(&created));
    assert_eq!(of(3, |kind| *kind == ActivityKind::NewPerson), created);
    let merged: BTreeSet<(i64, i64)> = streams[1].iter().flat_map(|(person, kind)| pairs(*person, kind)).collect();
    assert_eq!(merged, changed.merged.iter().copied().collect());
    assert!(of(2, |kind| *kind == ActivityKind::Deletion).is_superset(&changed.deleted.iter().copied().collect()));
    let partitions: BTreeSet<i64> = changed.partitions.iter().copied().collect();
    assert!(of(1, |kind| *kind == ActivityKind::PartitionChange).is_superset(&partitions));
    assert!(world.stats().faults_struck == 8, "{:?}", world.stats());
}

fn pairs(survivor: MarketoId, kind: &ActivityKind) -> Vec<(i64, i64)> {
    match kind {
        ActivityKind::Merge(losers) => losers.iter().map(|loser| (survivor.0, loser.0)).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn limits_are_met_with_patience_or_named() {
    let set = set(Config { people: 10, ..Config::default() }).await;
    for _ in 0..150 {
        set.client.lead_fields().await.unwrap();
    }
    let stats = set.simulator.world().stats();
    assert!(stats.rejected.contains_key("606"), "{stats:?}");
    assert_counts(&set);

    let usage = set.client.usage().await.unwrap();
    let limits = Limits { calls_per_day: usage, ..set.simulator.world().limits() };
    set.simulator.world().set_limits(limits);
    let failure = set.client.lead_fields().await.unwrap_err();
    assert_eq!((failure.kind, failure.until), (FailureKind::DailyCalls, Some(at("2026-07-02T05:00:00Z"))));
}

#[tokio::test]
async fn wrong_credentials() {
    let set = set(Config { people: 1, ..Config::default() }).await;
    let base_url = BaseUrl::parse(&set.simulator.base_url()).unwrap();
    let wrong = MarketoConfig { base_url, credentials: PlainCredentials::shared("somebody", SECRET), max_in_flight: 1 };
    let client = MarketoClient::new(wrong, set.clock.clone(), Arc::new(Middle), Arc::new(FakeBudget::default()));
    assert_eq!(client.lead_fields().await.unwrap_err().kind, FailureKind::BadCredentials);
}
