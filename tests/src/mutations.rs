//! `cargo prove mutations`: breaks one rule of the product at a time, in a copy of the sources, and requires that the simulation, or the play of
//! every order of events, finds it. What these say of a rule is only worth something if it fails without that rule.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{fmt, fs, io};

/// Seeds within which the simulation has to find a broken rule.
const SEEDS: u64 = 200;
/// The same for rules that matter only where several rare things meet.
const SEEDS_OF_RARE: u64 = 4_000;
/// Events of an order within which a broken rule of the opt-outs has to be found.
const ORDERS: u32 = 3;
/// What a build needs of the repository, beside the sources.
const FILES: &[&str] = &["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", ".cargo"];
/// The folders with the sources.
const SOURCES: &[&str] = &["functions", "shared", "infra", "tests"];
/// The folder of the sources in the copy. Cargo tells crates apart by their place below the workspace: at the same place, and with one
/// folder for what is built, the copy's would be taken for the real ones.
const FOLDER: &str = "mutated";

#[derive(clap::Args)]
pub struct Args {
    /// Only this one
    #[arg(long)]
    only: Option<String>,
    /// Also those that matter only where several rare things meet, which takes thousands of seeds
    #[arg(long)]
    rare: bool,
}

/// What has to find that a rule is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// So many seeds of this flow.
    Seeds(&'static str, u64),
    /// Opt-outs under every order of so many events.
    Orders(u32),
}

impl Proof {
    /// Whether it takes thousands of seeds.
    fn is_of_rare(self) -> bool {
        matches!(self, Self::Seeds(_, count) if count > SEEDS)
    }

    fn arguments(self) -> Vec<String> {
        let words = match self {
            Self::Seeds(flow, count) => format!("seeds --flow {flow} --stop --count {count}"),
            Self::Orders(length) => format!("interleavings --stop --length {length}"),
        };
        words.split(' ').map(str::to_owned).collect()
    }

    /// How a line begins that says what was found.
    fn finding(self) -> &'static str {
        match self {
            Self::Seeds(..) => "seed ",
            Self::Orders(_) => "order ",
        }
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seeds(_, count) => write!(f, "{count} seeds"),
            Self::Orders(length) => write!(f, "the orders of {length} events"),
        }
    }
}

/// A rule, and how it is broken: in a file, a text that stands there once is replaced.
struct Mutation {
    rule: &'static str,
    proof: Proof,
    edits: &'static [(&'static str, &'static str, &'static str)],
}

const PULL: &str = "shared/domain/src/pull/mod.rs";
const OBSERVATION: &str = "shared/domain/src/people/observation.rs";
const LEASE: &str = "shared/domain/src/lease.rs";
const FETCH: &str = "shared/domain/src/initial_sync/fetch.rs";
const RECEIPTS: &str = "shared/domain/src/initial_sync/receipts.rs";
const WORKER: &str = "shared/domain/src/initial_sync/worker.rs";
const LOG_TO_MARKETO: &str = "shared/domain/src/activities/marketo.rs";
const LOG_TO_SALESFORCE: &str = "shared/domain/src/activities/salesforce.rs";
const SALESFORCE_TASKS: &str = "shared/salesforce/src/activities.rs";
const CHECK: &str = "shared/domain/src/opt_outs/check.rs";
const MERGED: &str = "shared/domain/src/opt_outs/merged.rs";
const PLAN: &str = "shared/domain/src/opt_outs/plan.rs";
const READING: &str = "shared/domain/src/reading.rs";
const RESUBSCRIBE: &str = "shared/domain/src/opt_outs/resubscribe.rs";
const TASK_MERGE: &str = "shared/domain/src/tasks/merge.rs";
const TASK_MESSAGE: &str = "shared/domain/src/tasks/message.rs";
const SERIES: &str = "shared/salesforce/src/series.rs";
const TASK_APPLY: &str = "shared/domain/src/tasks/apply.rs";
const JOBS: &str = "shared/domain/src/initial_sync/jobs.rs";

