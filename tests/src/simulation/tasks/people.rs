//! What people do to tasks on both sides, and what they said last. Must not know the rules.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use domain::Timestamp;
use domain::tasks::{Field, Progress, Side, Task, TaskId, Values};
use serde_json::{Map, Value, json};
use simulator_salesforce as s;

use super::super::storage::at_once;
use super::{Stage, text};
use crate::lock;

const KEY: &str = "Sales_Activity_Key__c";
/// The subject of tasks that log activities, which nobody may touch.
const LOGGED: &str = "logged";

/// A word about a field.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub text: Option<String>,
    /// Whether nothing went wrong any more when it was said.
    pub calm: bool,
}

/// What was said of a task.
#[derive(Debug, Default)]
pub(super) struct Sayings {
    /// The last word about each field, on either side.
    pub last: BTreeMap<Field, Said>,
    /// The last words on each side.
    of_side: BTreeMap<(bool, Field), Option<String>>,
    /// Whether somebody deleted it here, and there, and edited it here, and there.
    deleted: (bool, bool),
    edited: (bool, bool),
}

impl Sayings {
    /// What is lost of a task, or made up.
    pub fn lost(&self, id: &TaskId, row: Option<&Task>) -> Vec<String> {
        let Some(task) = row else {
            // One that was closed or deleted in Salesforce before anybody looked is taken in by nobody.
            return if id.as_str().starts_with("sf-") { Vec::new() } else { vec![format!("{id} was lost")] };
        };
        let deleted = task.deleted.is_some();
        if deleted && self.deleted == (false, false) {
            return vec![format!("{id} was deleted by nobody")];
        }
        let only_deleted =
            self.deleted.0 && !self.edited.1 && !self.deleted.1 || self.deleted.1 && !self.edited.0 && !self.deleted.0;
        if only_deleted && !deleted {
            return vec![format!("{id} was deleted by somebody, edited by nobody, and is there")];
        }
        if deleted || self.deleted != (false, false) {
            return Vec::new();
        }
        let made_up = |field: &Field| {
            let says = text_of(&task.values, *field);
            let said =
                [true, false].iter().any(|here| self.of_side.get(&(*here, *field)).is_some_and(|text| *text == says));
            let spoken = self.last.contains_key(field);
            (spoken && !said)
                .then(|| format!("{id}: {} is {says:?}, which nobody said last on either side", field.name()))
        };
        Field::ALL.iter().filter_map(made_up).collect()
    }

    fn say(&mut self, side: Side, field: Field, said: Said, is_news: bool) {
        self.of_side.insert((side == Side::Actions, field), said.text.clone());
        if is_news {
            self.last.insert(field, said);
        }
    }
}

/// A field as text, to compare.
pub(super) fn text_of(values: &Values, field: Field) -> Option<String> {
    match field {
        Field::Name => Some(values.name.clone()),
        Field::Status => Some(if values.status == Progress::Complete { "complete" } else { "open" }.to_owned()),
        Field::Priority => Some(format!("{:?}", values.priority).to_lowercase()),
        Field::Due => values.due.map(|due| due.to_string()),
        Field::Details => values.details.clone(),
        Field::Owner => values.owner.clone(),
    }
}

/// Whether a record logs an activity.
pub(super) fn is_of_others(record: &Value) -> bool {
    text(record, KEY).starts_with("activity-")
}

/// The task that a record belongs to.
pub(super) fn task_of(record: &Value) -> TaskId {
    TaskId::of_key(&text(record, KEY)).unwrap_or_else(|| TaskId::imported(&text(record, "Id")))
}

/// Whether a record of Salesforce's own has to be here, too.
pub(super) fn is_to_be_taken_in(record: &Value) -> bool {
    record[KEY].is_null() && record["IsClosed"] != true && !record["ActivityDate"].is_null()
}

/// A logged activity that somebody has touched.
pub(super) fn touched_of_others(world: &s::World) -> Option<String> {
    let touched = |record: &Value| text(record, "Subject") != LOGGED || record["IsDeleted"] == true;
    let records = world.records("Task");
    records
        .iter()
        .filter(|record| is_of_others(record))
        .find(|record| touched(record))
        .map(|record| format!("touched: {record}"))
}

impl Stage {
    pub(super) fn something_happens(&self) {
        match self.dice.roll(12) {
            0..=1 => self.add_here(),
            2 => self.add_there(),
            3 => self.log_activity(),
            4..=7 => self.edit_here(false),
            8..=10 => self.edit_there(false),
            _ if self.scenario.deletions && self.dice.chance(500) => self.delete_here(),
            _ if self.scenario.deletions => self.delete_there(),
            _ => {}
        }
    }

