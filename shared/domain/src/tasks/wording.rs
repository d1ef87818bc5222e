//! How a task's values are worded in Salesforce, and read back: the subject through the template, status and priority through the organisation's
//! own picklists, the owner through its users. Decides nothing about who wins.

use std::collections::{BTreeMap, BTreeSet};

use super::task::{Side, Task};
use super::values::{self, Field, Priority, Progress, Values};
use crate::ports::{ReminderLayout, ReminderRecord};
use crate::subject::{Tokens, filled, one_line};

/// Stands for the name while a template is filled in; no name holds it.
const MARK: &str = "\u{1}";

/// Between a task's name and its subject in Salesforce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    /// The name stands between these.
    Around(String, String),
    /// The subject does not hold the name, or holds it twice: it is written, and not read back.
    OneWay(String),
}

/// Whether names can be read back from subjects made by this template.
#[must_use]
pub fn is_invertible(template: &str) -> bool {
    let tokens = Tokens { activity_subject: MARK, ..Tokens::default() };
    filled(template, &tokens).matches(MARK).count() == 1
}

impl Subject {
    /// That of a task. Only tasks made here go through the template.
    pub fn of(task: &Task, template: &str) -> Self {
        if task.origin == Side::Salesforce {
            return Self::Around(String::new(), String::new());
        }
        let campaign = task.campaign.as_ref();
        let tokens = Tokens {
            activity_type: task.kind.label(),
            activity_subject: MARK,
            sales_campaign_name: campaign.and_then(|campaign| campaign.name.as_deref()).unwrap_or_default(),
            sales_campaign_day: campaign.and_then(|campaign| campaign.day.as_deref()).unwrap_or_default(),
            sales_campaign_step: campaign.and_then(|campaign| campaign.step.as_deref()).unwrap_or_default(),
            ..Tokens::default()
        };
        let whole = filled(template, &tokens);
        match whole.split_once(MARK) {
            Some((before, after)) if !after.contains(MARK) => Self::Around(before.to_owned(), after.to_owned()),
            _ => Self::OneWay(whole),
        }
    }

    fn written(&self, name: &str) -> String {
        match self {
            Self::Around(before, after) => one_line(&format!("{before}{name}{after}")),
            Self::OneWay(whole) => one_line(&whole.replace(MARK, name)),
        }
    }

    /// The name in a subject. Who rewrote the whole subject has renamed the task.
    fn read(&self, subject: &str) -> Option<String> {
        let Self::Around(before, after) = self else { return None };
        let name = subject.strip_prefix(before.as_str()).and_then(|rest| rest.strip_suffix(after.as_str()));
        Some(values::name(name.unwrap_or(subject)))
    }
}

/// What a task in Salesforce says, in our words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Read {
    pub values: Values,
    /// Fields of which it says nothing that could stand here.
    pub unreadable: BTreeSet<Field>,
}

/// Reads a task of Salesforce.
pub(super) fn read(record: &ReminderRecord, subject: &Subject) -> Read {
    let there = &record.values;
    let name = subject.read(there.subject.as_deref().unwrap_or_default());
    let mut unreadable = BTreeSet::new();
    if name.is_none() {
        unreadable.insert(Field::Name);
    }
    if record.owner_email.is_none() {
        unreadable.insert(Field::Owner);
    }
    let values = Values {
        name: name.unwrap_or_default(),
        status: if there.closed { Progress::Complete } else { Progress::Open },
        priority: if there.high { Priority::High } else { Priority::Normal },
        due: there.due,
        details: there.description.as_deref().and_then(values::details),
        owner: record.owner_email.clone(),
    };
    Read { values, unreadable }
}

