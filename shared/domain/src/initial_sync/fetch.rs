//! Fetches one export file to scratch space and checks it against what Marketo said of it. Nothing of a file is used before it is whole:
//! a download that ends early at a clean place looks like a shorter file.

use futures_util::StreamExt;
use sha2::{Digest, Sha256};

use crate::ports::{ExportFile, ExportId, PeoplePorts, Spool};
use crate::{Advice, Failure, FailureKind};

/// Most times that a download is taken up again without having got any further.
const MAX_BARREN_TRIES: u32 = 5;

/// The whole file, its size and checksum as they must be.
///
/// # Errors
/// `BadAnswer` when the file is not the one that Marketo described; `NotFound` when there is none; `Unavailable` when the download keeps
/// breaking off.
pub async fn fetch(ports: &PeoplePorts, job: &ExportId, file: &ExportFile) -> Result<Box<dyn Spool>, Failure> {
    let mut spool = ports.spools.create().map_err(disk)?;
    let mut hash = Sha256::new();
    let mut barren = 0;
    while spool.len() < file.bytes {
        let before = spool.len();
        match take_up(ports, job, file, &mut *spool, &mut hash).await {
            Ok(()) => {}
            Err(failure) if matches!(failure.advice(), Advice::Retry { .. }) && barren < MAX_BARREN_TRIES => {
                tracing::warn!(
                    export.id = job.0,
                    bytes = spool.len(),
                    "download broke off, taking it up again: {failure}"
                );
            }
            Err(failure) => return Err(failure),
        }
        barren = if spool.len() > before { 0 } else { barren + 1 };
        if barren > MAX_BARREN_TRIES {
            return Err(wrong(job, &format!("it ends after {} of {} bytes", spool.len(), file.bytes)));
        }
    }
    let sha256 = hash.finalize().iter().map(|b| format!("{b:02x}")).collect::<String>();
    if file.sha256.as_ref().is_some_and(|expected| *expected != sha256) {
        return Err(wrong(job, "its checksum is another"));
    }
    Ok(spool)
}

async fn take_up(
    ports: &PeoplePorts,
    job: &ExportId,
    file: &ExportFile,
    spool: &mut dyn Spool,
    hash: &mut Sha256,
) -> Result<(), Failure> {
    let mut stream = ports.marketo.export_file(job, spool.len()).await?;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        if spool.len() + chunk.len() as u64 > file.bytes {
            return Err(wrong(job, &format!("it is longer than {} bytes", file.bytes)));
        }
        hash.update(&chunk);
        spool.append(&chunk).map_err(disk)?;
    }
    Ok(())
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