    /// Somebody edits in calm.
    pub(super) fn somebody_edits(&self) {
        if self.dice.chance(500) { self.edit_here(true) } else { self.edit_there(true) }
    }

    fn send(&self, body: &Value) {
        let bodies = vec![body.to_string(); 1 + usize::from(self.dice.chance(200))];
        at_once(domain::ports::Queue::send(&*self.deployment.fleet.queue, bodies)).unwrap();
    }

    /// When it is on all machines of ours, the one of the app included.
    fn here(&self) -> Timestamp {
        self.handle.now().checked_add(self.scenario.ways.clock_off_by).unwrap()
    }

    /// Keeps what was said; where it is known what the task says, the same again is no news.
    fn note(
        &self,
        id: &TaskId,
        side: Side,
        calm: bool,
        before: Option<&Task>,
        words: impl IntoIterator<Item = (Field, Option<String>)>,
    ) {
        let mut all = lock(&self.sayings);
        let sayings = all.entry(id.clone()).or_default();
        for (field, text) in words {
            let is_news = before.is_none_or(|task| text_of(&task.values, field) != text);
            sayings.say(side, field, Said { text, calm }, is_news);
        }
    }

    fn next(&self) -> u64 {
        self.said.fetch_add(1, Ordering::Relaxed)
    }

    fn date(number: u64) -> String {
        jiff::civil::date(2027, 1, 1).checked_add(jiff::Span::new().days(number.cast_signed())).unwrap().to_string()
    }

    fn add_here(&self) {
        let number = self.next();
        let id = TaskId::of(&format!("t{number}")).unwrap();
        let (_, owner) = self.dice.one_of(&self.users);
        let (name, due) = (format!("{}{number}", Self::by(Side::Actions)), Self::date(number));
        let campaign = self.dice.chance(300).then(|| json!({ "id": "c1", "name": "Spring" }));
        self.send(&json!({
            "v": 1, "taskId": id, "at": self.here().to_string(), "name": name, "due": due, "owner": owner, "status": "open", "campaign": campaign
        }));
        let words = vec![
            (Field::Name, Some(name)),
            (Field::Due, Some(due)),
            (Field::Status, Some("open".to_owned())),
            (Field::Owner, Some(owner.clone())),
        ];
        self.note(&id, Side::Actions, false, None, words);
    }

    fn add_there(&self) {
        let number = self.next();
        let (owner, email) = self.dice.one_of(&self.users);
        let (name, due) = (format!("{}{number}", Self::by(Side::Salesforce)), Self::date(number));
        let record = json!({ "Subject": name, "ActivityDate": due, "OwnerId": owner, "Status": "Not Started", "Priority": "Low" });
        let ids = self.deployment.salesforce.put("Task", &[record]).unwrap();
        let words = vec![
            (Field::Name, Some(name)),
            (Field::Due, Some(due)),
            (Field::Status, Some("open".to_owned())),
            (Field::Owner, Some(email.clone())),
        ];
        self.note(&TaskId::imported(&ids[0]), Side::Salesforce, false, None, words);
    }

    fn log_activity(&self) {
        let (owner, _) = self.dice.one_of(&self.users);
        let key = format!("activity-{}", self.next());
        let record = json!({ "Subject": LOGGED, "ActivityDate": "2027-01-01", "OwnerId": owner, "Status": "Not Started", "Priority": "Normal", (KEY): key });
        self.deployment.salesforce.put("Task", &[record]).unwrap();
    }

    /// Somebody edits what the app shows.
    fn edit_here(&self, calm: bool) {
        let rows: Vec<Task> = self.rows().into_values().filter(|task| task.deleted.is_none()).collect();
        if rows.is_empty() {
            return;
        }
        let task = self.dice.one_of(&rows);
        let (mut body, mut words) =
            (json!({ "v": 1, "taskId": task.id, "at": self.here().to_string() }), BTreeMap::new());
        for _ in 0..=self.dice.below(2) {
            let number = self.next();
            match self.dice.roll(5) {
                0 => {
                    let name = format!("{}{number}", Self::by(Side::Actions));
                    body["name"] = name.clone().into();
                    words.insert(Field::Name, Some(name));
                }
                1 => {
                    let due = self.dice.chance(800).then(|| Self::date(number));
                    body["due"] = due.clone().into();
                    words.insert(Field::Due, due);
                }
                2 => {
                    let details = format!("{} details {number}", Self::by(Side::Actions));
                    body["details"] = details.clone().into();
                    words.insert(Field::Details, Some(details));
                }
                3 => {
                    let (_, owner) = self.dice.one_of(&self.users);
                    body["owner"] = owner.clone().into();
                    words.insert(Field::Owner, Some(owner.clone()));
                }
                _ => {
                    let status = if task.values.status == Progress::Open { "complete" } else { "open" };
                    body["status"] = status.into();
                    words.insert(Field::Status, Some(status.to_owned()));
                }
            }
        }
        self.deployment.fleet.tell(|| format!("here: {body}"));
        self.send(&body);
        let mut all = lock(&self.sayings);
        let sayings = all.entry(task.id.clone()).or_default();
        sayings.edited.0 = true;
        // Who opens what somebody else has just deleted wants it back.
        sayings.deleted.0 &= body["status"] != "open";
        drop(all);
        self.note(&task.id, Side::Actions, calm, Some(task), words);
    }

