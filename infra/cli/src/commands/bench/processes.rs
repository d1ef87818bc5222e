//! What processes use: CPU seconds and peak memory, as Linux tells of them; on other systems these figures are absent. Knows of no
//! program in particular.

use std::fs;
use std::io;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use serde::Serialize;

/// Linux counts CPU time in hundredths of a second towards programs, whatever its own clock does.
const TICKS_PER_SECOND: f64 = 100.0;
/// Between looks at a running process. What it takes in the last moment of its life is not seen.
const LOOK: Duration = Duration::from_millis(10);

/// What a process used.
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Used {
    pub wall_seconds: f64,
    /// User and system time, its children included.
    pub cpu_seconds: Option<f64>,
    pub peak_bytes: Option<u64>,
}

impl std::ops::AddAssign for Used {
    /// One process after the other.
    fn add_assign(&mut self, other: Self) {
        self.wall_seconds += other.wall_seconds;
        self.cpu_seconds = self.cpu_seconds.zip(other.cpu_seconds).map(|(a, b)| a + b);
        self.peak_bytes = self.peak_bytes.max(other.peak_bytes);
    }
}

/// CPU seconds of this process so far.
pub fn own_cpu() -> Option<f64> {
    cpu(0)
}

/// Runs a command to its end and measures it. Blocks; no other child may be waited for meanwhile.
///
/// # Errors
/// When it cannot be started.
pub fn run(command: &mut Command) -> io::Result<(ExitStatus, Used)> {
    let (began, before) = (Instant::now(), cpu(2));
    let mut child = command.spawn()?;
    let mut peak_bytes = None;
    let status = loop {
        peak_bytes = peak_bytes.max(peak_memory(child.id()));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::park_timeout(LOOK);
    };
    let cpu_seconds = before.zip(cpu(2)).map(|(before, after)| after - before);
    Ok((status, Used { wall_seconds: began.elapsed().as_secs_f64(), cpu_seconds, peak_bytes }))
}

/// Most memory that a living process has had resident, bytes.
pub fn peak_memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// User and system time: of this process from place 0, of its ended children from place 2 of the four times that the kernel lists.
fn cpu(place: usize) -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may hold blanks; behind it stand the state, ten other things, and the four times.
    let (_, rest) = stat.rsplit_once(')')?;
    let times: Vec<f64> = rest.split_whitespace().skip(11).take(4).filter_map(|time| time.parse().ok()).collect();
    Some((times.get(place)? + times.get(place + 1)?) / TICKS_PER_SECOND)
}
