//! A made-up organisation: users, accounts, contacts, leads and tasks from a seed.
//! Must not know control routes.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::id::Id;
use super::random::Dice;
use super::state::State;
use crate::clock::{DAY, push_date, time_text};

/// How many records to make. All members default to none.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Population {
    /// Decides every name and choice.
    pub seed: u64,
    /// Users; they own what follows.
    pub users: usize,
    /// Accounts.
    pub accounts: usize,
    /// Contacts, each of one of the accounts.
    pub contacts: usize,
    /// Leads that are not converted.
    pub leads: usize,
    /// Tasks about those contacts and leads, two of three of them open.
    pub tasks: usize,
}

/// Ids of the records that were made.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are those of the population")]
pub struct Populated {
    pub users: Vec<String>,
    pub accounts: Vec<String>,
    pub contacts: Vec<String>,
    pub leads: Vec<String>,
    pub tasks: Vec<String>,
}

const FIRST: &[&str] = &["Anna", "Ben", "Chloé", "David", "Elena", "Farid", "Grace", "Hugo", "Irène", "Jonas"];
const LAST: &[&str] =
    &["Adams", "Becker", "Castillo", "D'Arcy", "Eriksen", "Fischer", "García", "O'Neil", "山田", "Zimmer"];
const COMPANY: &[&str] = &["Acme", "Borealis", "Cobalt & Co", "Delphi \"Labs\"", "Emerald", "Falcon, Inc."];
const SUBJECT: &[&str] = &["Call back", "Send the offer", "Discuss renewal", "Prepare demo", "Follow up \\ check"];

impl State {
    /// Makes records.
    pub(crate) fn populate(&mut self, wanted: Population, now_ms: i64) -> Result<Populated, String> {
        let mut dice = Dice::new(wanted.seed);
        let users: Vec<Value> = (0..wanted.users).map(|nth| user(&mut dice, nth, wanted.seed)).collect();
        let users = self.put("User", &users, now_ms)?;
        let owner = |dice: &mut Dice| users.get(dice.below(users.len())).map(Id::to_string);
        let accounts: Vec<Value> = (0..wanted.accounts)
            .map(|nth| json!({ "Name": format!("{} {nth}", dice.pick(COMPANY)), "OwnerId": owner(&mut dice) }))
            .collect();
        let accounts = self.put("Account", &owned(accounts), now_ms)?;
        let contacts: Vec<Value> = (0..wanted.contacts)
            .map(|nth| {
                let mut contact = person(&mut dice, nth, "contact");
                contact["OwnerId"] = owner(&mut dice).into();
                contact["AccountId"] = accounts.get(dice.below(accounts.len())).map(Id::to_string).into();
                contact
            })
            .collect();
        let contacts = self.put("Contact", &owned(contacts), now_ms)?;
        let leads: Vec<Value> = (0..wanted.leads)
            .map(|nth| {
                let mut lead = person(&mut dice, nth, "lead");
                lead["OwnerId"] = owner(&mut dice).into();
                lead["Company"] = dice.pick(COMPANY).into();
                lead
            })
            .collect();
        let leads = self.put("Lead", &owned(leads), now_ms)?;
        let people: Vec<Id> = contacts.iter().chain(&leads).copied().collect();
        let tasks: Vec<Value> = (0..wanted.tasks)
            .map(|nth| {
                let mut task = task(&mut dice, nth, now_ms);
                task["OwnerId"] = owner(&mut dice).into();
                task["WhoId"] = people.get(dice.below(people.len())).map(Id::to_string).into();
                task
            })
            .collect();
        let tasks = self.put("Task", &owned(tasks), now_ms)?;
        let told = |ids: Vec<Id>| ids.iter().map(Id::to_string).collect();
        Ok(Populated {
            users: told(users),
            accounts: told(accounts),
            contacts: told(contacts),
            leads: told(leads),
            tasks: told(tasks),
        })
    }
}

/// Whoever has no owner among the made users gets the default one.
fn owned(mut records: Vec<Value>) -> Vec<Value> {
    for record in records.iter_mut().filter_map(Value::as_object_mut) {
        if record.get("OwnerId").is_some_and(Value::is_null) {
            record.remove("OwnerId");
        }
    }
    records
}

fn user(dice: &mut Dice, nth: usize, seed: u64) -> Value {
    let email = format!("seller{nth}.{seed}@simulator.example");
    json!({ "Username": email, "Email": email, "FirstName": dice.pick(FIRST), "LastName": dice.pick(LAST) })
}

fn person(dice: &mut Dice, nth: usize, kind: &str) -> Value {
    let email = dice.chance(0.95).then(|| format!("{kind}.{nth}@people.example"));
    json!({
        "FirstName": dice.pick(FIRST),
        "LastName": dice.pick(LAST),
        "Email": email,
        "Title": if dice.chance(0.5) { "Head of Sales" } else { "Buyer" },
        "HasOptedOutOfEmail": dice.chance(0.05),
    })
}

fn task(dice: &mut Dice, nth: usize, now_ms: i64) -> Value {
    let today = now_ms.div_euclid(1000).div_euclid(DAY);
    let days = i64::try_from(dice.below(60)).unwrap_or(0);
    let mut date = String::new();
    push_date(&mut date, today + days - 30);
    let at = time_text(now_ms.div_euclid(1000) - days * 600);
    json!({
        "Subject": format!("{} {nth}", dice.pick(SUBJECT)),
        "ActivityDate": date,
        "Status": if dice.chance(0.66) { "Not Started" } else { "Completed" },
        "Priority": dice.pick(&["High", "Normal", "Low"]),
        "CreatedDate": at,
        "LastModifiedDate": at,
        "SystemModstamp": at,
    })
}
