//! What must come of messages at each destination, by the documented behaviour and the default settings. Must not know how it is done.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Most differences that are told.
const MAX_TOLD: usize = 10;
const KEY: &str = "Sales_Activity_Key__c";

/// What must be found.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// Type and person of each activity.
    activities: BTreeMap<String, (String, i64)>,
    /// Flags of each task, by activity id: viewed, clicked, replied, bounced.
    tasks: BTreeMap<String, Flags>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Flags {
    viewed: bool,
    clicked: bool,
    replied: bool,
    bounced: bool,
}

impl Expected {
    /// What these messages must come to, in whatever order and however often they were sent.
    #[must_use]
    pub fn of(messages: &[Value]) -> Self {
        let mut expected = Self::default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        for message in messages {
            let (id, kind) = (text(&message["activityId"]), text(&message["type"]));
            if matches!(kind.as_str(), "emailSent" | "callLogged") {
                expected.tasks.entry(id.clone()).or_default();
            }
            let original = text(&message["originalActivityId"]);
            if !original.is_empty() {
                let flags = expected.tasks.entry(original).or_default();
                match kind.as_str() {
                    "emailOpened" => flags.viewed = true,
                    "emailClicked" => flags.clicked = true,
                    "emailReplied" => flags.replied = true,
                    _ => flags.bounced = true,
                }
            }
            expected.activities.insert(id, (kind, message["marketoId"].as_i64().unwrap_or_default()));
        }
        expected
    }

    /// Distinct activities.
    #[must_use]
    pub fn activities(&self) -> usize {
        self.activities.len()
    }

    /// Of which type there are how many.
    #[must_use]
    pub fn by_type(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (kind, _) in self.activities.values() {
            *counts.entry(kind.clone()).or_default() += 1;
        }
        counts
    }

    /// Tasks.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.tasks.len()
    }

    /// What is wrong with Marketo's activities, given as id of the activity and person; empty where nothing is.
    #[must_use]
    pub fn wrong_in_marketo(&self, found: &[(String, i64)]) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let mut wrong = Vec::new();
        for (id, person) in found {
            if !seen.insert(id) {
                wrong.push(format!("{id} is there twice"));
            }
            match self.activities.get(id) {
                None => wrong.push(format!("{id} was never sent")),
                Some((_, expected)) if expected != person => {
                    wrong.push(format!("{id} is {person}'s instead of {expected}'s"))
                }
                Some(_) => {}
            }
        }
        wrong.extend(self.activities.keys().filter(|id| !seen.contains(id)).map(|id| format!("{id} is missing")));
        told(wrong)
    }

    /// What is wrong with Salesforce's tasks, given as records; empty where nothing is. Tasks without our key are not looked at.
    #[must_use]
    pub fn wrong_in_salesforce(&self, found: &[Value]) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let mut wrong = Vec::new();
        for task in found {
            let Some(id) = task[KEY].as_str() else { continue };
            if !seen.insert(id) {
                wrong.push(format!("{id} is there twice"));
            }
            let Some(flags) = self.tasks.get(id) else {
                wrong.push(format!("{id} should have no task"));
                continue;
            };
            let set = |field: &str| task[field].as_bool().unwrap_or(false);
            let is = Flags {
                viewed: set("MSE_Viewed__c"),
                clicked: set("MSE_Clicked__c"),
                replied: set("MSE_Replied__c"),
                bounced: task["MSE_Email_Status__c"] == "bounced",
            };
            if is != *flags {
                wrong.push(format!("{id} has {is:?} instead of {flags:?}"));
            }
            if task["Status"] != "Completed" {
                wrong.push(format!("{id} is not closed"));
            }
        }
        wrong.extend(self.tasks.keys().filter(|id| !seen.contains(id.as_str())).map(|id| format!("{id} has no task")));
        told(wrong)
    }
}

fn told(mut wrong: Vec<String>) -> Vec<String> {
    let more = wrong.len().saturating_sub(MAX_TOLD);
    wrong.truncate(MAX_TOLD);
    if more > 0 {
        wrong.push(format!("and {more} more"));
    }
    wrong
}
