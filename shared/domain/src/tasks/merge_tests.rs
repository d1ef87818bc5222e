//! The cases of the merge, one a line, and the table of them that the documentation shows: `conflicts.md` is written from here, and the test says
//! how where it is not as it should be.

use std::collections::BTreeSet;
use std::fmt::Write;

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};

use super::merge::{Act, Around, Found, merge};
use super::task::{Agreed, Deletion, Link, Sending, Sent, Side, Task, TaskId};
use super::values::{Field, Priority, Progress, Values};
use crate::ports::{ReminderRecord, ReminderValues};

/// What happened on a side since both agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Nothing,
    Name(&'static str),
    Due(i8),
    Complete,
    Open,
    /// Salesforce's own words for open, and for a priority that is not high.
    Waiting,
    Low,
    High,
    Delete,
}

impl Change {
    fn words(self) -> String {
        match self {
            Self::Nothing => "nothing".into(),
            Self::Name(name) => format!("name becomes “{name}”"),
            Self::Due(day) => format!("due date becomes July {day}"),
            Self::Complete => "completed".into(),
            Self::Open => "opened again".into(),
            Self::Waiting => "status becomes another open one".into(),
            Self::Low => "priority becomes Low".into(),
            Self::High => "priority becomes high".into(),
            Self::Delete => "deleted".into(),
        }
    }
}

/// A case: what happened here and there, which was later, and what both sides say in the end.
struct Case {
    was: Progress,
    here: &'static [Change],
    there: &'static [Change],
    later: Side,
    ends: &'static str,
}

const fn case(here: &'static [Change], there: &'static [Change], later: Side, ends: &'static str) -> Case {
    Case { was: Progress::Open, here, there, later, ends }
}

const fn of_complete(here: &'static [Change], there: &'static [Change], later: Side, ends: &'static str) -> Case {
    Case { was: Progress::Complete, here, there, later, ends }
}

const CASES: &[Case] = &[
    case(&[Change::Nothing], &[Change::Nothing], Side::Actions, "nothing is written"),
    case(&[Change::Name("A")], &[Change::Nothing], Side::Actions, "Salesforce takes the name"),
    case(&[Change::Nothing], &[Change::Name("S")], Side::Salesforce, "Actions takes the name"),
    case(&[Change::Name("A")], &[Change::Name("A")], Side::Salesforce, "nothing is written"),
    case(&[Change::Name("A")], &[Change::Name("S")], Side::Actions, "Salesforce takes the name"),
    case(&[Change::Name("A")], &[Change::Name("S")], Side::Salesforce, "Actions takes the name"),
    case(
        &[Change::Name("A")],
        &[Change::Due(9)],
        Side::Actions,
        "Actions takes the due date, Salesforce takes the name",
    ),
    case(
        &[Change::Name("A")],
        &[Change::Due(9)],
        Side::Salesforce,
        "Actions takes the due date, Salesforce takes the name",
    ),
    case(&[Change::Complete], &[Change::Nothing], Side::Actions, "Salesforce takes the status"),
    case(&[Change::Nothing], &[Change::Complete], Side::Salesforce, "Actions takes the status"),
    case(&[Change::Complete], &[Change::Complete], Side::Salesforce, "nothing is written"),
    case(
        &[Change::Complete],
        &[Change::Name("S")],
        Side::Salesforce,
        "Actions takes the name, Salesforce takes the status",
    ),
    case(
        &[Change::Name("A")],
        &[Change::Complete],
        Side::Actions,
        "Actions takes the status, Salesforce takes the name",
    ),
    case(&[Change::Complete], &[Change::Waiting], Side::Salesforce, "Salesforce takes the status"),
    case(&[Change::Nothing], &[Change::Waiting], Side::Salesforce, "nothing is written"),
    case(&[Change::Name("A")], &[Change::Waiting], Side::Salesforce, "Salesforce takes the name"),
    case(&[Change::Nothing], &[Change::Low], Side::Salesforce, "nothing is written"),
    case(&[Change::High], &[Change::Low], Side::Salesforce, "Salesforce takes the priority"),
    of_complete(&[Change::Open], &[Change::Nothing], Side::Actions, "Salesforce takes the status"),
    of_complete(&[Change::Nothing], &[Change::Open], Side::Salesforce, "Actions takes the status"),
    of_complete(
        &[Change::Open],
        &[Change::Name("S")],
        Side::Salesforce,
        "Actions takes the name, Salesforce takes the status",
    ),
    of_complete(&[Change::Open], &[Change::Open], Side::Salesforce, "nothing is written"),
    case(&[Change::Delete], &[Change::Nothing], Side::Actions, "deleted in Salesforce"),
    case(&[Change::Nothing], &[Change::Delete], Side::Salesforce, "deleted in Actions"),
    case(&[Change::Delete], &[Change::Delete], Side::Actions, "deleted on both sides"),
    case(&[Change::Delete], &[Change::Name("S")], Side::Actions, "Actions has it again, Actions takes the name"),
    case(&[Change::Delete], &[Change::Complete], Side::Salesforce, "Actions has it again, Actions takes the status"),
    case(&[Change::Delete], &[Change::Waiting], Side::Salesforce, "Actions has it again"),
    case(&[Change::Name("A")], &[Change::Delete], Side::Salesforce, "made again in Salesforce"),
    case(&[Change::Complete], &[Change::Delete], Side::Salesforce, "made again in Salesforce"),
    case(&[Change::Nothing], &[Change::Name("S"), Change::Delete], Side::Salesforce, "deleted in Actions"),
    case(&[Change::Delete], &[Change::Name("S"), Change::Delete], Side::Salesforce, "deleted on both sides"),
    of_complete(&[Change::Open], &[Change::Delete], Side::Salesforce, "made again in Salesforce"),
    of_complete(&[Change::Delete], &[Change::Open], Side::Salesforce, "Actions has it again, Actions takes the status"),
];

