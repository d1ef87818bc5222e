//! The faults, as data: where each can happen, and what has to come of it when it lasts. Once, each has to leave the table right.

use jiff::SignedDuration;
use simulator_marketo::{Fault, FaultAction, Limits};

use super::dynamodb_proxy::{ILLS, Ill, Misfortune, OPERATIONS};
use super::{Outcome, Scene, Script, Trouble};

/// Everything at once, for faults that have no place of their own.
pub const ANY: &str = "any";
/// The endpoint that is called only where a run is replaced.
pub const CANCEL: &str = "cancel";

/// The endpoint that a subscription may refuse for good.
const ROLES: &str = "roles";

/// The endpoints of Marketo that the people flow calls, by the names that stand above the columns.
pub const ENDPOINTS: [(&str, &str); 15] = [
    (ANY, "*"),
    ("identity", "GET /identity/oauth/token"),
    ("describe", "GET /rest/v1/leads/describe.json"),
    ("folders", "GET /rest/asset/v1/folders.json"),
    ("create", "POST /bulk/v1/leads/export/create.json"),
    ("enqueue", "POST /bulk/v1/leads/export/{exportId}/enqueue.json"),
    ("status", "GET /bulk/v1/leads/export/{exportId}/status.json"),
    ("file", "GET /bulk/v1/leads/export/{exportId}/file.json"),
    (CANCEL, "POST /bulk/v1/leads/export/{exportId}/cancel.json"),
    ("token", "GET /rest/v1/activities/pagingtoken.json"),
    ("changes", "GET /rest/v1/activities/leadchanges.json"),
    ("activities", "GET /rest/v1/activities.json"),
    ("deleted", "GET /rest/v1/activities/deletedleads.json"),
    ("leads", "GET /rest/v1/leads.json"),
    (ROLES, "GET /rest/v1/opportunities/roles.json"),
];

const IDENTITY: &[&str] = &["identity"];
const CREATE: &[&str] = &["create"];
const ENQUEUE: &[&str] = &["enqueue"];
const STATUS: &[&str] = &["status"];
const FILE: &[&str] = &["file"];
const JOBS: &[&str] = &["create", "enqueue"];
const FIELDS: &[&str] = &["create", "changes", "leads"];
const EVERYWHERE: &[&str] = &[ANY];
/// Where the answer comes in one piece.
const ANSWERS: &[&str] = &[
    "identity",
    "describe",
    "folders",
    "create",
    "enqueue",
    "status",
    CANCEL,
    "token",
    "changes",
    "activities",
    "deleted",
    "leads",
    "roles",
];
const REST: &[&str] = &[
    "describe",
    "folders",
    "create",
    "enqueue",
    "status",
    "file",
    CANCEL,
    "token",
    "changes",
    "activities",
    "deleted",
    "leads",
    "roles",
];
const HTTP: &[&str] = &[
    "identity",
    "describe",
    "folders",
    "create",
    "enqueue",
    "status",
    "file",
    CANCEL,
    "token",
    "changes",
    "activities",
    "deleted",
    "leads",
    "roles",
];

/// One kind of fault.
pub struct Kind {
    /// Its name in the table.
    pub name: &'static str,
    /// The places where it can happen.
    pub places: &'static [&'static str],
    make: Make,
    lasting: Outcome,
    /// Where it comes to something else when it lasts.
    except: &'static [(&'static str, Outcome)],
}

enum Make {
    Error(&'static str, &'static str),
    Action(fn() -> FaultAction),
    AfterWork(fn() -> FaultAction),
    Scene(fn() -> (Scene, Trouble)),
}

use Outcome::{Refuses, Right, Waits};

/// A job that cannot be cancelled only wastes megabytes.
const HARMLESS: &[(&str, Outcome)] = &[(CANCEL, Right)];

const fn kind(name: &'static str, places: &'static [&'static str], make: Make, lasting: Outcome) -> Kind {
    Kind { name, places, make, lasting, except: HARMLESS }
}

const fn error(code: &'static str, name: &'static str, places: &'static [&'static str], lasting: Outcome) -> Kind {
    kind(name, places, Make::Error(code, ""), lasting)
}

