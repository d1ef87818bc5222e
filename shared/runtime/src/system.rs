//! The real clock, real chance, and scratch files on this machine's disk.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use domain::Timestamp;
use domain::ports::{Chance, Clock, Spool, Spools};

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, pause: Duration) {
        tokio::time::sleep(pause).await;
    }
}

/// Random numbers of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemChance;

impl Chance for SystemChance {
    fn next_u64(&self) -> u64 {
        fastrand::u64(..)
    }
}

/// Scratch files without a name, which the operating system removes when they are closed or the process dies.
#[derive(Debug, Clone)]
pub struct DiskSpools {
    folder: PathBuf,
}

impl DiskSpools {
    /// Scratch files in this folder; on Lambda that is `/tmp`, whose size bounds an export file.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }
}

impl Default for DiskSpools {
    fn default() -> Self {
        Self::new(std::env::temp_dir())
    }
}

impl Spools for DiskSpools {
    fn create(&self) -> io::Result<Box<dyn Spool>> {
        let file = tempfile::tempfile_in(&self.folder)?;
        Ok(Box::new(DiskSpool { file, bytes: 0 }))
    }
}

struct DiskSpool {
    file: File,
    bytes: u64,
}

impl Spool for DiskSpool {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn len(&self) -> u64 {
        self.bytes
    }

    fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.bytes = 0;
        Ok(())
    }

    fn reader(&self) -> io::Result<Box<dyn Read + Send>> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Box::new(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spool_gives_back_what_it_was_given() {
        let mut spool = DiskSpools::default().create().unwrap();
        spool.append(b"wrong").unwrap();
        spool.clear().unwrap();
        assert!(spool.is_empty());
        spool.append(b"ri").unwrap();
        spool.append(b"ght").unwrap();
        let mut text = String::new();
        spool.reader().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), spool.len()), ("right", 5));
    }
}
