//! The operations themselves: create, change, delete, merge, owners, opportunities, partitions.
//! Each writes the log entries that Marketo would; none may know why it is carried out.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::activity::{self, Detail};
use super::fields::{self, Field, Kind, Text};
use super::hash::Dice;
use super::people::{Base, owner_id};
use super::person::{ROLE_NAMES, Role};
use super::state::{Fate, Record, State, When};
use super::{salesforce_id, text};

/// Whom an operation may happen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pick {
    Anyone,
    Qualifying,
    /// Linked to Salesforce but without an owner.
    Ownerless,
}

/// Random draws before everybody is looked at in turn.
const DRAWS: usize = 300;

impl State {
    /// Somebody fitting who was not touched before, if there is anybody.
    pub(crate) fn pick(&mut self, pick: Pick, touched: &mut HashSet<i64>) -> Option<i64> {
        let newcomers = self.newcomers.len() as u64;
        let everybody = self.base.people + newcomers;
        for _ in 0..DRAWS {
            let drawn = self.dice.below(everybody);
            let id = self.nth(drawn);
            if !touched.contains(&id) && self.fits(id, pick) {
                touched.insert(id);
                return Some(id);
            }
        }
        let start = self.dice.below(everybody);
        let found = (0..everybody)
            .map(|step| self.nth((start + step) % everybody))
            .find(|id| !touched.contains(id) && self.fits(*id, pick));
        touched.extend(found);
        found
    }

    fn nth(&self, number: u64) -> i64 {
        let later = number.checked_sub(self.base.people).and_then(|at| usize::try_from(at).ok());
        later.and_then(|at| self.newcomers.get(at).copied()).unwrap_or_else(|| Base::id_of(number))
    }

    fn fits(&self, id: i64, pick: Pick) -> bool {
        if pick == Pick::Qualifying && !self.records.contains_key(&id) {
            return self.base.index_of(id).is_some_and(|index| self.base.qualifies(index));
        }
        let Some(record) = self.living(id) else { return false };
        let person = &record.person;
        match pick {
            Pick::Anyone => true,
            Pick::Qualifying => person.qualifies(),
            Pick::Ownerless => {
                person.text(Text::SfdcLead).or(person.text(Text::SfdcContact)).is_some()
                    && person.text(Text::SfdcOwner).or(person.text(Text::ExternalOwner)).is_none()
            }
        }
    }

    pub(crate) fn create(&mut self, when: When, touched: &mut HashSet<i64>) -> i64 {
        let id = self.next_id;
        self.next_id += 1 + self.dice.below(3).cast_signed();
        let number = self.base.people + self.newcomers.len() as u64;
        let qualifying = self.dice.chance(0.85);
        let person = self.base.newcomer(number, id, when.at_ms / 1000, qualifying);
        let detail = activity::new_lead_detail(
            when.at_ms / 1000,
            person.text(Text::Source).map(str::to_owned),
            person.text(Text::SfdcType).map(str::to_owned),
        );
        let roles = Vec::new();
        self.put(Record { person, roles, fate: Fate::Alive, ever_qualified: false, settled: false });
        self.log(when, id, activity::NEW_LEAD, (None, None), detail);
        self.newcomers.push(id);
        touched.insert(id);
        id
    }

    /// Somebody without any value yet, to be filled by whoever creates them.
    pub(crate) fn create_blank(&mut self, when: When) -> i64 {
        let id = self.create(when, &mut HashSet::new());
        if let Some(mut record) = self.living(id) {
            record.person.text = [const { None }; fields::TEXTS];
            record.ever_qualified = false;
            self.put(record);
        }
        id
    }

