//! What every table of reminder tasks must do: revisions, what it refuses, what it keeps, and what it lists.

use std::collections::BTreeSet;

use domain::people::MarketoId;
use domain::ports::{PutOutcome, ReminderValues, Shelf, TaskTable, TaskWrite};
use domain::tasks::{
    Agreed, Announcement, Deletion, Field, Kind, Link, Priority, Progress, Sending, Sent, Side, Task, TaskId, Values,
};
use domain::{FailureKind, Push, Timestamp, Trouble};
use futures_util::future::join_all;
use jiff::civil::Date;

use super::people::instant;
use super::{fails, ok, people_values};

/// Runs the whole contract on an empty table.
///
/// # Panics
/// Where the table does not keep it.
pub async fn tasks(table: &dyn TaskTable) {
    lists_by_time(table).await;
    replaces_what_was_seen(table).await;
    lets_one_racer_win(table).await;
    refuses_what_cannot_be_stored(table).await;
    keeps_every_value(table).await;
    follows_the_tasks(table).await;
    scans_many(table).await;
}

fn id(name: &str) -> TaskId {
    TaskId::of(name).unwrap_or_else(|| panic!("{name}"))
}

/// A task that is due from an instant on, in milliseconds since 1970.
fn task(name: &str, due: i64) -> Task {
    let mut task = Task::new(id(name), Side::Actions, instant(1));
    task.due(instant(due));
    task
}

async fn put(table: &dyn TaskTable, task: &Task, seen: Option<u64>) -> PutOutcome {
    ok(table.put(vec![TaskWrite { task: task.clone(), seen }]).await)[0]
}

async fn get(table: &dyn TaskTable, names: &[&str]) -> Vec<Task> {
    let ids: Vec<_> = names.iter().map(|name| id(name)).collect();
    let mut tasks = ok(table.get(&ids).await);
    tasks.sort_by(|a, b| a.id.cmp(&b.id));
    tasks
}

fn at(rev: u64, task: &Task) -> Task {
    Task { rev, ..task.clone() }
}

async fn listed(table: &dyn TaskTable, shelf: Shelf, until: Timestamp, limit: usize) -> Vec<(String, i64)> {
    let found = ok(table.shelf(shelf, until, None, limit).await);
    found.into_iter().map(|place| (place.id.as_str().to_owned(), place.at.as_millisecond())).collect()
}

async fn lists_by_time(table: &dyn TaskTable) {
    assert_eq!(listed(table, Shelf::Due, Timestamp::MAX, 10).await, [], "the contract needs an empty table");
    for (name, due) in [("c", 30), ("a", 10), ("b", 20)] {
        assert_eq!(put(table, &task(name, due), None).await, PutOutcome::Stored);
    }
    let all = [("a", 10), ("b", 20), ("c", 30)].map(|(name, due)| (name.to_owned(), due));
    assert_eq!(listed(table, Shelf::Due, Timestamp::MAX, usize::MAX).await, all);
    assert_eq!(listed(table, Shelf::Due, instant(20), 10).await, all[..2], "up to the bound and at it");
    assert_eq!(listed(table, Shelf::Due, Timestamp::MAX, 2).await, all[..2]);
    assert_eq!(listed(table, Shelf::Rejected, Timestamp::MAX, 10).await, []);
    let first = ok(table.shelf(Shelf::Due, Timestamp::MAX, None, 1).await);
    let rest = ok(table.shelf(Shelf::Due, Timestamp::MAX, first.last(), 10).await);
    assert_eq!(rest.into_iter().map(|place| place.id).collect::<Vec<_>>(), [id("b"), id("c")], "behind the first");
}

async fn replaces_what_was_seen(table: &dyn TaskTable) {
    assert_eq!(ok(table.get(&[]).await), []);
    let first = task("once", 1_000);
    assert_eq!(put(table, &first, Some(1)).await, PutOutcome::Conflict, "there is nothing to replace");
    assert_eq!(put(table, &first, None).await, PutOutcome::Stored);
    assert_eq!(get(table, &["once", "once", "never"]).await, [at(1, &first)]);
    let mut second = first.clone();
    second.settled();
    assert_eq!(put(table, &second, None).await, PutOutcome::Conflict, "it is there already");
    assert_eq!(put(table, &second, Some(1)).await, PutOutcome::Stored);
    assert_eq!(put(table, &first, Some(1)).await, PutOutcome::Conflict, "that revision is gone");
    assert_eq!(get(table, &["once"]).await, [at(2, &second)]);
}

async fn lets_one_racer_win(table: &dyn TaskTable) {
    for seen in [None, Some(1), Some(2)] {
        let racers: Vec<_> = (1..=8).map(|n| task("race", n * 1_000)).collect();
        let outcomes = join_all(racers.iter().map(|task| put(table, task, seen))).await;
        let winners: Vec<_> = outcomes.iter().zip(&racers).filter(|(o, _)| **o == PutOutcome::Stored).collect();
        assert_eq!(winners.len(), 1, "of writers that saw {seen:?}, one wins: {outcomes:?}");
        assert_eq!(get(table, &["race"]).await, [at(seen.unwrap_or(0) + 1, winners[0].1)]);
    }
}

