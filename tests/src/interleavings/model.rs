//! What must hold: who is known to have said no, told apart from the rules under test, and what events do to the world.

use std::collections::{BTreeMap, BTreeSet};

use domain::opt_outs::{self, Address, Checker, Occasion, Reason, Reconciled, Said, Source};
use domain::people::{Field, MarketoId, Status};
use domain::ports::PeopleTable;
use serde_json::{Value, json};
use simulator_salesforce::Edit;

use super::Happening;
use super::world::{Cut, Small, email};

/// Where stories cut off, by turns.
const CUTS: [Cut; 6] = [
    Cut::Register { nth: 1, after: false },
    Cut::Register { nth: 1, after: true },
    Cut::Salesforce { nth: 1, after: false },
    Cut::Salesforce { nth: 1, after: true },
    Cut::Register { nth: 2, after: false },
    Cut::Register { nth: 2, after: true },
];
/// Passes within which everything has to be in step once nothing happens any more.
const PASSES: usize = 3;
/// Longer than any lease of somebody who was cut off.
const LEASES_ARE_OVER: u64 = 20 * 60;
/// The addresses that people of the stories have.
const LETTERS: [&str; 3] = ["a", "b", "c"];

/// Who is known to have said no.
#[derive(Default)]
pub struct Model {
    no: BTreeSet<String>,
    /// Records whose box a user ticked, and that no pass has read since.
    ticked: BTreeSet<String>,
    /// Merges that no pull has read: the loser, and the survivor.
    merges: Vec<(i64, i64)>,
    /// People in Marketo, and their addresses.
    people: BTreeMap<i64, String>,
    /// Records that were made in the course of the story.
    made: u64,
    /// Whether the last event cleared the first address.
    cleared: bool,
}

impl Model {
    /// Lets an event happen; `place` says how far the story is.
    ///
    /// # Errors
    /// Where the rules fail.
    pub async fn happens(&mut self, world: &mut Small, event: Happening, place: usize) -> Result<(), String> {
        if self.people.is_empty() {
            self.people = [(world.person, email("a")), (world.other, email("b"))].into();
        }
        self.cleared = false;
        world.advance(30);
        let (a, lives) = (email("a"), self.people.contains_key(&world.person));
        match event {
            Happening::Link => self.link(world).await?,
            Happening::Ticked => {
                if let Some(id) = live(world, &a).first() {
                    edit(world, id, json!({ "HasOptedOutOfEmail": true }));
                    self.ticked.insert(id.clone());
                }
            }
            Happening::Unticked => {
                for id in live(world, &a) {
                    edit(world, &id, json!({ "HasOptedOutOfEmail": false }));
                    self.ticked.remove(&id);
                }
            }
            Happening::Unsubscribed => {
                if let Some(theirs) = self.people.get(&world.person) {
                    world.marketo.set_field(world.person, "unsubscribed", true.into());
                    self.no.insert(theirs.clone());
                }
            }
            Happening::InitialSync => world.initial_sync().await?,
            Happening::Pull => self.pull(world).await?,
            Happening::AddressChange => {
                if lives {
                    world.marketo.set_field(world.person, "email", email("c").into());
                    self.people.insert(world.person, email("c"));
                }
                if let Some(id) = live(world, &a).first() {
                    edit(world, id, json!({ "Email": email("c") }));
                }
            }
            Happening::Merge => {
                if lives {
                    world.marketo.merge(world.other, world.person, false);
                    self.people.remove(&world.person);
                    self.merges.push((world.person, world.other));
                }
            }
            Happening::Delete => {
                world.marketo.delete(world.person);
                self.people.remove(&world.person);
                if let Some(id) = live(world, &a).first() {
                    world.salesforce.delete(id, None)?;
                }
            }
            Happening::Recreate => self.recreate(world),
            Happening::Convert => {
                let lead = live(world, &a).into_iter().find(|id| id.starts_with("00Q"));
                if let Some(id) = lead {
                    world.salesforce.convert(&id, None, None)?;
                }
            }
            Happening::Crash => self.crash(world, CUTS[place % CUTS.len()]).await?,
            Happening::Resubscribe => self.resubscribe(world).await,
            Happening::Reconcile => self.reconcile(world).await?,
        }
        Ok(())
    }