    /// Somebody edits what Salesforce shows.
    fn edit_there(&self, calm: bool) {
        let records: Vec<Value> = self.records().into_iter().filter(|record| record["IsDeleted"] != true).collect();
        if records.is_empty() {
            return;
        }
        let record = self.dice.one_of(&records);
        let id = task_of(record);
        let (mut fields, mut words) = (Map::new(), BTreeMap::new());
        for _ in 0..=self.dice.below(2) {
            let number = self.next();
            match self.dice.roll(6) {
                0 => {
                    let name = format!("{}{number}", Self::by(Side::Salesforce));
                    fields.insert("Subject".into(), name.clone().into());
                    words.insert(Field::Name, Some(name));
                }
                1 => {
                    let due = Self::date(number);
                    fields.insert("ActivityDate".into(), due.clone().into());
                    words.insert(Field::Due, Some(due));
                }
                2 => {
                    let details = format!("{} details {number}", Self::by(Side::Salesforce));
                    fields.insert("Description".into(), details.clone().into());
                    words.insert(Field::Details, Some(details));
                }
                3 => {
                    let (owner, email) = self.dice.one_of(&self.users);
                    fields.insert("OwnerId".into(), owner.clone().into());
                    words.insert(Field::Owner, Some(email.clone()));
                    if text(record, "OwnerId") == *owner {
                        words.remove(&Field::Owner);
                    }
                }
                4 => {
                    let (status, word) =
                        if record["IsClosed"] == true { ("In Progress", "open") } else { ("Completed", "complete") };
                    fields.insert("Status".into(), status.into());
                    words.insert(Field::Status, Some(word.to_owned()));
                }
                _ if record["IsClosed"] != true && !fields.contains_key("Status") => {
                    // Another word for open.
                    let status = *self.dice.one_of(&["Waiting on someone else", "Deferred", "In Progress"]);
                    fields.insert("Status".into(), status.into());
                }
                _ => {}
            }
        }
        let late_seconds = match (calm, self.dice.chance(100)) {
            (true, _) => 0,
            (false, true) => self.dice.roll(300),
            (false, false) => self.dice.roll(9),
        };
        let by = self.dice.one_of(&self.users).0.clone();
        self.deployment.fleet.tell(|| format!("there: {id} {fields:?}, {late_seconds} s late"));
        let edit = s::Edit { id: text(record, "Id"), fields, by: Some(by), late_seconds, ..s::Edit::default() };
        if self.deployment.salesforce.edit(&edit).is_ok() {
            let mut all = lock(&self.sayings);
            // What was made by nobody in this story is no task of it.
            if let Some(sayings) = all.get_mut(&id) {
                sayings.edited.1 = true;
                drop(all);
                self.note(&id, Side::Salesforce, calm, None, words);
            }
        }
    }

    fn delete_here(&self) {
        let rows: Vec<Task> = self.rows().into_values().filter(|task| task.deleted.is_none()).collect();
        if rows.is_empty() {
            return;
        }
        let task = self.dice.one_of(&rows);
        self.deployment.fleet.tell(|| format!("here: {} is deleted", task.id));
        self.send(&json!({ "v": 1, "taskId": task.id, "at": self.here().to_string(), "status": "deleted" }));
        lock(&self.sayings).entry(task.id.clone()).or_default().deleted.0 = true;
    }

    fn delete_there(&self) {
        let records: Vec<Value> = self.records().into_iter().filter(|record| record["IsDeleted"] != true).collect();
        if records.is_empty() {
            return;
        }
        let record = self.dice.one_of(&records);
        let id = task_of(record);
        self.deployment.fleet.tell(|| format!("there: {id} is deleted"));
        if self.deployment.salesforce.delete(&text(record, "Id"), None).is_ok() {
            lock(&self.sayings).entry(id).or_default().deleted.1 = true;
        }
    }
}