const MUTATIONS: &[Mutation] = &[
    Mutation {
        rule: "cursor-after-data",
        proof: Proof::Seeds("people", SEEDS),
        edits: &[(
            PULL,
            "        if !changes.is_empty() {\n",
            "        lease.state.cursor = Some(Cursor { read_to: asked, ..cursor.clone() });\n        lease.commit().await?;\n        if !changes.is_empty() {\n",
        )],
    },
    Mutation {
        rule: "as-of-condition",
        proof: Proof::Seeds("people", SEEDS),
        edits: &[(
            OBSERVATION,
            "if seen.as_of <= row.as_of && !merge_over_deletion {",
            "if false && !merge_over_deletion {",
        )],
    },
    Mutation {
        rule: "fencing",
        proof: Proof::Seeds("people", SEEDS),
        edits: &[
            (
                LEASE,
                "        self.save(Some(self.version), true).await\n",
                "        let now = self.store.load(self.key).await?;\n        self.save(now.map(|now| now.version), true).await\n",
            ),
            (
                LEASE,
                "        self.save(Some(self.version), false).await\n",
                "        let now = self.store.load(self.key).await?;\n        self.save(now.map(|now| now.version), false).await\n",
            ),
        ],
    },
    Mutation {
        rule: "checksum",
        proof: Proof::Seeds("people", SEEDS),
        edits: &[(FETCH, "is_some_and(|expected| *expected != sha256)", "is_some_and(|expected| expected.is_empty())")],
    },
    Mutation {
        rule: "receipt-count",
        proof: Proof::Seeds("people", SEEDS),
        edits: &[(RECEIPTS, "if count == 2 * batches.rows + batches.reads {", "if count < u32::MAX {")],
    },
    Mutation {
        rule: "overlap",
        proof: Proof::Seeds("people", SEEDS),
        edits: &[(
            PULL,
            "Overlap::WhenDue => overlap_is_due(&lease.state, &settings, started),",
            "Overlap::WhenDue => false,",
        )],
    },
    Mutation {
        rule: "replaced-holders-write-late",
        proof: Proof::Seeds("people", SEEDS_OF_RARE),
        edits: &[(
            PULL,
            "        if lease.taken_over {\n",
            "        if lease.taken_over && lease.state.cursor.is_none() {\n",
        )],
    },
    Mutation {
        rule: "gone-stays-gone",
        proof: Proof::Seeds("people", SEEDS_OF_RARE),
        edits: &[(OBSERVATION, "if !alive(row.status) && seen.what == Observation::OutOfSight {", "if false {")],
    },
    Mutation {
        rule: "batches-of-this-run-only",
        proof: Proof::Seeds("people", SEEDS_OF_RARE),
        edits: &[(WORKER, "    Ok(current)\n", "    Ok(true)\n")],
    },
    Mutation {
        rule: "failed-before-queued",
        proof: Proof::Seeds("people", SEEDS_OF_RARE),
        edits: &[(
            JOBS,
            "Err(failure) if matches!(failure.kind, FailureKind::NotFound | FailureKind::BadRequest) => {",
            "Err(failure) if matches!(failure.kind, FailureKind::NotFound) => {",
        )],
    },
    Mutation {
        rule: "ledger-written-before",
        proof: Proof::Seeds("activities", SEEDS),
        edits: &[(LOG_TO_MARKETO, "    held.commit().await?;\n", "")],
    },
    Mutation {
        rule: "read-back",
        proof: Proof::Seeds("activities", SEEDS),
        edits: &[(
            LOG_TO_MARKETO,
            "    let found = match find(ports, &records, in_flight.not_after).await {\n",
            "    let found = match find(ports, &records[..0], in_flight.not_after).await {\n",
        )],
    },
    Mutation {
        rule: "external-id",
        proof: Proof::Seeds("activities", SEEDS),
        edits: &[(
            SALESFORCE_TASKS,
            "        self.upsert_until(TASK, KEY_FIELD, &collected(tasks), Some(not_after)).await\n",
            "        let _ = not_after;\n        let records: Vec<Collected> = collected(tasks).into_iter().map(|(_, values)| values).collect();\n        self.create(TASK, &records).await\n",
        )],
    },
    Mutation {
        rule: "dates-ahead",
        proof: Proof::Seeds("activities", SEEDS),
        edits: &[(
            LOG_TO_MARKETO,
            "    let first = not_after.checked_sub(BEFORE_SENT).map_or(first, |sent| sent.min(first));\n",
            "    let _ = (not_after, BEFORE_SENT);\n",
        )],
    },
    Mutation {
        rule: "bounces-stay",
        proof: Proof::Seeds("activities", SEEDS_OF_RARE),
        edits: &[(LOG_TO_SALESFORCE, "&& now < until).then_some(until)", "&& now > until).then_some(until)")],
    },
    Mutation {
        rule: "merges-inherit-opt-outs",
        proof: Proof::Orders(ORDERS),
        edits: &[(MERGED, "    register::add(register, &said).await?;\n", "    let _ = said;\n")],
    },
    Mutation {
        rule: "marketos-no-is-remembered",
        proof: Proof::Orders(ORDERS),
        edits: &[(
            CHECK,
            "if !mark.people.iter().all(says_yes) {",
            "if mark.people.is_empty() && says_yes(&MarketoId(0)) {",
        )],
    },
    Mutation {
        rule: "unticked-is-restored",
        proof: Proof::Orders(ORDERS),
        edits: &[(
            PLAN,
            "            if !self.says_no_here(address) && evidence.is_none() {",
            "            if evidence.is_none() {",
        )],
    },
    Mutation {
        rule: "late-commits-are-read-again",
        proof: Proof::Seeds("opt-outs", SEEDS),
        edits: &[(READING, "SignedDuration::from_mins(10)", "SignedDuration::ZERO")],
    },
    Mutation {
        rule: "echoes-are-known-by-value",
        proof: Proof::Seeds("tasks", SEEDS),
        edits: &[(
            TASK_MERGE,
            "        for sent in &link.sending.updates {\n",
            "        for sent in &link.sending.updates[..0] {\n",
        )],
    },
    Mutation {
        rule: "old-readings-are-left",
        proof: Proof::Seeds("tasks", SEEDS_OF_RARE),
        edits: &[
            (TASK_MERGE, "    as_of < link.seen ||", "    false && as_of < link.seen && link.seen < as_of ||"),
            (
                TASK_MERGE,
                "read_at.duration_since(written_at) <= LONGEST_LATE",
                "read_at < written_at && LONGEST_LATE.is_zero()",
            ),
        ],
    },
    Mutation {
        rule: "the-same-is-made-again",
        proof: Proof::Seeds("tasks", SEEDS_OF_RARE),
        edits: &[(
            TASK_APPLY,
            "task.creating.take().unwrap_or_else(",
            "task.creating.take().filter(|_| false).unwrap_or_else(",
        )],
    },
    Mutation {
        rule: "older-words-come-late",
        proof: Proof::Seeds("tasks", SEEDS),
        edits: &[(
            TASK_MESSAGE,
            "if task.changed.get(field).is_some_and(|before| at <= *before) {",
            "if task.changed.get(field).is_some_and(|before| at == *before) {",
        )],
    },
    Mutation {
        rule: "nobody-is-written-over",
        proof: Proof::Seeds("tasks", SEEDS),
        edits: &[(SERIES, "{ \"If-Unmodified-Since\": http_date(record.seen) }", "{}")],
    },
    Mutation {
        rule: "said-while-it-is-cleared",
        proof: Proof::Seeds("opt-outs", SEEDS_OF_RARE),
        edits: &[(
            RESUBSCRIBE,
            "if entry.said_more_than(before.as_ref()) {",
            "if entry.said_more_than(before.as_ref()) && entry.rev == 0 {",
        )],
    },
];

