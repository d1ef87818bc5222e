//! `explain`: why a person is or is not synced, where activities are logged, and whether mails may go.

use std::path::Path;

use domain::opt_outs::{self, Address};
use domain::people::{Field, MarketoId};
use domain::{activities, explain, tasks};

use super::open;
use crate::embedded::Embedded;
use crate::failure::CommandFailure;
use crate::output;

pub async fn run(state: &Path, person: &str) -> Result<(), CommandFailure> {
    let id = person.parse().ok().filter(|id| *id > 0).map(MarketoId);
    if id.is_none() && !person.contains('@') {
        return Err(CommandFailure::Usage("name a person by Marketo id or by email address".into()));
    }
    let embedded = open(state).await?;
    let explained = match id {
        Some(id) => vec![explain::by_id(&embedded.changes, id).await?],
        None => explain::by_email(&embedded.changes, person).await?,
    };
    if explained.is_empty() {
        output::line("nobody with that email address is stored or in Marketo");
        mail(&embedded, Address::of(person)).await?;
    }
    for one in explained {
        output::line(format!("{}: {}", one.id, if one.synced { "synced" } else { "not synced" }));
        let row = embedded.changes.people.get(&[one.id]).await?.into_iter().next();
        let logged = activities::explain(&*embedded.tables.ledger(), &*embedded.tables.state, row.as_ref()).await?;
        let tasks = tasks::explain(&*embedded.tables.tasks(), one.id).await?;
        for reason in one.reasons.into_iter().chain(logged).chain(tasks) {
            output::line(format!("  {reason}"));
        }
        let stored = row.as_ref().and_then(|row| row.fields.get(Field::Email));
        mail(&embedded, stored.or(id.is_none().then_some(person)).and_then(Address::of)).await?;
    }
    Ok(())
}

/// Whether the address may be mailed.
async fn mail(embedded: &Embedded, address: Option<Address>) -> Result<(), CommandFailure> {
    let Some(address) = address else { return Ok(()) };
    let tables = &embedded.tables;
    for sentence in opt_outs::explain(&*tables.opt_outs(), &*tables.state, &address).await? {
        output::line(format!("  {sentence}"));
    }
    Ok(())
}