    /// Alters one to three synced fields; never takes a last name or the last Salesforce record away.
    pub(crate) fn change_fields(&mut self, id: i64, when: When) {
        let Some(mut record) = self.living(id) else { return };
        let mut choice = vec![
            Text::FirstName,
            Text::LastName,
            Text::Email,
            Text::Phone,
            Text::Company,
            Text::Title,
            Text::Source,
            Text::LinkedIn,
        ];
        if record.person.text(Text::SfdcType).is_some() {
            choice.extend([Text::SfdcContact, Text::SfdcAccount]);
        }
        for _ in 0..=self.dice.below(3) {
            let at = usize::try_from(self.dice.below(choice.len() as u64)).unwrap_or(0);
            let which = choice.swap_remove(at);
            let old = record.person.text(which).map(str::to_owned);
            let new = new_text(&mut self.dice, which, old.as_deref(), id);
            self.write_text(&mut record, which, new, "Salesforce.com", when);
            if which == Text::SfdcContact && record.person.text(Text::SfdcType) == Some("Lead") {
                // A lead was converted: it is a contact from now on, and belongs to an account.
                record.person.text[Text::SfdcType as usize] = Some("Contact".to_owned());
                let account = salesforce_id::make("001", self.dice.roll(), false);
                self.write_text(&mut record, Text::SfdcAccount, Some(account), "Salesforce.com", when);
                choice.retain(|which| *which != Text::SfdcAccount);
            }
        }
        self.put(record);
    }

    /// Sets one text field and logs it, if it differs.
    fn write_text(&mut self, record: &mut Record, which: Text, new: Option<String>, source: &'static str, when: When) {
        let new = new.filter(|value| !value.is_empty());
        let old = record.person.text(which).map(str::to_owned);
        if old == new {
            return;
        }
        if which == Text::Email {
            self.unsubscribed.leaves(&record.person);
            self.unsubscribe_with(record, new.as_deref(), when);
        }
        record.person.text[which as usize].clone_from(&new);
        record.person.updated_at = when.now_ms / 1000;
        let (old, new) = (old.map_or(Value::Null, Value::from), new.map_or(Value::Null, Value::from));
        self.log_change(record.person.id, fields::of_text(which), old, new, source, when);
    }

    /// A person gets an address that unsubscribed before.
    fn unsubscribe_with(&mut self, record: &mut Record, email: Option<&str>, when: When) {
        let Some(field) = fields::by_name("unsubscribed") else { return };
        if !email.is_some_and(|email| self.unsubscribed.holds(email)) {
            return;
        }
        record.person.set.retain(|(id, _)| *id != field.id);
        record.person.set.push((field.id, Value::Bool(true)));
        self.log_change(record.person.id, field, Value::Bool(false), Value::Bool(true), "Durable unsubscribe", when);
    }

    fn log_change(&mut self, id: i64, field: &'static Field, old: Value, new: Value, source: &'static str, when: When) {
        let primary = (Some(field.id), Some(field.display.to_owned()));
        self.log(when, id, activity::CHANGE_VALUE, primary, Detail::Change { field, old, new, source });
    }

    /// Sets any field of a living person by its REST value and logs it, if it differs.
    pub(crate) fn write_field(&mut self, id: i64, field: &'static Field, new: Value, when: When) {
        let Some(mut record) = self.living(id) else { return };
        if let Kind::Text(which) = field.kind {
            let new = new.as_str().map(str::to_owned);
            self.write_text(&mut record, which, new, "Web service API", when);
        } else {
            let old = record.person.value(field).to_json();
            if old == new {
                return;
            }
            record.person.set.retain(|(id, _)| *id != field.id);
            record.person.set.push((field.id, new.clone()));
            record.person.updated_at = when.now_ms / 1000;
            self.log_change(id, field, old, new, "Web service API", when);
        }
        self.put(record);
    }

    pub(crate) fn delete(&mut self, id: i64, when: When) {
        let Some(mut record) = self.living(id) else { return };
        self.unsubscribed.leaves(&record.person);
        record.fate = Fate::Deleted;
        let name = record.person.name();
        self.put(record);
        self.log_deletion(id, name, when);
    }

    fn log_deletion(&mut self, id: i64, name: String, when: When) {
        let detail = Detail::Plain(vec![("Campaign", json!("Run Action Delete Lead"))]);
        self.log(when, id, activity::DELETE, (Some(id), Some(name)), detail);
    }

