//! Which processes there are, who started whom, and how to end them. Reads Linux's list of processes; elsewhere it is empty. Knows of no
//! program in particular.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// Where Linux lists processes.
pub const PROC: &str = "/proc";

/// A process that lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
    pub parent: u32,
    /// Its group, named by the process that leads it.
    pub group: u32,
    /// The first 15 bytes of its program's name.
    pub program: String,
    /// CPU time so far, in the kernel's ticks.
    pub ticks: u64,
}

/// All living processes; those that ended and were not yet waited for do not count.
pub fn all(proc: &Path) -> Vec<Process> {
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| read(&fs::read_to_string(proc.join(pid.to_string()).join("stat")).ok()?)).collect()
}

/// Reads a line of `stat`. The name in parentheses may hold blanks and parentheses itself.
fn read(stat: &str) -> Option<Process> {
    let (before, after) = stat.rsplit_once(')')?;
    let (pid, program) = before.split_once('(')?;
    let rest: Vec<&str> = after.split_whitespace().collect();
    if *rest.first()? == "Z" {
        return None;
    }
    let ticks = rest.get(11)?.parse::<u64>().ok()? + rest.get(12)?.parse::<u64>().ok()?;
    Some(Process {
        pid: pid.trim().parse().ok()?,
        parent: rest.get(1)?.parse().ok()?,
        group: rest.get(2)?.parse().ok()?,
        program: program.to_owned(),
        ticks,
    })
}

/// Those that a process started, and those that they started, and so on.
pub fn descendants(of: u32, all: &[Process]) -> Vec<&Process> {
    let mut found: Vec<&Process> = Vec::new();
    let mut parents = vec![of];
    while let Some(parent) = parents.pop() {
        for process in all.iter().filter(|process| process.parent == parent && process.pid != of) {
            if !found.iter().any(|known| known.pid == process.pid) {
                parents.push(process.pid);
                found.push(process);
            }
        }
    }
    found
}

/// A variable of a process's environment.
pub fn variable(proc: &Path, pid: u32, name: &str) -> Option<String> {
    let bytes = fs::read(proc.join(pid.to_string()).join("environ")).ok()?;
    let wanted = format!("{name}=");
    let text = String::from_utf8_lossy(&bytes);
    text.split('\0').find_map(|pair| pair.strip_prefix(&wanted)).map(str::to_owned)
}

/// Ends a process at once; gives whether there was one.
pub fn kill(pid: u32) -> bool {
    to_pid(pid).is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
}

/// Ends all processes of a group at once; gives whether there was any.
pub fn kill_group(group: u32) -> bool {
    to_pid(group).is_some_and(|group| kill_process_group(group, Signal::KILL).is_ok())
}

fn to_pid(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list of processes as Linux writes it: pid, name, state, parent, group, CPU ticks.
    fn listed(processes: &[(u32, &str, char, u32, u32, u64)]) -> tempfile::TempDir {
        let proc = tempfile::tempdir().unwrap();
        for (pid, name, state, parent, group, ticks) in processes {
            let folder = proc.path().join(pid.to_string());
            fs::create_dir(&folder).unwrap();
            let stat =
                format!("{pid} ({name}) {state} {parent} {group} 5 0 -1 4194560 1 0 0 0 {ticks} 1 0 0 20 0 1 0 99\n");
            fs::write(folder.join("stat"), stat).unwrap();
            fs::write(folder.join("environ"), format!("A=1\0NAME=of {pid}\0")).unwrap();
        }
        fs::create_dir(proc.path().join("self")).unwrap();
        proc
    }

    #[test]
    fn a_tree_is_found_with_its_programs_and_groups() {
        let proc = listed(&[
            (10, "python (x) y", 'S', 1, 10, 40),
            (11, "bootstrap", 'S', 10, 10, 7),
            (12, "bootstrap", 'Z', 10, 10, 7),
            (13, "sh", 'R', 11, 10, 0),
            (20, "bootstrap", 'S', 1, 20, 0),
        ]);
        let all = all(proc.path());
        assert_eq!(all.len(), 4, "one has ended");
        let python = all.iter().find(|process| process.pid == 10).unwrap();
        assert_eq!((python.program.as_str(), python.ticks), ("python (x) y", 41));
        let mut below: Vec<_> = descendants(10, &all).iter().map(|process| process.pid).collect();
        below.sort_unstable();
        assert_eq!(below, [11, 13]);
        assert_eq!(all.iter().filter(|process| process.group == 10).count(), 3);
        assert_eq!(variable(proc.path(), 11, "NAME").as_deref(), Some("of 11"));
        assert_eq!(variable(proc.path(), 11, "AME"), None);
    }

    #[test]
    fn nobody_is_there_to_be_ended() {
        assert!(!kill(u32::MAX) && !kill_group(0));
        assert!(all(Path::new("/no/such/folder")).is_empty());
    }
}
