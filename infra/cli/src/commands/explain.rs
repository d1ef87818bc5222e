//! `explain`: why a person is or is not synced, and where activities are logged.

use std::path::Path;

use domain::people::MarketoId;
use domain::{activities, explain};

use super::open;
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
    }
    for one in explained {
        output::line(format!("{}: {}", one.id, if one.synced { "synced" } else { "not synced" }));
        let row = embedded.changes.people.get(&[one.id]).await?.into_iter().next();
        let logged = activities::explain(&*embedded.tables.ledger(), &*embedded.tables.state, row.as_ref()).await?;
        for reason in one.reasons.into_iter().chain(logged) {
            output::line(format!("  {reason}"));
        }
    }
    Ok(())
}
