//! Fetches one export file to scratch space and checks it against what Marketo said of it. Nothing of a file is used before it is whole:
//! a download that ends early at a clean place looks like a shorter file.

use futures_util::StreamExt;
use sha2::{Digest, Sha256};

use crate::ports::{ExportFile, ExportId, PeoplePorts, Spool, Spools};
use crate::{Advice, Failure, FailureKind};

/// Most times that a download is taken up again without having got any further.
const MAX_BARREN_TRIES: u32 = 5;

/// The whole file, its size and checksum as they must be.
///
/// # Errors
/// `BadAnswer` when the file is not the one that Marketo described; `NotFound` when there is none; `Unavailable` when the download keeps
/// breaking off.
pub async fn fetch(ports: &PeoplePorts, job: &ExportId, file: &ExportFile) -> Result<Box<dyn Spool>, Failure> {
    let mut download = Download::new(&*ports.spools, job, file)?;
    let mut barren = 0;
    while download.len() < file.bytes {
        let before = download.len();
        match take_up(ports, &mut download).await {
            Ok(()) => {}
            Err(failure) if matches!(failure.advice(), Advice::Retry { .. }) && barren < MAX_BARREN_TRIES => {
                tracing::warn!(
                    export.id = job.0,
                    bytes = download.len(),
                    "download broke off, taking it up again: {failure}"
                );
            }
            Err(failure) => return Err(failure),
        }
        barren = if download.len() > before { 0 } else { barren + 1 };
        if barren > MAX_BARREN_TRIES {
            break;
        }
    }
    download.whole()
}

async fn take_up(ports: &PeoplePorts, download: &mut Download<'_>) -> Result<(), Failure> {
    let mut stream = ports.marketo.export_file(download.job, download.len()).await?;
    while let Some(chunk) = stream.next().await {
        download.add(&chunk?)?;
    }
    Ok(())
}

/// A file as far as it has come.
pub struct Download<'a> {
    job: &'a ExportId,
    file: &'a ExportFile,
    spool: Box<dyn Spool>,
    hash: Sha256,
}

impl<'a> Download<'a> {
    /// Nothing yet of this file.
    ///
    /// # Errors
    /// `Unavailable` when there is no scratch space.
    pub fn new(spools: &dyn Spools, job: &'a ExportId, file: &'a ExportFile) -> Result<Self, Failure> {
        Ok(Self { job, file, spool: spools.create().map_err(disk)?, hash: Sha256::new() })
    }

    fn len(&self) -> u64 {
        self.spool.len()
    }

    /// Adds the bytes that follow.
    ///
    /// # Errors
    /// `BadAnswer` when they are more than the file has; `Unavailable` when the disk is full.
    pub fn add(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        if self.len() + chunk.len() as u64 > self.file.bytes {
            return Err(wrong(self.job, &format!("it is longer than {} bytes", self.file.bytes)));
        }
        self.hash.update(chunk);
        self.spool.append(chunk).map_err(disk)
    }

    /// The file, if it is whole.
    ///
    /// # Errors
    /// `BadAnswer` when it has another size or checksum than Marketo said.
    pub fn whole(self) -> Result<Box<dyn Spool>, Failure> {
        let Self { job, file, spool, hash } = self;
        if spool.len() != file.bytes {
            return Err(wrong(job, &format!("it ends after {} of {} bytes", spool.len(), file.bytes)));
        }
        let sha256 = hash.finalize().iter().map(|b| format!("{b:02x}")).collect::<String>();
        if file.sha256.as_ref().is_some_and(|expected| *expected != sha256) {
            return Err(wrong(job, "its checksum is another"));
        }
        Ok(spool)
    }
}

fn wrong(job: &ExportId, how: &str) -> Failure {
    Failure::new(
        FailureKind::BadAnswer,
        format!("the file of export {} is not the one Marketo described: {how}", job.0),
    )
}

fn disk(error: std::io::Error) -> Failure {
    Failure::new(
        FailureKind::Unavailable,
        format!("cannot write scratch space for an export file: {error}; free some disk space"),
    )
}
