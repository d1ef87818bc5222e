//! `deploy-local`: builds the functions, deploys the template as it is to an emulated AWS, and with `--check` proves that what was deployed
//! works by itself. What it starts, it ends, in whatever way it ends itself.

mod aws;
mod bootstraps;
mod check;
mod emulator;
mod endpoint;
mod external;
mod findings;
mod folders;
mod interrupts;
mod killer;
mod letters;
mod people;
mod processes;
mod stack;
mod stage;
mod template;
mod up;
mod venv;

use std::time::{Duration, Instant};

use crate::args::Emulator;
use crate::environment::Environment;
use crate::failure::CommandFailure;
use endpoint::Endpoint;
use findings::Findings;
use interrupts::Interrupts;
use up::Up;

/// Between looks at what is waited for.
const LOOK: Duration = Duration::from_millis(200);
/// People of the simulated Marketo.
const PEOPLE: u64 = 5_000;

/// What was asked for.
pub struct Options {
    pub emulator: Option<Emulator>,
    pub check: bool,
    /// Seed of the moments at which function processes are killed.
    pub kill_functions: Option<u64>,
    pub profile: String,
}

pub async fn run(options: Options) -> Result<(), CommandFailure> {
    let began = Instant::now();
    let given = configured(&options, &|name| std::env::var(name).ok())?;
    let mut interrupts = Interrupts::watch()?;
    let config = simulator_marketo::Config { people: PEOPLE, ..simulator_marketo::Config::default() };
    let marketo = Environment::from_process_or(config).await?;
    let mut up = tokio::select! {
        up = Up::bring(&options, given, marketo) => up?,
        signal = interrupts.next() => return Err(interrupted(signal)),
    };
    up.tell()?;
    if !options.check {
        return stay(up, interrupts).await;
    }
    let mut findings = Findings::new();
    findings.holds("template.yaml deployed, unmodified", "stack complete".to_owned(), began.elapsed());
    let outcome = tokio::select! {
        outcome = check::prove(&mut up, options.kill_functions, &mut findings) => outcome,
        signal = interrupts.next() => Err(interrupted(signal)),
    };
    let tail = match &outcome {
        Ok(()) => None,
        Err(_) => Some(up.keep_logs_and_tail().await),
    };
    let ending = Instant::now();
    let ended = up.end(true).await;
    findings.add("everything that was started has ended", ended, ending.elapsed());
    findings.print();
    if let Some(tail) = tail {
        eprintln!("{tail}");
    }
    outcome.and(findings.verdict())
}

/// Stays for as long as something here is needed by what was deployed.
async fn stay(mut up: Up, mut interrupts: Interrupts) -> Result<(), CommandFailure> {
    let mut outcome = Ok(());
    if up.is_needed() {
        eprintln!("Ctrl-C ends it all");
        outcome = tokio::select! {
            _ = interrupts.next() => Ok(()),
            why = up.died() => Err(why),
        };
    }
    let how = up.end(false).await?;
    eprintln!("{how}");
    outcome
}

fn interrupted(signal: &str) -> CommandFailure {
    CommandFailure::Wrong(format!("interrupted ({signal}); what was started is ended"))
}

/// The endpoint to deploy to, where none is started; all that is wrong with the configuration is named at once.
fn configured(options: &Options, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Option<Endpoint>, CommandFailure> {
    let mut problems = Vec::new();
    let endpoint = match options.emulator {
        Some(Emulator::Ministack) => None,
        None => Endpoint::from_env(lookup).map_err(|problem| problems.push(problem.to_string())).ok(),
    };
    if options.check && lookup("MARKETO_BASE_URL").is_some_and(|url| !url.trim().is_empty()) {
        problems.push(
            "--check compares with what the built-in Marketo simulator knows to be true; unset MARKETO_BASE_URL"
                .to_owned(),
        );
    }
    if problems.is_empty() { Ok(endpoint) } else { Err(CommandFailure::Usage(problems.join("; "))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_wrong_is_named_at_once() {
        let options = |emulator| Options { emulator, check: true, kill_functions: None, profile: "dev".into() };
        let lookup = |name: &str| (name == "MARKETO_BASE_URL").then(|| "https://123-ABC-456.mktorest.com".to_owned());
        let both = configured(&options(None), &lookup).unwrap_err().to_string();
        assert!(both.contains("AWS_ENDPOINT_URL") && both.contains("unset MARKETO_BASE_URL"), "{both}");
        let started = configured(&options(Some(Emulator::Ministack)), &lookup).unwrap_err().to_string();
        assert!(!started.contains("AWS_ENDPOINT_URL"), "{started}");
        assert_eq!(configured(&options(Some(Emulator::Ministack)), &|_| None).unwrap(), None);
    }
}
