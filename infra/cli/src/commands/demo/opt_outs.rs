//! The part of the demonstration in which people say no: by link, in Salesforce, in both, in Marketo; some boxes are unticked again, and some
//! people give new consent. What must come of it is told here, apart from the rules that bring it about.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use comfy_table::{CellAlignment, Table};
use domain::opt_outs::{self, Address, Occasion, Said, Source};
use domain::people::{Field, PersonRow, Status};
use domain::ports::OptOutPorts;
use serde::Serialize;
use serde_json::{Value, json};
use simulator_salesforce::{Edit, World};

use crate::failure::CommandFailure;
use crate::logging::Logging;
use crate::opt_outs::{checker, ports};
use crate::output;

/// One story for so many people, within bounds.
const PEOPLE_PER_STORY: usize = 100;
const FEWEST: usize = 64;
const MOST: usize = 800;
const BOX: &str = "HasOptedOutOfEmail";

/// What happens to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Story {
    /// The recipient clicks the link; where the record is a lead, it is converted before anybody looks.
    Link,
    /// A Salesforce user ticks the box.
    Ticked,
    /// Both.
    Both,
    /// A seller says so, and there is a second record with the address.
    TwoRecords,
    /// Ticked, and unticked by somebody after the first pass.
    Unticked,
    /// Ticked, and an admin has new consent.
    Resubscribed,
    /// Marketo's person unsubscribes.
    Unsubscribed,
    /// Nothing.
    Quiet,
}

impl Story {
    const ALL: [Self; 8] = [
        Self::Link,
        Self::Ticked,
        Self::Both,
        Self::TwoRecords,
        Self::Unticked,
        Self::Resubscribed,
        Self::Unsubscribed,
        Self::Quiet,
    ];

    /// Whether it ends opted out, here and in Salesforce.
    fn says_no(self) -> bool {
        !matches!(self, Self::Resubscribed | Self::Unsubscribed | Self::Quiet)
    }
}

/// What the part came to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    seconds: f64,
    /// What, expected, found.
    rows: Vec<(String, usize, usize)>,
    wrong: Vec<String>,
}

struct Person {
    email: String,
    marketo: i64,
    record: String,
    story: Story,
}

/// People say no, and both sides are brought in step.
pub async fn run(logging: &Logging, rows: &[PersonRow]) -> Result<Kept, CommandFailure> {
    let began = Instant::now();
    let missing = || CommandFailure::Wrong("the demonstration needs its simulators".into());
    let marketo = logging.embedded.environment.simulator.as_ref().ok_or_else(missing)?.world();
    let salesforce = logging.salesforce.simulator.as_ref().ok_or_else(missing)?.world();
    let people = people(rows);
    eprintln!("opt-outs: {} people click links, have boxes ticked and unticked, or give new consent", people.len());
    let (ports, _) = ports(&logging.embedded.tables, &logging.salesforce);
    let of = |story: Story| people.iter().filter(move |person| person.story == story);

    for person in of(Story::Unsubscribed) {
        marketo.set_field(person.marketo, "unsubscribed", true.into());
    }
    for person in of(Story::TwoRecords) {
        put(&salesforce, &person.email)?;
    }
    for person in of(Story::Link).filter(|person| person.record.starts_with("00Q")) {
        salesforce.convert(&person.record, None, None).map_err(CommandFailure::Wrong)?;
    }
    for story in [Story::Ticked, Story::Both, Story::Unticked, Story::Resubscribed] {
        of(story).try_for_each(|person| tick(&salesforce, &person.record, true))?;
    }
    let links: Vec<&Person> = of(Story::Link).chain(of(Story::Both)).collect();
    say_no(&ports, &links, Source::ClickedLink).await?;
    say_no(&ports, &of(Story::TwoRecords).collect::<Vec<_>>(), Source::Manual).await?;
    pass(&ports).await?;
    of(Story::Unticked).try_for_each(|person| tick(&salesforce, &person.record, false))?;
    let restored = pass(&ports).await?.restored;
    for person in of(Story::Resubscribed) {
        let address = address(person)?;
        opt_outs::resubscribe(&ports, &address, "the demonstration's new consent", None).await?;
    }
    let again = pass(&ports).await?;

    let mut wrong = Vec::new();
    if again.planned > 0 || !again.complete {
        wrong.push(format!("a pass over unchanged sides finds {} things to do", again.planned));
    }
    let mut rows = boxes(&salesforce, &people);
    rows.push(register(&ports, &people).await?);
    let unticked = of(Story::Unticked).count();
    rows.push(("boxes restored that somebody unticked".to_owned(), unticked, usize::try_from(restored).unwrap_or(0)));
    rows.extend(decisions(logging, &marketo, &people).await?);
    Ok(Kept { seconds: began.elapsed().as_secs_f64(), rows, wrong })
}

/// Some people with an address and a record of their own, each with a story.
fn people(rows: &[PersonRow]) -> Vec<Person> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let email = |row: &PersonRow| row.fields.get(Field::Email).and_then(Address::of).map(|a| a.as_str().to_owned());
    for email in rows.iter().filter_map(email) {
        *seen.entry(email).or_default() += 1;
    }
    let alone = rows.iter().filter(|row| row.status == Status::Active).filter_map(|row| {
        let record = row.fields.get(Field::SfdcContactId).or(row.fields.get(Field::SfdcLeadId))?;
        Some((email(row).filter(|email| seen[email] == 1 && email.len() <= 80)?, row.id.0, record.to_owned()))
    });
    let count = (rows.len() / PEOPLE_PER_STORY).clamp(FEWEST, MOST);
    let stories = Story::ALL.iter().cycle();
    alone
        .take(count)
        .zip(stories)
        .map(|((email, marketo, record), story)| Person { email, marketo, record, story: *story })
        .collect()
}

