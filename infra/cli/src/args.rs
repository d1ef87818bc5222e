//! The command line. Names and flags are a contract: more may be added, none may change.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Keeps Marketo, Actions and Salesforce in step.
#[derive(Debug, Parser)]
#[command(name = "actions-sync", version, arg_required_else_help = true)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// The whole story on embedded parts: initial sync, changes, and a table of expected against stored.
    Demo {
        /// People in the simulated Marketo.
        #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=20_000_000))]
        people: u64,
        /// Seed of the simulated world.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Write the figures to this file.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Sync people: an initial sync where there was none, then changes until caught up.
    Sync {
        /// Folder that keeps the tables; without it everything is in memory.
        #[arg(long, value_name = "DIR")]
        state: Option<PathBuf>,
        /// Write the people table to this file, one JSON object a line.
        #[arg(long, value_name = "FILE")]
        dump: Option<PathBuf>,
        /// Write the figures to this file.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Make a new initial sync over what is stored.
        #[arg(long)]
        full: bool,
    },
    /// Show each flow: state, last success, lag, progress, problem.
    Status {
        /// Folder of the tables.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
        /// Write the status to this file as JSON.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Compare counts, ids and values with Marketo; exit 1 if anything has drifted.
    Verify {
        /// Folder of the tables.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
        /// Write what was found to this file as JSON.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Tell why a person is or is not synced.
    Explain {
        /// Marketo id or email address.
        #[arg(value_name = "MARKETO_ID|EMAIL")]
        person: String,
        /// Folder of the tables.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
    },
    /// Log sales activities from a file, one message a line, in Marketo and in Salesforce.
    Log {
        /// Folder of the tables.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
        /// The messages, one JSON object a line.
        #[arg(long, value_name = "FILE")]
        activities: PathBuf,
        /// Write the figures to this file.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Opt addresses out, resubscribe them, list them.
    Optout {
        #[command(subcommand)]
        action: OptoutAction,
    },
    /// Add, edit, complete, delete or list reminder tasks.
    Task {
        #[command(subcommand)]
        action: TaskAction,
    },
    /// Tell whether a mail may go to addresses, one JSON object a line; exit 1 if to one it may not.
    CanSend {
        /// Email addresses.
        #[arg(value_name = "EMAIL")]
        emails: Vec<String>,
        /// More of them, one a line.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// The mail is no commercial one: unsubscribes do not hold it up, blocked domains do.
        #[arg(long)]
        non_commercial: bool,
        /// Folder of the tables.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
    },
    /// Bring both sides in step: one pass.
    Reconcile {
        #[command(subcommand)]
        what: ReconcileWhat,
    },
    /// Show what could not be written, why, and when it is tried again; or try again now.
    Rejects {
        #[command(subcommand)]
        action: RejectsAction,
    },
    /// Make what Marketo or Salesforce needs before activities can be logged: types, fields, rights; or list what is missing.
    Provision {
        /// Where.
        target: Target,
        /// Only list what is missing; exit 1 if something that is required is.
        #[arg(long)]
        check: bool,
        /// Folder of the tables, for its settings; the defaults count without it.
        #[arg(long, value_name = "DIR")]
        state: Option<PathBuf>,
    },
    /// Measure speed, memory, calls and cost on embedded parts, beside other people's clients; exit 1 if a target is missed.
    Bench {
        /// People in the simulated Marketo.
        #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1_000..=5_000_000))]
        people: u64,
        /// Small sizes in under half a minute; speeds are shown and not judged.
        #[arg(long)]
        quick: bool,
        /// Measure this alone; may be given several times.
        #[arg(long, value_name = "MEASUREMENT")]
        only: Vec<Measurement>,
        /// Folder of the virtual environments that `tests/peers/run` made; beside the built programs when left out.
        #[arg(long, value_name = "DIR")]
        venvs: Option<PathBuf>,
        /// Folder of the packaged functions, `NAME/bootstrap` in it; what `infra/package --with-empty` made when left out.
        #[arg(long, value_name = "DIR")]
        packaged: Option<PathBuf>,
        /// Write the figures to this file.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Build the functions and deploy template.yaml to an emulated AWS: to AWS_ENDPOINT_URL, or to an emulator that is started.
    DeployLocal {
        /// Install this emulator below the target folder, start it, and end it again.
        #[arg(long)]
        emulator: Option<Emulator>,
        /// Prove that what was deployed works by itself, then end it all.
        #[arg(long)]
        check: bool,
        /// Kill function processes meanwhile, at moments that this seed gives; takes up to an hour and a half.
        #[arg(long, value_name = "SEED", requires_all = ["check", "emulator"])]
        kill_functions: Option<u64>,
        /// Cargo profile that the functions are built with.
        #[arg(long, value_name = "PROFILE", default_value = "dev")]
        profile: String,
    },
    /// A process that `bench` starts for itself.
    #[command(hide = true)]
    BenchPart {
        #[command(subcommand)]
        part: BenchPart,
    },
    /// Read or change settings.
    Settings {
        #[command(subcommand)]
        action: SettingsAction,
    },
}

/// An emulated AWS that `deploy-local` can start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Emulator {
    /// A Python program that runs functions as processes of this machine.
    Ministack,
}

/// Where something is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// Custom activity types.
    Marketo,
    /// Fields, picklist values and rights.
    Salesforce,
}

#[derive(Debug, Subcommand)]
pub enum OptoutAction {
    /// An address said no: no mail goes there any more, and Salesforce is told.
    Add {
        /// The address.
        email: String,
        /// Where from: Manual, Clicked Link, Salesforce, Bounce, Import or Admin.
        #[arg(long, default_value = "Manual")]
        source: String,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
        /// Folder of the tables.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
    },
    /// Resubscribe an address, here and in Salesforce in one act: an admin has documented new consent.
    Remove {
        /// The address.
        email: String,
        /// How the person gave new consent, and where that is documented.
        #[arg(long)]
        reason: Option<String>,
        /// Folder of the tables.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
    },
    /// Print one JSON object a line: every address that ever said no.
    List {
        /// Folder of the tables.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
    },
    /// Take opt-outs in from a CSV file with a column `email`, and perhaps `reason` and `date`.
    Import {
        /// The file.
        file: PathBuf,
        /// Where from, as for `add`.
        #[arg(long, default_value = "Import")]
        source: String,
        /// Folder of the tables.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
    },
}

/// Whose words are those of the contract: `normal`, `high`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TaskPriority {
    /// As usual.
    Normal,
    /// Urgent.
    High,
}

/// What kind of thing is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TaskKind {
    /// Write an email.
    Email,
    /// Call.
    Call,
    /// Write an InMail.
    #[value(name = "inmail")]
    InMail,
    /// Anything else.
    Custom,
}