impl Kind {
    const fn except(self, except: &'static [(&'static str, Outcome)]) -> Self {
        Self { except, ..self }
    }

    /// What has to come of it at a place when it lasts.
    fn lasting(&self, place: &str) -> Outcome {
        self.except.iter().find(|(name, _)| *name == place).map_or(self.lasting, |(_, outcome)| *outcome)
    }

    /// What has to come of it at a place when it happens once: a limit that is used up, or a permission that is missing, is believed at once.
    fn once(&self, place: &str) -> Outcome {
        match self.make {
            Make::Error("603", _) if place == ROLES => Refuses,
            _ if self.lasting == Waits => Waits,
            _ => Right,
        }
    }

    /// The script at a place: once, or until lifted.
    pub fn script(&self, place: &'static str, lasting: bool) -> Script {
        let endpoint = ENDPOINTS.iter().find(|(name, _)| *name == place).map_or("*", |(_, endpoint)| *endpoint);
        let times = if lasting { None } else { Some(1) };
        let fault = |action| Fault::once(endpoint, action).times(times);
        let fault = match &self.make {
            Make::Error(code, message) => {
                let message = if message.is_empty() { "simulated" } else { message };
                fault(FaultAction::Error((*code).to_owned(), message.to_owned()))
            }
            Make::Action(action) => fault(action()),
            Make::AfterWork(action) => fault(action()).after_work(),
            Make::Scene(make) => {
                let (scene, trouble) = make();
                return Script { place, scene, trouble };
            }
        };
        let short_waits = matches!(fault.action, FaultAction::Hang(_));
        Script { place, scene: Scene { short_waits, ..Scene::default() }, trouble: Trouble::Marketo(vec![fault]) }
    }
}

fn off_by(minutes: i64) -> (Scene, Trouble) {
    (Scene { clock_off_by: SignedDuration::from_mins(minutes), ..Scene::default() }, Trouble::Clock)
}

fn limited(limits: Limits) -> (Scene, Trouble) {
    (Scene { limits, ..Scene::default() }, Trouble::Limits)
}

/// All of them.
pub const FAULTS: &[Kind] = &[
    error("601", "601 token invalid", REST, Refuses),
    error("602", "602 token expired", REST, Refuses),
    error("603", "603 access denied", REST, Refuses).except(&[(CANCEL, Right), ("create", Right)]),
    error("604", "604 timed out", REST, Refuses),
    error("606", "606 rate limit", REST, Refuses),
    error("607", "607 daily calls", REST, Waits).except(&[]),
    error("608", "608 unavailable", REST, Refuses),
    error("611", "611 system error", REST, Refuses),
    error("614", "614 unreachable", REST, Refuses),
    error("615", "615 too many at once", REST, Refuses),
    error("713", "713 transient", REST, Refuses),
    kind("1029 queue full", JOBS, Make::Error("1029", "Too many jobs (10) in queue"), Refuses),
    kind("1029 daily megabytes", JOBS, Make::Error("1029", "Export daily quota 500MB exceeded."), Waits),
    kind("1029 already queued", ENQUEUE, Make::AfterWork(already_queued), Right),
    kind(
        "1035 unsupported filter",
        CREATE,
        Make::Error("1035", "Unsupported filter type for target subscription"),
        Right,
    ),
    kind("1006 unknown field", FIELDS, Make::Error("1006", "Field 'company' not found"), Refuses),
    kind("HTTP 500", HTTP, Make::Action(|| FaultAction::Status(500, None)), Refuses),
    kind("HTTP 502", HTTP, Make::Action(|| FaultAction::Status(502, None)), Refuses),
    kind("HTTP 503", HTTP, Make::Action(|| FaultAction::Status(503, Some(5))), Refuses),
    kind("HTTP 500 after the work", REST, Make::AfterWork(|| FaultAction::Status(500, None)), Refuses),
    kind("HTTP 401", IDENTITY, Make::Action(|| FaultAction::Status(401, None)), Refuses),
    kind("hang", HTTP, Make::Action(|| FaultAction::Hang(0)), Refuses),
    kind("hang within the answer", ANSWERS, Make::Action(|| FaultAction::Hang(40)), Refuses),
    kind("connection dropped", HTTP, Make::Action(|| FaultAction::Drop(0)), Refuses),
    kind("dropped within the answer", ANSWERS, Make::Action(|| FaultAction::Drop(40)), Refuses),
    kind("dropped mid-file", FILE, Make::Action(|| FaultAction::Drop(9_000)), Right),
    kind("hang mid-file", FILE, Make::Action(|| FaultAction::Hang(9_000)), Right),
    kind("early, well-formed end", FILE, Make::Action(|| FaultAction::Truncate(0.4)), Refuses),
    kind("wrong checksum", STATUS, Make::Action(|| FaultAction::WrongChecksum), Refuses),
    kind("JSON error as file", FILE, Make::Action(|| FaultAction::JsonErrorAsFile("606".to_owned())), Refuses),
    kind("empty 200", HTTP, Make::Action(|| FaultAction::EmptyBody), Refuses),
    kind("bad JSON", HTTP, Make::Action(|| FaultAction::BadJson), Refuses),
    kind("job Failed", STATUS, Make::Action(|| FaultAction::JobFailed("simulated".to_owned())), Refuses),
    kind("Completed but file 404", FILE, Make::Action(|| FaultAction::CompletedButMissing), Refuses),
    kind("token dies every 20 calls", EVERYWHERE, Make::Action(|| FaultAction::TokenDies(20)), Right),
    kind("unknown field in a setting", EVERYWHERE, Make::Scene(|| (Scene::default(), Trouble::UnknownField)), Refuses),
    kind(
        "daily megabytes gone",
        EVERYWHERE,
        Make::Scene(|| limited(Limits { export_megabytes_per_day: 0, ..Limits::default() })),
        Waits,
    ),
    kind(
        "daily calls gone",
        EVERYWHERE,
        Make::Scene(|| limited(Limits { calls_per_day: 12, ..Limits::default() })),
        Waits,
    ),
    kind("clock 10 minutes fast", EVERYWHERE, Make::Scene(|| off_by(10)), Right),
    kind("clock 10 minutes slow", EVERYWHERE, Make::Scene(|| off_by(-10)), Right),
];