const AGREED: i64 = 1_000;
const EARLIER: i64 = 1_200;
const LATER: i64 = 1_400;
/// By how much Salesforce's clock is ahead.
const AHEAD: SignedDuration = SignedDuration::from_secs(5_000);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn there_at(second: i64) -> Timestamp {
    at(second).checked_add(AHEAD).unwrap()
}

fn values(status: Progress) -> (Values, ReminderValues) {
    let here = Values { name: "N".into(), status, owner: Some("ana@example.com".into()), ..Values::default() };
    let closed = status == Progress::Complete;
    let there = ReminderValues {
        subject: Some("N".into()),
        status: Some(if closed { "Completed" } else { "Not Started" }.into()),
        closed,
        priority: Some("Normal".into()),
        owner: Some("005".into()),
        ..ReminderValues::default()
    };
    (here, there)
}

fn stage(was: Progress) -> (Task, ReminderRecord) {
    let (here, there) = values(was);
    let mut task = Task::new(TaskId::new(1), Side::Actions, at(AGREED));
    task.values = here.clone();
    task.link = Some(Link::new("00T".into(), None, Agreed { here, there: there.clone() }, there_at(AGREED)));
    let record = ReminderRecord {
        id: "00T".into(),
        key: Some(task.id.key()),
        values: there,
        owner_email: Some("ana@example.com".into()),
        who: None,
        recurring: false,
        deleted: false,
        modified: there_at(AGREED),
        stamp: there_at(AGREED),
    };
    (task, record)
}

fn happens_here(task: &mut Task, change: Change, when: Timestamp) {
    let mut new = task.values.clone();
    let field = match change {
        Change::Nothing => return,
        Change::Delete => return task.delete(when, Side::Actions),
        Change::Name(name) => {
            new.name = name.into();
            Field::Name
        }
        Change::Due(day) => {
            new.due = Some(date(2026, 7, day));
            Field::Due
        }
        Change::Complete | Change::Open | Change::Waiting => {
            new.status = if change == Change::Complete { Progress::Complete } else { Progress::Open };
            Field::Status
        }
        Change::Low | Change::High => {
            new.priority = if change == Change::High { Priority::High } else { Priority::Normal };
            Field::Priority
        }
    };
    task.say(field, &new, when, Side::Actions);
}

