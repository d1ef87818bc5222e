//! Records put in as they are, with ids and stamps of the caller's choice; and what every organisation has from the start.
//! Nothing is checked but that values fit their fields, so that a hundred thousand records take a moment.

use serde_json::{Map, Value, json};

use super::datum::Datum;
use super::id::Id;
use super::row::Row;
use super::state::State;
use super::values;
use crate::clock::parse_time;
use crate::config::Config;
use crate::schema::field::Source;

impl State {
    /// Puts records of one object in, replacing those with the same id; gives their ids.
    pub(crate) fn put(&mut self, object: &str, records: &[Value], now_ms: i64) -> Result<Vec<Id>, String> {
        let object = self.schema.object(object).ok_or_else(|| format!("there is no object {object}"))?;
        if self.total() + records.len() > self.max_records {
            return Err(format!("more than {} records: raise max_records", self.max_records));
        }
        let mut ids = Vec::with_capacity(records.len());
        for record in records {
            let fields = record.as_object().ok_or_else(|| format!("a record is a JSON object, not {record}"))?;
            let row = self.row_of(object, fields, now_ms)?;
            ids.push(row.id);
            self.store(object, row, 0, now_ms);
        }
        Ok(ids)
    }

    fn row_of(&mut self, object: usize, fields: &Map<String, Value>, now_ms: i64) -> Result<Row, String> {
        let prefix = self.schema.objects[object].prefix;
        let id = match fields.get("Id").and_then(Value::as_str) {
            None => self.new_id(object),
            Some(text) => Id::parse(text)
                .filter(|id| id.prefix() == prefix)
                .ok_or_else(|| format!("'{text}' is no id of the object with the prefix {prefix}"))?,
        };
        let actor = self.insider(None, now_ms);
        let mut row = Row::new(id, actor.user, actor.now());
        let described = &self.schema.objects[object];
        let mut touched = Vec::with_capacity(fields.len());
        for (name, value) in fields.iter().filter(|(name, _)| *name != "attributes" && *name != "Id") {
            let wrong = || format!("{}.{name} of {id} cannot be {value}", described.name);
            let place = described.place(name).ok_or_else(wrong)?;
            let field = &described.fields[place];
            let time = || value.as_str().and_then(parse_time).ok_or_else(wrong);
            let user = || value.as_str().and_then(Id::parse).ok_or_else(wrong);
            match field.source {
                Source::Stored | Source::ReminderSet => {
                    row.set(place, values::read(field, value).map_err(|failure| failure.message)?);
                    touched.push(place);
                }
                Source::CreatedAt => row.created = time()?,
                Source::ModifiedAt => row.modified = time()?,
                Source::Modstamp => row.modstamp = time()?,
                Source::CreatedBy => row.created_by = user()?,
                Source::ModifiedBy => row.modified_by = user()?,
                Source::Deleted => row.deleted = value == true,
                _ => return Err(format!("{}.{name} is worked out by the system", described.name)),
            }
        }
        self.fill_defaults(object, &mut row, &touched, &actor);
        if object == self.task.object {
            let at = row.modified;
            self.settle_task(&mut row, None, &touched, at).map_err(|failure| failure.message)?;
            for (place, value) in touched.iter().filter_map(|&at| Some((at, self.given(object, at, fields)?))) {
                row.set(place, value);
            }
        }
        Ok(row)
    }

    /// A value as the caller gave it, where the rules of tasks may have replaced it.
    fn given(&self, object: usize, place: usize, fields: &Map<String, Value>) -> Option<Datum> {
        let field = &self.schema.objects[object].fields[place];
        if !matches!(field.name.as_str(), "CompletedDateTime" | "AccountId") {
            return None;
        }
        values::read(field, fields.get(&field.name)?).ok()
    }

    /// The integration user, the organisation itself, and the values of task status and priority.
    pub(crate) fn furnish(&mut self, config: &Config, now_ms: i64) -> Result<(), String> {
        let (user, organization) = (self.user.to_string(), self.organization.to_string());
        let who = json!([{
            "Id": user, "Username": config.username, "Email": config.username, "LastName": "Integration", "Alias": "integ",
        }]);
        let what = json!([{
            "Id": organization, "Name": "Simulated Organisation", "OrganizationType": "Enterprise Edition",
            "TimeZoneSidKey": "GMT", "InstanceName": "SIM1", "LanguageLocaleKey": "en_US",
        }]);
        let statuses = config.task_statuses.iter().enumerate().map(|(at, status)| {
            json!({
                "MasterLabel": status.name, "ApiName": status.name, "SortOrder": at + 1, "IsClosed": status.closed,
                "IsDefault": status.default && !status.closed,
            })
        });
        let default = config.task_priorities.iter().position(|(_, high)| !high);
        let priorities = config.task_priorities.iter().enumerate().map(|(at, (name, high))| {
            json!({
                "MasterLabel": name, "ApiName": name, "SortOrder": at + 1, "IsHighPriority": high,
                "IsDefault": default == Some(at),
            })
        });
        let (statuses, priorities) = (statuses.collect(), priorities.collect());
        for (object, records) in
            [("User", who), ("Organization", what), ("TaskStatus", statuses), ("TaskPriority", priorities)]
        {
            self.put(object, records.as_array().map_or(&[], Vec::as_slice), now_ms)?;
        }
        Ok(())
    }

    /// A record with all its fields as JSON, for those who check.
    pub(crate) fn told(&self, object: usize, row: &Row, now_ms: i64) -> String {
        let described = &self.schema.objects[object];
        let mut out = String::with_capacity(64 * described.fields.len());
        out.push('{');
        let present = described.fields.iter().enumerate().filter(|(_, f)| f.access != crate::config::Access::Absent);
        for (nth, (place, field)) in present.enumerate() {
            if nth > 0 {
                out.push(',');
            }
            values::push_text(&mut out, &field.name);
            out.push(':');
            values::push_json(&mut out, &self.value(object, row, place, now_ms));
        }
        out.push('}');
        out
    }

    /// All records of an object by ascending id; nothing when there is no such object.
    pub(crate) fn tell_all(&self, object: &str, now_ms: i64) -> Option<Vec<String>> {
        let object = self.schema.object(object)?;
        let table = &self.tables[object];
        let mut ids: Vec<Id> = table.ids().collect();
        ids.sort_unstable();
        let told = |id: Id| table.latest(id).map(|row| self.told(object, row, now_ms));
        Some(ids.into_iter().filter_map(told).collect())
    }
}