fn address(person: &Person) -> Result<Address, CommandFailure> {
    Address::of(&person.email).ok_or_else(|| CommandFailure::Wrong("a made-up address is none".into()))
}

fn put(salesforce: &World, email: &str) -> Result<(), CommandFailure> {
    let record = json!({ "LastName": "Namesake", "Email": email });
    salesforce.put("Contact", &[record]).map(drop).map_err(CommandFailure::Wrong)
}

/// A Salesforce user ticks or unticks a box.
fn tick(salesforce: &World, id: &str, ticked: bool) -> Result<(), CommandFailure> {
    let fields = [(BOX.to_owned(), Value::from(ticked))].into_iter().collect();
    salesforce.edit(&Edit { id: id.to_owned(), fields, ..Edit::default() }).map_err(CommandFailure::Wrong)
}

async fn say_no(ports: &OptOutPorts, people: &[&Person], source: Source) -> Result<(), CommandFailure> {
    let event = opt_outs::event(&*ports.clock, source, None, None);
    let said = |person: &&Person| Ok(Said { address: address(person)?, event: event.clone(), message: None });
    let said: Vec<Said> = people.iter().map(said).collect::<Result<_, CommandFailure>>()?;
    opt_outs::add(&*ports.register, &said).await?;
    let addresses: Vec<Address> = said.into_iter().map(|said| said.address).collect();
    opt_outs::push(ports, &addresses, None).await?;
    Ok(())
}

async fn pass(ports: &OptOutPorts) -> Result<opt_outs::Reconciled, CommandFailure> {
    let done = opt_outs::reconcile(ports, Occasion::Asked { full: false }, None).await?;
    match &done.closed {
        Some(problem) => Err(CommandFailure::Wrong(problem.message.clone())),
        None => Ok(done),
    }
}

/// Boxes of records that can be changed: ticked where they must be, and clear where they must be.
fn boxes(salesforce: &World, people: &[Person]) -> Vec<(String, usize, usize)> {
    let stories: BTreeMap<&str, Story> = people.iter().map(|person| (person.email.as_str(), person.story)).collect();
    let (mut ticked, mut clear) = ((0, 0), (0, 0));
    for record in ["Contact", "Lead"].into_iter().flat_map(|object| salesforce.records(object)) {
        let email = record["Email"].as_str().unwrap_or_default().to_lowercase();
        let Some(story) = stories.get(email.as_str()).filter(|_| record["IsConverted"] != true) else { continue };
        let is = record[BOX] == true;
        let (expected, found) = if story.says_no() { (&mut ticked, is) } else { (&mut clear, !is) };
        expected.0 += 1;
        expected.1 += usize::from(found);
    }
    vec![("boxes ticked".to_owned(), ticked.0, ticked.1), ("boxes clear".to_owned(), clear.0, clear.1)]
}

async fn register(ports: &OptOutPorts, people: &[Person]) -> Result<(String, usize, usize), CommandFailure> {
    let wanted: BTreeSet<&str> =
        people.iter().filter(|person| person.story.says_no()).map(|person| person.email.as_str()).collect();
    let (mut found, mut others) = (0, 0);
    opt_outs::for_each(&*ports.register, |entry| {
        if entry.opted_out {
            if wanted.contains(entry.address.as_str()) { found += 1 } else { others += 1 }
        }
        Ok(())
    })
    .await?;
    Ok(("addresses opted out here".to_owned(), wanted.len(), found + others))
}

/// Whether mails may go, by the reason: what the check says, and what must be said by the stories and by Marketo itself.
async fn decisions(
    logging: &Logging,
    marketo: &simulator_marketo::World,
    people: &[Person],
) -> Result<Vec<(String, usize, usize)>, CommandFailure> {
    let emails: Vec<String> = people.iter().map(|person| person.email.clone()).collect();
    let checker = checker(&logging.embedded.tables, &logging.embedded.environment);
    let decisions = checker.check(&emails, false).await?;
    let mut by_reason: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (person, decision) in people.iter().zip(&decisions) {
        let flags = marketo.flags_of_address(&person.email);
        let reason = match person.story {
            story if story.says_no() => "optedOut",
            _ if flags.iter().any(|flags| flags.unsubscribed) => "marketoUnsubscribed",
            _ if flags.iter().any(|flags| flags.blocklisted) => "marketoBlocklisted",
            _ if flags.iter().any(|flags| flags.invalid) => "emailInvalid",
            _ => "ok",
        };
        by_reason.entry(reason).or_default().0 += 1;
        // A right count of wrong decisions is no agreement.
        by_reason.entry(reason).or_default().1 += usize::from(decision.reason.as_str() == reason);
    }
    Ok(by_reason
        .into_iter()
        .map(|(reason, (expected, found))| (format!("can-send: {reason}"), expected, found))
        .collect())
}

impl Kept {
    /// Whether everything is as it must be.
    pub fn is_right(&self) -> bool {
        self.wrong.is_empty() && self.rows.iter().all(|(_, expected, found)| expected == found)
    }

    /// Prints it.
    pub fn print(&self) {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::UTF8_BORDERS_ONLY);
        table.set_header(["opt-outs", "expected", "found"]);
        for (what, expected, found) in &self.rows {
            table.add_row([what, &expected.to_string(), &found.to_string()]);
        }
        for index in 1..3 {
            if let Some(column) = table.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        output::line(table);
        for wrong in &self.wrong {
            output::line(format!("wrong: {wrong}"));
        }
    }
}