fn happens_there(record: &mut ReminderRecord, change: Change, when: Timestamp) {
    let there = &mut record.values;
    match change {
        Change::Nothing => return,
        Change::Delete => record.deleted = true,
        Change::Name(name) => there.subject = Some(name.into()),
        Change::Due(day) => there.due = Some(date(2026, 7, day)),
        Change::Complete => (there.status, there.closed) = (Some("Completed".into()), true),
        Change::Open => (there.status, there.closed) = (Some("Not Started".into()), false),
        Change::Waiting => (there.status, there.closed) = (Some("Waiting on someone else".into()), false),
        Change::Low => (there.priority, there.high) = (Some("Low".into()), false),
        Change::High => (there.priority, there.high) = (Some("High".into()), true),
    }
    (record.modified, record.stamp) = (when, when);
}

fn around() -> Around<'static> {
    Around { ahead: AHEAD, read_at: there_at(LATER), template: "{{activity_subject}}", person: None }
}

fn outcome(case: &Case) -> String {
    let (mut task, mut record) = stage(case.was);
    let (here, there) = if case.later == Side::Actions { (LATER, EARLIER) } else { (EARLIER, LATER) };
    case.here.iter().for_each(|change| happens_here(&mut task, *change, at(here)));
    case.there.iter().for_each(|change| happens_there(&mut record, *change, there_at(there)));
    let merged = merge(&task, Found::Record(&record), &around());
    let names = |fields: &BTreeSet<Field>| fields.iter().map(|field| field.name()).collect::<Vec<_>>().join(" and ");
    let mut says = Vec::new();
    match (task.deleted, merged.task.deleted) {
        (Some(_), None) => says.push("Actions has it again".to_owned()),
        (None, Some(_)) => says.push("deleted in Actions".to_owned()),
        (Some(_), Some(_)) if merged.act == Act::Nothing => says.push("deleted on both sides".to_owned()),
        _ => {}
    }
    if !merged.took.is_empty() {
        says.push(format!("Actions takes the {}", names(&merged.took)));
    }
    match &merged.act {
        Act::Nothing => {}
        Act::Give(fields) => says.push(format!("Salesforce takes the {}", names(fields))),
        Act::Create => says.push("made again in Salesforce".to_owned()),
        Act::Delete => says.push("deleted in Salesforce".to_owned()),
        Act::Later => says.push("later".to_owned()),
    }
    if says.is_empty() { "nothing is written".to_owned() } else { says.join(", ") }
}

#[test]
fn every_case_ends_as_its_line_says() {
    for case in CASES {
        assert_eq!(outcome(case), case.ends, "{:?} here, {:?} there, later: {:?}", case.here, case.there, case.later);
    }
}

/// The table of the documentation.
fn table() -> String {
    let mut table =
        String::from("\n| before | in Actions | in Salesforce | later | outcome |\n|---|---|---|---|---|\n");
    for case in CASES {
        let words =
            |changes: &[Change]| changes.iter().map(|change| change.words()).collect::<Vec<_>>().join(", then ");
        let was = if case.was == Progress::Complete { "complete" } else { "open" };
        let one_sided = case.here == [Change::Nothing] || case.there == [Change::Nothing];
        let later = if one_sided {
            ""
        } else if case.later == Side::Actions {
            "Actions"
        } else {
            "Salesforce"
        };
        let _ = writeln!(table, "| {was} | {} | {} | {later} | {} |", words(case.here), words(case.there), case.ends);
    }
    table
}

#[test]
fn the_documentation_shows_these_cases() {
    assert_eq!(include_str!("conflicts.md"), table(), "conflicts.md is to hold the text on the right");
}