    async fn link(&mut self, world: &Small) -> Result<(), String> {
        let address = Address::of(&email("a")).unwrap();
        let event = opt_outs::event(&*world.ports.clock, Source::ClickedLink, None, None);
        let said = [Said { address: address.clone(), event, message: None }];
        opt_outs::add(&*world.ports.register, &said).await.map_err(|failure| failure.to_string())?;
        self.no.insert(email("a"));
        // Somebody who was cut off may still hold the lease; then the next pass does it.
        opt_outs::push(&world.ports, &[address], None).await.map(drop).map_err(|failure| failure.to_string())
    }

    fn recreate(&mut self, world: &mut Small) {
        self.made += 1;
        let lead = domain::people::to_18_characters(&format!("00Q5e00000001{:02}", self.made)).into_owned();
        let fields: [(&str, Value); 4] = [
            ("lastName", "Somebody".into()),
            ("email", email("a").into()),
            ("sfdcLeadId", lead.clone().into()),
            ("sfdcLeadOwnerId", "0055e00000AbCdE".into()),
        ];
        let id = world.marketo.create(&fields);
        world.put("Lead", &lead, &email("a"));
        self.people.insert(id, email("a"));
        if !self.people.contains_key(&world.person) {
            world.person = id;
        }
    }

    async fn pull(&mut self, world: &Small) -> Result<(), String> {
        let inherits = self.inherited(world).await?;
        if world.pull().await? {
            self.no.extend(inherits);
            self.merges.clear();
        }
        Ok(())
    }

    /// Addresses that have said no once the merges are known: of survivors whose losers are stored with an address that has.
    async fn inherited(&self, world: &Small) -> Result<Vec<String>, String> {
        let mut addresses = Vec::new();
        for (loser, survivor) in &self.merges {
            let rows = world.people.get(&[MarketoId(*loser)]).await.map_err(|failure| failure.to_string())?;
            let stored =
                rows.iter().find(|row| row.status != Status::Merged).and_then(|row| row.fields.get(Field::Email));
            if stored.is_some_and(|stored| self.no.contains(stored)) {
                addresses.extend(self.people.get(survivor).cloned());
            }
        }
        Ok(addresses)
    }

    async fn crash(&mut self, world: &Small, cut: Cut) -> Result<(), String> {
        if self.merges.is_empty() {
            let asked = Occasion::Asked { full: false };
            let done = world.cut_off(cut, opt_outs::reconcile(&world.ports, asked, None)).await;
            if let Some(done) = done {
                self.read(world, &done.map_err(|failure| failure.to_string())?);
            }
            return Ok(());
        }
        let inherits = self.inherited(world).await?;
        if let Some(caught_up) = world.cut_off(cut, world.pull()).await
            && caught_up?
        {
            self.no.extend(inherits);
            self.merges.clear();
        }
        Ok(())
    }

    async fn resubscribe(&mut self, world: &Small) {
        let address = Address::of(&email("a")).unwrap();
        let done = opt_outs::resubscribe(&world.ports, &address, "signed form of today", None).await;
        // Nothing is cleared while somebody who was cut off holds the lease.
        if done.is_ok() {
            self.no.remove(&email("a"));
            let theirs: BTreeSet<String> =
                with_address(world, &email("a")).into_iter().map(|record| text(&record, "Id")).collect();
            self.ticked.retain(|id| !theirs.contains(id));
            self.cleared = true;
        }
    }

    async fn reconcile(&mut self, world: &Small) -> Result<(), String> {
        let done = pass(world).await?;
        self.read(world, &done);
        Ok(())
    }

    /// A pass has read every box that was ticked before it.
    fn read(&mut self, world: &Small, done: &Reconciled) {
        if done.complete {
            let ticked = std::mem::take(&mut self.ticked);
            self.no.extend(records(world).iter().filter(|r| ticked.contains(&text(r, "Id"))).map(|r| text(r, "Email")));
        }
    }