async fn refuses_what_cannot_be_stored(table: &dyn TaskTable) {
    let beside = || TaskWrite { task: task("beside", 1_000), seen: None };
    let twice = TaskWrite { task: task("twice", 1_000), seen: None };
    fails(table.put(vec![beside(), twice.clone(), twice]).await, FailureKind::BadRequest);
    let mut large = task("large", 1_000);
    large.values.details = Some("d".repeat(390 * 1024));
    fails(table.put(vec![beside(), TaskWrite { task: large, seen: None }]).await, FailureKind::BadRequest);
    assert_eq!(get(table, &["beside", "twice", "large"]).await, [], "nothing of a refused put is written");
}

async fn keeps_every_value(table: &dyn TaskTable) {
    for (n, text) in people_values::texts().iter().enumerate() {
        let some = || Some(text.clone());
        let values = Values {
            name: text.clone(),
            status: Progress::Complete,
            priority: Priority::High,
            due: Some(Date::MAX),
            details: some(),
            owner: some(),
        };
        let mut there = ReminderValues { closed: true, high: true, ..ReminderValues::default() };
        for field in Field::ALL {
            there.put_text(field, if field == Field::Due { Some("2026-02-28".to_owned()) } else { some() });
        }
        let sent = Sent { here: values.clone(), fields: Field::ALL.map(|field| (field, some())).into() };
        let mut task = task(&format!("value-{n}"), 1_000);
        (task.kind, task.origin, task.shared) = (Kind::InMail, Side::Salesforce, true);
        (task.person, task.opened) = (Some(MarketoId(i64::MAX)), Some(instant(3)));
        task.changed = Field::ALL.map(|field| (field, Timestamp::MAX)).into();
        task.deleted = Some(Deletion { at: instant(4), by: Side::Salesforce });
        task.link = Some(Link {
            id: text.clone(),
            who: some(),
            agreed: Agreed { here: values.clone(), there },
            seen: Timestamp::MIN,
            written_at: Some(Timestamp::MAX),
            deleted: true,
            deleted_by_us: true,
            sending: Sending { updates: vec![sent.clone()], deletion: true },
        });
        (task.values, task.creating, task.trouble) = (values, Some(sent), Some(Trouble::new(text, text)));
        task.push = Push::Rejected { at: instant(10), attempts: u32::MAX };
        task.announce = Some(Announcement { at: instant(11), by: Side::Actions });
        for (seen, rev) in [(None, 1), (Some(1), 2)] {
            assert_eq!(put(table, &task, seen).await, PutOutcome::Stored);
            assert_eq!(get(table, &[task.id.as_str()]).await, [at(rev, &task)]);
        }
    }
}

/// A task is where its state says, and nowhere else.
async fn follows_the_tasks(table: &dyn TaskTable) {
    let mut now = task("moving", 5_000);
    put(table, &now, None).await;
    let states = [
        (Push::Due { at: instant(7_000), attempts: 1 }, Some((Shelf::Due, 7_000))),
        (Push::Rejected { at: instant(6_000), attempts: 2 }, Some((Shelf::Rejected, 6_000))),
        (Push::Done, None),
        (Push::Due { at: instant(9_000), attempts: 0 }, Some((Shelf::Due, 9_000))),
    ];
    for (rev, (push, expected)) in (1..).zip(states) {
        now.push = push;
        assert_eq!(put(table, &now, Some(rev)).await, PutOutcome::Stored);
        let mut found = Vec::new();
        for shelf in [Shelf::Due, Shelf::Rejected] {
            let all = listed(table, shelf, Timestamp::MAX, 1_000).await;
            found.extend(all.into_iter().filter(|(name, _)| name == "moving").map(|(_, due)| (shelf, due)));
        }
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    }
}

async fn scans_many(table: &dyn TaskTable) {
    let writes = (0..1_200).map(|n| TaskWrite { task: task(&format!("many-{n:04}"), 1_000), seen: None });
    assert_eq!(ok(table.put(writes.collect()).await), vec![PutOutcome::Stored; 1_200]);
    let (mut found, mut from) = (Vec::new(), None);
    loop {
        let (page, next) = ok(table.scan(from.as_ref()).await);
        found.extend(page.into_iter().map(|task| task.id));
        from = next;
        if from.is_none() {
            break;
        }
    }
    let distinct: BTreeSet<&TaskId> = found.iter().collect();
    assert_eq!(distinct.len(), found.len(), "each once");
    assert_eq!(found.iter().filter(|id| id.as_str().starts_with("many-")).count(), 1_200);
}