#[derive(Debug, Subcommand)]
pub enum TaskAction {
    /// Make a task, and print it.
    Add(TaskAdd),
    /// Change a task, and print it.
    Edit(TaskEdit),
    /// A task is done.
    Complete {
        /// The task.
        id: String,
        /// Folder of the tables.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
    },
    /// A task is to be done again.
    Reopen {
        /// The task.
        id: String,
        /// Folder of the tables.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
    },
    /// A task is no longer wanted.
    Delete {
        /// The task.
        id: String,
        /// Folder of the tables.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
    },
    /// Print tasks, one JSON object a line.
    List {
        /// Deleted ones, too.
        #[arg(long)]
        all: bool,
        /// Folder of the tables.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
pub struct TaskAdd {
    /// Whom it is about.
    #[arg(long, value_name = "MARKETO_ID", value_parser = clap::value_parser!(i64).range(1..))]
    pub person: Option<i64>,
    /// What is to be done, in a line.
    #[arg(long)]
    pub name: String,
    /// Until when, as 2026-01-31.
    #[arg(long, value_name = "DATE")]
    pub due: Option<String>,
    /// How urgent it is.
    #[arg(long, value_enum, default_value_t = TaskPriority::Normal)]
    pub priority: TaskPriority,
    /// What kind of thing it is.
    #[arg(long, value_enum, default_value_t = TaskKind::Custom)]
    pub kind: TaskKind,
    /// More about it.
    #[arg(long)]
    pub details: Option<String>,
    /// Whose it is; without one, Salesforce gives it to the integration user.
    #[arg(long, value_name = "EMAIL")]
    pub owner: Option<String>,
    /// Folder of the tables.
    #[arg(long, value_name = "DIR")]
    pub state: PathBuf,
}

#[derive(Debug, clap::Args)]
pub struct TaskEdit {
    /// The task.
    pub id: String,
    /// What is to be done, in a line.
    #[arg(long)]
    pub name: Option<String>,
    /// Until when, as 2026-01-31, or `none`.
    #[arg(long, value_name = "DATE")]
    pub due: Option<String>,
    /// How urgent it is.
    #[arg(long, value_enum)]
    pub priority: Option<TaskPriority>,
    /// More about it; empty text takes it away.
    #[arg(long)]
    pub details: Option<String>,
    /// Whose it is.
    #[arg(long, value_name = "EMAIL")]
    pub owner: Option<String>,
    /// Folder of the tables.
    #[arg(long, value_name = "DIR")]
    pub state: PathBuf,
}

#[derive(Debug, Subcommand)]
pub enum ReconcileWhat {
    /// Opt-outs, here and in Salesforce.
    Unsubscribes {
        /// Folder of the tables.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
        /// Print what would be done, and write nothing.
        #[arg(long)]
        dry_run: bool,
        /// Look at every record again, not only at those changed since the last pass.
        #[arg(long)]
        full: bool,
        /// Write the figures to this file.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Reminder tasks, here and in Salesforce.
    Tasks {
        /// Folder of the tables.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
        /// Print what would be done, and write nothing.
        #[arg(long)]
        dry_run: bool,
        /// Write the figures to this file.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub enum RejectsAction {
    /// Print one JSON object a line.
    List {
        #[command(flatten)]
        of: RejectsOf,
    },
    /// Make everything that was refused due again, and try it.
    Retry {
        #[command(flatten)]
        of: RejectsOf,
    },
}

#[derive(Debug, clap::Args)]
pub struct RejectsOf {
    /// Only this flow.
    #[arg(long)]
    pub flow: Option<Flow>,
    /// Folder of the tables.
    #[arg(long, value_name = "DIR")]
    pub state: PathBuf,
}

/// A flow whose refusals are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Flow {
    /// Sales activities.
    Activities,
    /// Opt-outs.
    OptOuts,
    /// Reminder tasks.
    Tasks,
}

/// What `bench` can measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Measurement {
    /// Whole syncs beside other people's clients.
    Peers,
    /// Bytes of an export to batches, per CPU-second.
    Pipeline,
    /// People stored a second, against single puts.
    EndToEnd,
    /// Peak memory of coordinator and worker.
    Memory,
    /// Marketo calls and DynamoDB units.
    Calls,
    /// Size, first answer and memory of the programs as they are deployed.
    Packaged,
}

#[derive(Debug, Subcommand)]
pub enum BenchPart {
    /// A Marketo without limits, moved by lines on standard input.
    Simulator {
        #[arg(long)]
        people: u64,
    },
    /// The function of this name, as Lambda would run it.
    Function { name: String },
}

#[derive(Debug, Subcommand)]
pub enum SettingsAction {
    /// Print one setting, or all.
    Get {
        /// The setting; all when left out.
        key: Option<String>,
        /// Folder of the tables.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
    },
    /// Change one setting.
    Set {
        /// The setting.
        key: String,
        /// Its new value; empty text is allowed where the setting may be empty.
        #[arg(allow_hyphen_values = true)]
        value: String,
        /// Folder of the tables.
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
    },
}