#[test]
fn an_echo_of_what_was_sent_is_no_change_of_somebody() {
    // The completion was sent, its answer was lost, and it is opened again here.
    let (mut task, mut record) = stage(Progress::Open);
    let complete = Values { status: Progress::Complete, ..task.values.clone() };
    let link = task.link.as_mut().unwrap();
    link.sending.note(Sent { here: complete, fields: [(Field::Status, Some("Completed".into()))].into() });
    happens_there(&mut record, Change::Complete, there_at(EARLIER));
    let merged = merge(&task, Found::Record(&record), &around());
    assert_eq!((merged.act, merged.task.values.status), (Act::Give([Field::Status].into()), Progress::Open));
    // Without the note it would be the completion of somebody there.
    task.link.as_mut().unwrap().sending = Sending::default();
    assert_eq!(merge(&task, Found::Record(&record), &around()).task.values.status, Progress::Complete);
}

#[test]
fn what_is_older_than_what_is_known_is_left_for_later() {
    let (mut task, mut record) = stage(Progress::Open);
    happens_there(&mut record, Change::Name("old"), there_at(AGREED));
    let link = task.link.as_mut().unwrap();
    link.written_at = Some(there_at(AGREED));
    assert_eq!(merge(&task, Found::Record(&record), &around()).act, Act::Later);
    task.link.as_mut().unwrap().seen = there_at(AGREED + 1);
    assert_eq!(merge(&task, Found::Record(&record), &around()).act, Act::Later);
    record.modified = there_at(AGREED + 2);
    assert_eq!(merge(&task, Found::Record(&record), &around()).task.values.name, "old");
    record.modified = there_at(AGREED);
    task.link.as_mut().unwrap().seen = there_at(AGREED);
    let much_later = Around { read_at: there_at(AGREED + 700), ..around() };
    assert_eq!(merge(&task, Found::Record(&record), &much_later).task.values.name, "old", "nothing shows so late");
}

#[test]
fn what_is_gone_there_stays_here_until_somebody_edits_it() {
    let (mut task, _) = stage(Progress::Open);
    let merged = merge(&task, Found::Nothing, &around());
    assert_eq!((merged.act, merged.task.deleted, merged.task.sfdc_id()), (Act::Nothing, None, None));
    happens_here(&mut task, Change::Name("A"), at(LATER));
    assert_eq!(merge(&task, Found::Nothing, &around()).act, Act::Create);
    task.delete(at(LATER), Side::Actions);
    assert_eq!(merge(&task, Found::Nothing, &around()).act, Act::Nothing);
}

#[test]
fn a_deletion_of_ours_that_met_an_edit_is_taken_back() {
    let (mut task, mut record) = stage(Progress::Open);
    task.delete(at(EARLIER), Side::Actions);
    task.link.as_mut().unwrap().sending.deletion = true;
    happens_there(&mut record, Change::Name("S"), there_at(EARLIER));
    happens_there(&mut record, Change::Delete, there_at(LATER));
    let merged = merge(&task, Found::Record(&record), &around());
    assert_eq!((merged.act, merged.task.deleted, merged.task.values.name.as_str()), (Act::Create, None, "S"));
}

#[test]
fn what_is_taken_out_of_the_recycle_bin_is_here_again() {
    let (mut task, record) = stage(Progress::Open);
    task.delete(at(EARLIER), Side::Salesforce);
    task.link.as_mut().unwrap().deleted = true;
    let merged = merge(&task, Found::Record(&record), &around());
    assert_eq!((merged.act, merged.task.deleted), (Act::Nothing, None::<Deletion>));
    assert_eq!(merged.task.sfdc_id(), Some("00T"));
}

#[test]
fn a_series_is_left_alone() {
    let (mut task, mut record) = stage(Progress::Open);
    record.recurring = true;
    happens_here(&mut task, Change::Name("A"), at(LATER));
    happens_there(&mut record, Change::Due(9), there_at(LATER));
    let merged = merge(&task, Found::Record(&record), &around());
    assert_eq!((merged.act, merged.task), (Act::Nothing, task));
}

#[test]
fn a_queue_as_the_owner_changes_nothing_here() {
    let (task, mut record) = stage(Progress::Open);
    (record.values.owner, record.owner_email) = (Some("00G".into()), None);
    record.modified = there_at(LATER);
    let merged = merge(&task, Found::Record(&record), &around());
    assert_eq!((merged.act, merged.task.values), (Act::Nothing, task.values));
}