    /// Asks whether mails may go, as the app does before each.
    ///
    /// # Errors
    /// An address that said no and may be mailed; one that was just cleared and may not.
    pub async fn check(&mut self, world: &Small) -> Result<(), String> {
        let checker = Checker::new(world.check.clone());
        let decisions = checker.check(&LETTERS.map(email), false).await.map_err(|failure| failure.to_string())?;
        for decision in decisions {
            if decision.allowed && self.no.contains(&decision.email) {
                return Err(format!("{} said no and may be mailed", decision.email));
            }
            if self.cleared && decision.email == email("a") && decision.reason == Reason::OptedOut {
                return Err(format!("{} was cleared and is opted out", decision.email));
            }
            // What Marketo said no to stays no.
            if matches!(decision.reason, Reason::MarketoUnsubscribed | Reason::MarketoBlocklisted) {
                self.no.insert(decision.email);
            }
        }
        Ok(())
    }

    /// Lets everything come in step, and looks whether it is.
    ///
    /// # Errors
    /// What is not.
    pub async fn end(&mut self, world: &mut Small) -> Result<(), String> {
        for _ in 0..PASSES {
            world.advance(LEASES_ARE_OVER);
            self.pull(world).await?;
            self.reconcile(world).await?;
            self.check(world).await?;
        }
        if !self.ticked.is_empty() || !self.merges.is_empty() {
            return Err("a pass or a pull did not come to its end".to_owned());
        }
        let again = pass(world).await?;
        if again.planned > 0 || !again.complete {
            return Err(format!("one more pass finds something to do: {again:?}"));
        }
        let entries = world.entries.all().map_err(|failure| failure.to_string())?;
        let opted_out: BTreeSet<&str> =
            entries.iter().filter(|entry| entry.opted_out).map(|entry| entry.address.as_str()).collect();
        let all = records(world);
        for record in &all {
            let (says_no, ticked) =
                (opted_out.contains(text(record, "Email").as_str()), flag(record, "HasOptedOutOfEmail"));
            if !flag(record, "IsDeleted") && !flag(record, "IsConverted") && says_no != ticked {
                return Err(format!("the register says {says_no}, the box {ticked}: {record}"));
            }
            let contact = all.iter().find(|other| other["Id"] == record["ConvertedContactId"]);
            if says_no
                && contact.is_some_and(|contact| !flag(contact, "IsDeleted") && !flag(contact, "HasOptedOutOfEmail"))
            {
                return Err(format!("a lead said no and its contact did not: {record}"));
            }
        }
        Ok(())
    }
}

async fn pass(world: &Small) -> Result<Reconciled, String> {
    let asked = Occasion::Asked { full: false };
    let mut done = opt_outs::reconcile(&world.ports, asked, None).await.map_err(|failure| failure.to_string())?;
    if done.busy {
        world.advance(LEASES_ARE_OVER);
        done = opt_outs::reconcile(&world.ports, asked, None).await.map_err(|failure| failure.to_string())?;
    }
    match &done.closed {
        Some(problem) => Err(problem.message.clone()),
        None => Ok(done),
    }
}

fn records(world: &Small) -> Vec<Value> {
    ["Contact", "Lead"].into_iter().flat_map(|object| world.salesforce.records(object)).collect()
}

fn with_address(world: &Small, email: &str) -> Vec<Value> {
    records(world).into_iter().filter(|record| record["Email"] == email).collect()
}

/// Ids of an address's records that can be changed, leads first.
fn live(world: &Small, email: &str) -> Vec<String> {
    let open = |record: &Value| !flag(record, "IsDeleted") && !flag(record, "IsConverted");
    let mut ids: Vec<String> =
        with_address(world, email).into_iter().filter(open).map(|record| text(&record, "Id")).collect();
    ids.sort_by_key(|id| !id.starts_with("00Q"));
    ids
}

fn edit(world: &Small, id: &str, fields: Value) {
    let fields = fields.as_object().cloned().unwrap_or_default();
    world.salesforce.edit(&Edit { id: id.to_owned(), fields, ..Edit::default() }).unwrap();
}

fn text(record: &Value, name: &str) -> String {
    record[name].as_str().unwrap_or_default().to_owned()
}

fn flag(record: &Value, name: &str) -> bool {
    record[name].as_bool().unwrap_or_default()
}
