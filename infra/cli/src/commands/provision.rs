//! `provision marketo` and `provision salesforce`.

use std::path::Path;

use domain::activities::{self, Missing};
use domain::settings;

use super::open_logging;
use crate::args::Target;
use crate::failure::CommandFailure;
use crate::output;

pub async fn run(target: Target, check: bool, state: Option<&Path>) -> Result<(), CommandFailure> {
    let logging = open_logging(state).await?;
    let ports = &logging.ports;
    let layout = settings::load(&*ports.state).await?.log()?.types;
    let missing = match target {
        Target::Marketo if !check => {
            for line in activities::provision_marketo(&*ports.marketo, layout).await? {
                output::line(line);
            }
            activities::missing_in_marketo(&*ports.marketo, layout).await?
        }
        Target::Marketo => activities::missing_in_marketo(&*ports.marketo, layout).await?,
        Target::Salesforce => activities::missing_in_salesforce(&*ports.salesforce).await?,
    };
    say(&missing)
}

fn say(missing: &[Missing]) -> Result<(), CommandFailure> {
    if missing.is_empty() {
        output::line("nothing is missing");
        return Ok(());
    }
    for one in missing {
        let need = if one.required { "required" } else { "optional" };
        output::line(format!("missing ({need}): {}\n  {}", one.what, one.remedy));
    }
    let required = missing.iter().filter(|one| one.required).count();
    if required == 0 {
        return Ok(());
    }
    Err(CommandFailure::Wrong(format!("{required} of them are required before activities can be logged")))
}
