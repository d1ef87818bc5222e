//! Whole syncs, ours beside other people's clients, each with the same people in a simulator of its own: everybody first, then a busy
//! day's changes. Knows how to compare, not how a client is run.

use comfy_table::Table;
use serde::Serialize;
use tempfile::TempDir;

use super::clients::{Airbyte, Client, MarketoRestPython, Ours, TapMarketo};
use super::processes::Used;
use super::report::{align_right, number, plain};
use super::simulator::SimulatorProcess;
use super::venvs::Venvs;
use super::{Options, venvs};
use crate::commands::demo::some_changes;
use crate::failure::CommandFailure;
use crate::output;

/// What was measured of all clients.
#[derive(Debug, Default, Serialize)]
pub struct Peers {
    readings: Vec<Reading>,
    notes: Vec<String>,
}

/// One sync of one client.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Reading {
    client: &'static str,
    /// Full or incremental.
    sync: &'static str,
    people: u64,
    calls: u64,
    #[serde(flatten)]
    used: Used,
    people_per_cpu_second: Option<f64>,
}

pub fn measure(options: &Options) -> Result<Peers, CommandFailure> {
    let mut peers = Peers::default();
    compare(&Ours { people: options.people }, options, &mut peers)?;
    for name in [venvs::TAP_MARKETO, venvs::MARKETORESTPYTHON, venvs::AIRBYTE] {
        let Some(python) = options.venvs.python(name) else {
            peers.notes.push(Venvs::not_installed(name));
            continue;
        };
        match name {
            venvs::TAP_MARKETO => compare(&TapMarketo { python }, options, &mut peers)?,
            venvs::MARKETORESTPYTHON => compare(&MarketoRestPython { python }, options, &mut peers)?,
            _ if options.quick => peers.notes.push(format!("{name} is left out: it sleeps a minute for each export")),
            _ => compare(&Airbyte { python }, options, &mut peers)?,
        }
    }
    peers.notes.push(
        "ours stores people, their opportunities and their order in time; the others write what they read to standard output".into(),
    );
    peers.notes.push(
        "airbyte-source-marketo reads all fields and sleeps a minute for each export; the others read ours".into(),
    );
    output::line(peers.table());
    for note in &peers.notes {
        output::line(format!("note: {note}"));
    }
    Ok(peers)
}

fn compare(client: &dyn Client, options: &Options, peers: &mut Peers) -> Result<(), CommandFailure> {
    eprintln!("measuring: {}", client.name());
    let mut simulator = SimulatorProcess::start(options.people)?;
    let folder = TempDir::new()?;
    client.prepare(&simulator, folder.path())?;
    for sync in ["full", "incremental"] {
        if sync == "incremental" {
            simulator.change(&some_changes(options.people))?;
        }
        simulator.calls()?;
        let (people, used) = client.sync(&simulator, folder.path())?;
        peers.readings.push(Reading {
            client: client.name(),
            sync,
            people,
            calls: simulator.calls()?,
            used,
            people_per_cpu_second: used.cpu_seconds.filter(|s| *s > 0.0).map(|seconds| people as f64 / seconds),
        });
    }
    Ok(())
}

impl Peers {
    fn table(&self) -> Table {
        let mut table =
            plain(["client", "sync", "people", "calls", "wall s", "CPU s", "people per CPU-second", "peak MiB"]);
        let or_unknown = |value: Option<f64>| value.map_or_else(|| "not available".to_owned(), number);
        for reading in &self.readings {
            let used = &reading.used;
            table.add_row([
                reading.client.to_owned(),
                reading.sync.to_owned(),
                reading.people.to_string(),
                reading.calls.to_string(),
                number(used.wall_seconds),
                or_unknown(used.cpu_seconds),
                or_unknown(reading.people_per_cpu_second),
                or_unknown(used.peak_bytes.map(|bytes| (bytes as f64 / 1024.0 / 1024.0).round())),
            ]);
        }
        align_right(&mut table, 2..8);
        table
    }
}