    /// The loser vanishes; the survivor may take over what it lacks, without further log entries.
    pub(crate) fn merge(&mut self, survivor: i64, loser: i64, reported_deleted: bool, when: When) {
        let (Some(mut winner), Some(mut gone)) = (self.living(survivor), self.living(loser)) else { return };
        self.unsubscribed.leaves(&gone.person);
        gone.fate = Fate::MergedInto(survivor);
        let name = gone.person.name();
        let takes_over = self.dice.chance(0.6);
        if takes_over {
            for (mine, theirs) in winner.person.text.iter_mut().zip(&gone.person.text) {
                if mine.as_deref().is_none_or(str::is_empty) {
                    mine.clone_from(theirs);
                }
            }
            winner.person.updated_at = when.now_ms / 1000;
        }
        if self.dice.chance(0.5) {
            for role in std::mem::take(&mut gone.roles) {
                add_role(&mut winner.roles, Role { primary: false, ..role });
            }
        }
        self.put(winner);
        self.put(gone);
        let mut detail = vec![("Merge IDs", json!([loser]))];
        if self.dice.chance(0.9) {
            detail.extend([
                ("Merged in Sales", json!(self.dice.chance(0.3))),
                ("Merge Source", json!("leaddb")),
                ("Master Updated", json!(takes_over)),
            ]);
        }
        self.log(when, survivor, activity::MERGE, (Some(survivor), None), Detail::Plain(detail));
        if reported_deleted {
            self.log_deletion(loser, name, when);
        }
    }

    pub(crate) fn lose_owner(&mut self, id: i64, when: When) {
        let Some(mut record) = self.living(id) else { return };
        if self.dice.chance(0.3) {
            for which in [Text::SfdcLead, Text::SfdcContact, Text::SfdcAccount] {
                self.write_text(&mut record, which, None, "Salesforce.com", when);
            }
            record.person.text[Text::SfdcType as usize] = None;
        } else {
            self.write_owner(&mut record, None, when);
            record.person.text[Text::ExternalOwner as usize] = None;
        }
        self.put(record);
    }

    pub(crate) fn gain_owner(&mut self, id: i64, when: When) {
        let Some(mut record) = self.living(id) else { return };
        let owner = owner_id(self.base.seed, self.dice.roll(), self.dice.chance(0.1));
        self.write_owner(&mut record, Some(owner), when);
        self.put(record);
    }

    fn write_owner(&mut self, record: &mut Record, new: Option<String>, when: When) {
        let id = record.person.id;
        let old = record.person.text(Text::SfdcOwner).map(str::to_owned);
        let json_of = |owner: &Option<String>| owner.clone().map_or(Value::Null, Value::from);
        let detail = vec![("Old Owner ID", json_of(&old)), ("New Owner ID", json_of(&new))];
        self.log(when, id, activity::CHANGE_OWNER, (Some(id), new.clone()), Detail::Plain(detail));
        if self.dice.chance(self.streams.owner_value_share) {
            self.write_text(record, Text::SfdcOwner, new, "Salesforce.com", when);
        } else {
            record.person.text[Text::SfdcOwner as usize] = new;
            record.person.updated_at = when.now_ms / 1000;
        }
    }