fn already_queued() -> FaultAction {
    FaultAction::Error("1029".to_owned(), "Export job is already queued".to_owned())
}

/// A cell of the table: a kind of fault at a place, once or lasting, and what has to come of it.
pub struct Cell {
    /// The fault.
    pub kind: &'static str,
    /// Where.
    pub place: &'static str,
    /// Whether until lifted.
    pub lasting: bool,
    /// What has to come of it.
    pub expected: Outcome,
    /// The story.
    pub script: Script,
}

/// All cells of Marketo's faults.
pub fn marketo() -> Vec<Cell> {
    let mut cells = Vec::new();
    for kind in FAULTS {
        for place in kind.places {
            let lasting_only = matches!(kind.make, Make::Scene(_));
            if !lasting_only {
                let script = kind.script(place, false);
                let expected = kind.once(place);
                cells.push(Cell { kind: kind.name, place, lasting: false, expected, script });
            }
            let (expected, script) = (kind.lasting(place), kind.script(place, true));
            cells.push(Cell { kind: kind.name, place, lasting: true, expected, script });
        }
    }
    cells
}

/// Calls of an operation that go well before the one that is struck: of those that the story makes.
fn after(operation: &str) -> &'static [u64] {
    match operation {
        "Scan" => &[0],
        "UpdateItem" => &[0, 3],
        _ => &[0, 3, 8],
    }
}

/// Whether a write that is done and never confirmed is found by those who come after.
fn found_later(ill: Ill, operation: &str) -> bool {
    let done = matches!(ill, Ill::ResetAfterCommit | Ill::SilentAfterCommit | Ill::ServerErrorAfterCommit);
    done && operation == "BatchExecuteStatement"
}

/// Seeds of the stories in which a fifth of all calls fail.
const SEEDS: u64 = 12;
/// The place of these stories.
const A_FIFTH: &str = "20 % of all calls";

/// All cells of DynamoDB's faults.
pub fn dynamodb() -> Vec<Cell> {
    let mut cells = Vec::new();
    let mut add = |kind, place, lasting, expected, misfortune: Misfortune| {
        let scene = Scene { dynamodb: Some(misfortune.clone()), ..Scene::default() };
        let script = Script { place, scene, trouble: Trouble::DynamoDb(misfortune) };
        cells.push(Cell { kind, place, lasting, expected, script });
    };
    for ill in ILLS {
        for operation in OPERATIONS {
            for after in after(operation) {
                add(ill.name(), operation, false, Right, Misfortune::Some(operation, ill, *after, Some(1)));
            }
            // More than the SDK's own repeats.
            if operation != "Scan" {
                add(ill.name(), operation, false, Right, Misfortune::Some(operation, ill, 1, Some(5)));
            }
            let expected = if found_later(ill, operation) { Right } else { Refuses };
            add(ill.name(), operation, true, expected, Misfortune::Some(operation, ill, 0, None));
        }
    }
    for seed in 0..SEEDS {
        add(A_FIFTH, ANY, true, Right, Misfortune::Share(20, seed));
    }
    cells
}
