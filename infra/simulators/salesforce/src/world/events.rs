//! Larger events of an organisation: leads are converted, records merged, the recycle bin emptied.
//! Must not know control routes.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::datum::Datum;
use super::id::Id;
use super::row::Row;
use super::state::State;
use super::write::Actor;
use crate::clock::DAY;

/// The records that a conversion led to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct Converted {
    pub lead_id: String,
    pub contact_id: String,
    pub account_id: String,
}

impl State {
    /// Converts a lead into these records, or into new ones; its tasks go along.
    pub(crate) fn convert(
        &mut self,
        lead: &str,
        contact: Option<&str>,
        account: Option<&str>,
        now_ms: i64,
    ) -> Result<Converted, String> {
        let (object, id) = self.known(lead)?;
        let row = self.alive(object, id).map_err(|failure| failure.message)?;
        let described = &self.schema.objects[object];
        let place = |name: &str| described.place(name).ok_or_else(|| format!("{lead} is no lead"));
        let (flag, status) = (place("IsConverted")?, place("Status")?);
        let (at, to_account, to_contact) =
            (place("ConvertedDate")?, place("ConvertedAccountId")?, place("ConvertedContactId")?);
        if row.get(flag).is_some_and(Datum::is_true) {
            return Err(format!("{lead} is converted already"));
        }
        let value = |name: &str| described.place(name).and_then(|place| row.text(place)).unwrap_or_default().to_owned();
        let company = value("Company");
        let names = ["FirstName", "LastName", "Email", "Phone", "Title"].map(|name| (name, value(name)));
        let account = match account {
            Some(account) => self.known(account)?.1,
            None => self.made("Account", json!({ "Name": company }), now_ms)?,
        };
        let contact = match contact {
            Some(contact) => self.known(contact)?.1,
            None => {
                let mut fields: Map<String, Value> =
                    names.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
                fields.insert("AccountId".into(), account.to_string().into());
                self.made("Contact", fields.into(), now_ms)?
            }
        };
        let mut row = Row::clone(&row);
        row.set(flag, Datum::Bool(true));
        row.set(status, Datum::text("Closed - Converted"));
        row.set(at, Datum::Date(now_ms.div_euclid(1000).div_euclid(DAY)));
        row.set(to_account, Datum::Id(account));
        row.set(to_contact, Datum::Id(contact));
        let actor = self.insider(None, now_ms);
        self.stamp(&mut row, &actor);
        self.store(object, row, 0, now_ms);
        self.move_tasks(id, contact, now_ms);
        let text = |id: Id| id.to_string();
        Ok(Converted { lead_id: text(id), contact_id: text(contact), account_id: text(account) })
    }

    fn made(&mut self, object: &str, fields: Value, now_ms: i64) -> Result<Id, String> {
        let at = self.schema.object(object).ok_or_else(|| format!("there is no {object}"))?;
        let actor = self.insider(None, now_ms);
        let fields = fields.as_object().cloned().unwrap_or_default();
        self.create(at, &fields, &actor).map_err(|failure| failure.message)
    }

    /// Tasks of one person become those of another; nobody edits them, so only `SystemModstamp` moves.
    fn move_tasks(&mut self, from: Id, to: Id, now_ms: i64) {
        let fields = self.task;
        let Some(key) = Datum::Id(from).key(false) else { return };
        let actor = Actor { automated: true, ..self.insider(None, now_ms) };
        for id in self.tables[fields.object].with_value(fields.who, &key).to_vec() {
            let Ok(task) = self.alive(fields.object, id) else { continue };
            let mut row = Row::clone(&task);
            row.set(fields.who, Datum::Id(to));
            // A task that was right before stays right with another person of the kind that tasks may have.
            let _ = self.settle_task(&mut row, Some(&task), &[], actor.now());
            self.stamp(&mut row, &actor);
            self.store(fields.object, row, 0, now_ms);
        }
    }

    /// The loser is deleted with a pointer to the winner, who gets its tasks.
    pub(crate) fn merge(&mut self, winner: &str, loser: &str, now_ms: i64) -> Result<(), String> {
        let ((object, winner), (other, loser)) = (self.known(winner)?, self.known(loser)?);
        let master = self.schema.objects[object].place("MasterRecordId");
        let Some(master) = master.filter(|_| object == other && winner != loser) else {
            return Err("only two leads, two contacts or two accounts can be merged".to_owned());
        };
        let kept = self.alive(object, winner).map_err(|failure| failure.message)?;
        let lost = self.alive(object, loser).map_err(|failure| failure.message)?;
        let actor = self.insider(None, now_ms);
        let mut lost = Row::clone(&lost);
        lost.set(master, Datum::Id(winner));
        lost.deleted = true;
        self.stamp(&mut lost, &actor);
        self.store(object, lost, 0, now_ms);
        let mut kept = Row::clone(&kept);
        self.stamp(&mut kept, &actor);
        self.store(object, kept, 0, now_ms);
        self.move_tasks(loser, winner, now_ms);
        Ok(())
    }

    /// Empties the recycle bin and the delete log; gives how many records went.
    pub(crate) fn purge(&mut self, now_ms: i64) -> usize {
        let mut gone = 0;
        for table in &mut self.tables {
            let deleted: Vec<Id> = table.ids().filter(|id| table.latest(*id).is_some_and(|row| row.deleted)).collect();
            gone += deleted.len();
            for id in deleted {
                table.replace(id, None);
            }
        }
        self.purged_until = now_ms.div_euclid(1000);
        gone
    }
}