    /// Adds, removes or alters one opportunity role.
    pub(crate) fn change_opportunity(&mut self, id: i64, when: When) {
        let Some(mut record) = self.living(id) else { return };
        let count = record.roles.len() as u64;
        let choice = if count == 0 { 0 } else { self.dice.below(3) };
        let at = usize::try_from(self.dice.below(count)).unwrap_or(0);
        let (kind, role) = match choice {
            0 => {
                let role = self.new_role(id, when);
                if role.primary {
                    record.roles.iter_mut().for_each(|other| other.primary = false);
                }
                (activity::ADD_OPPORTUNITY, add_role(&mut record.roles, role))
            }
            1 => (activity::REMOVE_OPPORTUNITY, record.roles.remove(at)),
            _ => {
                let primary = !record.roles[at].primary;
                record.roles.iter_mut().for_each(|other| other.primary = false);
                record.roles[at].primary = primary;
                (activity::UPDATE_OPPORTUNITY, record.roles[at].clone())
            }
        };
        self.put(record);
        let detail = vec![
            ("Role", json!(role.role)),
            ("Is Primary", json!(role.primary)),
            ("SFDC Opportunity ID", json!(role.opportunity)),
        ];
        let number = role.guid.bytes().fold(0_i64, |sum, byte| (sum * 31 + i64::from(byte)) % 1_000_000);
        let primary = (Some(number), Some(format!("Opportunity {number}")));
        self.log(when, id, kind, primary, Detail::Plain(detail));
    }

    fn new_role(&mut self, id: i64, when: When) -> Role {
        let rolled = self.dice.roll();
        let guid = format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            id,
            rolled & 0xffff,
            rolled >> 16 & 0xfff,
            rolled >> 28 & 0xfff,
            rolled >> 16
        );
        Role {
            guid,
            opportunity: salesforce_id::make("006", rolled, self.dice.chance(0.1)),
            role: ROLE_NAMES[usize::try_from(rolled & 3).unwrap_or(0)],
            primary: self.dice.chance(0.4),
            created_at: when.at_ms / 1000,
        }
    }

    pub(crate) fn change_partition(&mut self, id: i64, when: When) {
        let Some(mut record) = self.living(id) else { return };
        let Some(field) = fields::by_name("leadPartitionId") else { return };
        let old = record.person.value(field).to_json().as_i64().unwrap_or(1);
        let new = if old == 1 { 2 } else { 1 };
        record.person.set.retain(|(id, _)| *id != field.id);
        record.person.set.push((field.id, json!(new)));
        self.put(record);
        let name = if new == 1 { "Default" } else { "EMEA" };
        let detail = Detail::Plain(vec![("Old Partition ID", json!(old)), ("Reason", json!("Moved by operator"))]);
        self.log(when, id, activity::CHANGE_PARTITION, (Some(new), Some(name.to_owned())), detail);
    }
}

/// Creation times of one person's roles stay distinct, so that "the newest" has one answer.
fn add_role(roles: &mut Vec<Role>, mut role: Role) -> Role {
    while roles.iter().any(|other| other.created_at == role.created_at) {
        role.created_at += 1;
    }
    roles.push(role.clone());
    role
}

/// A new value for a synced field: sometimes empty, sometimes awkward, always another one than before.
fn new_text(dice: &mut Dice, which: Text, old: Option<&str>, id: i64) -> Option<String> {
    let may_be_empty = !matches!(which, Text::LastName | Text::SfdcContact);
    if may_be_empty && old.is_some() && dice.chance(0.12) {
        return None;
    }
    let rolled = dice.roll();
    let plain = match which {
        Text::FirstName => text::first_name(rolled).to_owned(),
        Text::LastName => text::last_name(rolled).to_owned(),
        Text::Email => return Some(text::email(rolled, rolled % 1_000_000_000)),
        Text::Phone => text::phone(rolled),
        Text::Company => text::company(rolled),
        Text::Title => text::title(rolled),
        Text::LinkedIn => text::linked_in(rolled, id.cast_unsigned() ^ (rolled >> 50)),
        Text::SfdcContact => return Some(salesforce_id::make("003", rolled, rolled.is_multiple_of(10))),
        Text::SfdcAccount => return Some(salesforce_id::make("001", rolled, rolled.is_multiple_of(10))),
        _ => text::source(rolled).to_owned(),
    };
    if which == Text::LastName && dice.chance(0.02) && old != Some("null") {
        return Some("null".to_owned());
    }
    let value = if dice.chance(0.15) { text::awkward(dice.roll(), &plain) } else { plain };
    Some(if old == Some(value.as_str()) { format!("{value} II") } else { value })
}
