//! Kills function processes while they work and while they wait, at moments that a seed gives. Must not care what a function does.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::emulator::functions_of;
use super::processes::{self, PROC, Process};

/// Between looks at the processes.
const LOOK: Duration = Duration::from_millis(50);
/// One in so many looks at a function at work is its end, and one in so many at a function that waits.
const AT_WORK: u32 = 6;
const WAITING: u32 = 600;
/// How often a function is killed at work, and how often while it waits. Each time at work may cost the life of a lease or the visibility
/// of a message, a quarter of an hour at most.
const MOST: u32 = 2;

/// How often a function was killed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Kills {
    pub at_work: u32,
    pub waiting: u32,
}

/// Kills until it is dropped.
pub struct Killer {
    killing: JoinHandle<()>,
    kills: Arc<Mutex<BTreeMap<String, Kills>>>,
}

impl Killer {
    /// Begins to kill functions of the emulator that is this process.
    pub fn start(emulator: u32, seed: u64) -> Self {
        let kills = Arc::new(Mutex::new(BTreeMap::new()));
        let killing = tokio::spawn(kill(emulator, fastrand::Rng::with_seed(seed), kills.clone()));
        Self { killing, kills }
    }

    /// What was killed so far.
    pub fn kills(&self) -> BTreeMap<String, Kills> {
        self.kills.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Killer {
    fn drop(&mut self) {
        self.killing.abort();
    }
}

/// Says what was killed.
pub fn words(kills: &BTreeMap<String, Kills>) -> String {
    let each = kills.iter().map(|(name, k)| format!("{name} {} at work and {} waiting", k.at_work, k.waiting));
    each.collect::<Vec<_>>().join(", ")
}

async fn kill(emulator: u32, mut chance: fastrand::Rng, kills: Arc<Mutex<BTreeMap<String, Kills>>>) {
    let mut before: BTreeMap<u32, u64> = BTreeMap::new();
    loop {
        tokio::time::sleep(LOOK).await;
        let functions = functions_of(emulator);
        for process in &functions {
            let at_work = works(&before, process);
            if chance.u32(0..if at_work { AT_WORK } else { WAITING }) != 0 {
                continue;
            }
            let Some(name) = processes::variable(Path::new(PROC), process.pid, "AWS_LAMBDA_FUNCTION_NAME") else {
                continue;
            };
            let mut kills = kills.lock().unwrap_or_else(PoisonError::into_inner);
            let killed = kills.entry(name.clone()).or_default();
            let count = if at_work { &mut killed.at_work } else { &mut killed.waiting };
            if *count < MOST && processes::kill(process.pid) {
                *count += 1;
                eprintln!("killed {name} {}", if at_work { "at work" } else { "while it waited" });
            }
        }
        before = functions.iter().map(|process| (process.pid, process.ticks)).collect();
    }
}

/// Whether a process took CPU time since the look before; one that was not there then has only just begun to.
fn works(before: &BTreeMap<u32, u64>, process: &Process) -> bool {
    before.get(&process.pid).is_none_or(|ticks| process.ticks > *ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_works_while_it_takes_time() {
        let process = |ticks| Process { pid: 7, parent: 1, group: 1, program: "bootstrap".into(), ticks };
        let before = BTreeMap::from([(7, 40)]);
        assert!(works(&before, &process(41)) && !works(&before, &process(40)) && works(&BTreeMap::new(), &process(0)));
    }

    #[test]
    fn kills_are_told() {
        let kills =
            BTreeMap::from([("a".to_owned(), Kills { at_work: 2, waiting: 0 }), ("b".to_owned(), Kills::default())]);
        assert_eq!(words(&kills), "a 2 at work and 0 waiting, b 0 at work and 0 waiting");
    }
}