/// A field as it is written in Salesforce, `Some(None)` to empty it; `None` where it cannot be written.
pub(super) fn written(
    field: Field,
    values: &Values,
    subject: &Subject,
    layout: &ReminderLayout,
    users: &BTreeMap<String, String>,
) -> Option<Option<String>> {
    if !layout.writable.contains(&field) {
        return None;
    }
    Some(match field {
        Field::Name => Some(subject.written(&values.name)).filter(|subject| !subject.is_empty()),
        Field::Status if values.status == Progress::Complete => Some(layout.closed_status.clone()?),
        Field::Status => Some(layout.open_status.clone()?),
        Field::Priority if values.priority == Priority::High => Some(layout.high_priority.clone()?),
        Field::Priority => Some(layout.normal_priority.clone()?),
        Field::Due => values.due.map(|due| due.to_string()),
        Field::Details => values.details.clone(),
        Field::Owner => Some(users.get(values.owner.as_ref()?)?.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::activities::Campaign;
    use crate::ports::ReminderValues;
    use crate::tasks::{Kind, TaskId};

    fn task(origin: Side) -> Task {
        let campaign =
            Campaign { id: "c".into(), name: Some("Spring".into()), url: None, step: Some("2".into()), day: None };
        let task = Task::new(TaskId::new(1), origin, Timestamp::UNIX_EPOCH);
        Task { kind: Kind::Call, campaign: Some(campaign), ..task }
    }

    #[test]
    fn a_name_goes_through_the_template_and_back() {
        let template = "{{activity_type}}: {{ activity_subject }} [{{sales_campaign_name}}/{{sales_campaign_step}}]";
        let subject = Subject::of(&task(Side::Actions), template);
        assert_eq!(subject.written("ring"), "Call: ring [Spring/2]");
        assert_eq!(subject.read("Call: ring twice [Spring/2]").as_deref(), Some("ring twice"));
        assert_eq!(subject.read("something else").as_deref(), Some("something else"));
        let plain = Subject::of(&task(Side::Salesforce), template);
        assert_eq!((plain.written("ring").as_str(), plain.read("Call: x").as_deref()), ("ring", Some("Call: x")));
    }

    #[test]
    fn a_template_without_the_name_or_with_two_is_one_way() {
        for (template, written) in
            [("{{activity_type}}", "Call"), ("{{activity_subject}}/{{activity_subject}}", "ring/ring")]
        {
            let subject = Subject::of(&task(Side::Actions), template);
            assert_eq!(
                (subject.written("ring").as_str(), subject.read("ring"), is_invertible(template)),
                (written, None, false)
            );
        }
        assert!(is_invertible("a {{activity_subject}}"));
    }

    #[test]
    fn picklists_of_the_organisation_are_used_and_what_cannot_be_said_is_left() {
        let layout = ReminderLayout {
            writable: Field::ALL.into_iter().filter(|field| *field != Field::Details).collect(),
            open_status: Some("Offen".into()),
            closed_status: Some("Erledigt".into()),
            high_priority: Some("Hoch".into()),
            ..ReminderLayout::default()
        };
        let (subject, users) = (
            Subject::of(&task(Side::Actions), "{{activity_subject}}"),
            BTreeMap::from([("a@b.c".into(), "005".into())]),
        );
        let mut values = Values { owner: Some("a@b.c".into()), priority: Priority::High, ..Values::default() };
        let say = |field, values: &Values| written(field, values, &subject, &layout, &users);
        assert_eq!(say(Field::Status, &values), Some(Some("Offen".into())));
        assert_eq!(say(Field::Priority, &values), Some(Some("Hoch".into())));
        assert_eq!(say(Field::Owner, &values), Some(Some("005".into())));
        assert_eq!((say(Field::Details, &values), say(Field::Due, &values)), (None, Some(None)));
        (values.status, values.priority, values.owner) = (Progress::Complete, Priority::Normal, Some("x@b.c".into()));
        assert_eq!(say(Field::Status, &values), Some(Some("Erledigt".into())));
        assert_eq!((say(Field::Priority, &values), say(Field::Owner, &values)), (None, None));
    }

    #[test]
    fn salesforces_own_words_are_read_by_what_they_mean() {
        let record = ReminderRecord {
            id: "00T".into(),
            key: None,
            values: ReminderValues {
                status: Some("Abgesagt".into()),
                closed: true,
                priority: Some("Low".into()),
                ..ReminderValues::default()
            },
            owner_email: None,
            who: None,
            recurring: false,
            deleted: false,
            modified: Timestamp::UNIX_EPOCH,
            stamp: Timestamp::UNIX_EPOCH,
        };
        let read = read(&record, &Subject::of(&task(Side::Actions), "{{activity_type}}"));
        assert_eq!((read.values.status, read.values.priority), (Progress::Complete, Priority::Normal));
        assert_eq!(read.unreadable, BTreeSet::from([Field::Name, Field::Owner]));
    }
}