/// Tries all of them.
pub fn prove(args: &Args) -> ExitCode {
    let wanted = |mutation: &&Mutation| match &args.only {
        Some(only) => *only == mutation.rule,
        None => args.rare || !mutation.proof.is_of_rare(),
    };
    let mut missed = Vec::new();
    for mutation in MUTATIONS.iter().filter(wanted) {
        match found(mutation) {
            Ok(Some(line)) => println!("{:28} found: {line}", mutation.rule),
            Ok(None) => {
                println!("{:28} NOT FOUND within {}", mutation.rule, mutation.proof);
                missed.push(mutation.rule);
            }
            Err(why) => {
                println!("{:28} cannot be tried: {why}", mutation.rule);
                missed.push(mutation.rule);
            }
        }
    }
    if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What the simulation says of the product without this rule.
fn found(mutation: &Mutation) -> Result<Option<String>, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the package lies in no workspace")?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let copy = target.join("mutations");
    fs::create_dir_all(&copy).map_err(|e| format!("{} cannot be made: {e}", copy.display()))?;
    let copied =
        |part: &str, to: PathBuf| mirror(&root.join(part), &to).map_err(|e| format!("{part} cannot be copied: {e}"));
    for part in FILES {
        copied(part, copy.join(part))?;
    }
    for part in SOURCES {
        copied(part, copy.join(FOLDER).join(part))?;
    }
    move_sources(&copy.join("Cargo.toml")).map_err(|e| format!("Cargo.toml: {e}"))?;
    for (file, from, to) in mutation.edits {
        let path = copy.join(FOLDER).join(file);
        let text = fs::read_to_string(&path).map_err(|e| format!("{file}: {e}"))?;
        if text.matches(from).count() != 1 {
            return Err(format!("{file} does not hold this once: {from}"));
        }
        fs::write(&path, text.replace(from, to)).map_err(|e| format!("{file}: {e}"))?;
    }
    // With the intermediate files of the real build, so that nothing but our own crates is built again; its programs stay as they are.
    let run = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--bin", "prove", "--"])
        .args(mutation.proof.arguments())
        .env("CARGO_BUILD_BUILD_DIR", &target)
        .env("CARGO_TARGET_DIR", copy.join("target"))
        .current_dir(&copy)
        .output()
        .map_err(|e| format!("cargo does not run: {e}"))?;
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    let finding = text.lines().find(|line| line.starts_with(mutation.proof.finding())).map(str::to_owned);
    match run.status.code() {
        Some(0) => Ok(None),
        Some(1) if finding.is_some() => Ok(finding),
        _ => Err(String::from_utf8_lossy(&run.stderr).lines().take(5).collect::<Vec<_>>().join("; ")),
    }
}

/// Tells a workspace that its crates lie in [`FOLDER`].
fn move_sources(manifest: &Path) -> io::Result<()> {
    let mut text = fs::read_to_string(manifest)?;
    for part in SOURCES {
        text = text.replace(&format!("\"{part}"), &format!("\"{FOLDER}/{part}"));
    }
    fs::write(manifest, text)
}

/// Makes `to` what `from` is. A file that is the same already keeps its time, so that it is not built again.
fn mirror(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            mirror(&from.join(&name), &to.join(&name))?;
        }
        return Ok(());
    }
    let text = fs::read(from)?;
    if fs::read(to).is_ok_and(|there| there == text) { Ok(()) } else { fs::write(to, text) }
}
