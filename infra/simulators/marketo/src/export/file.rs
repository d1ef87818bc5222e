//! Size, checksum and pieces of an export file. One pass over the content finds them; any range is generated again
//! from the nearest mark. Must not know jobs or HTTP.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::content::{Mark, SharedContent};

/// Pieces are about this large.
const PIECE: usize = 256 * 1024;

/// What one pass over the content found out.
pub(crate) struct Built {
    pub(crate) size: u64,
    pub(crate) records: u64,
    pub(crate) sha256: String,
    /// Where each piece begins: its offset in the file and its mark.
    pieces: Vec<(u64, Mark)>,
    /// When the pass ended, by the simulator's clock.
    pub(crate) at_ms: i64,
}

impl Built {
    pub(crate) fn new(content: &SharedContent, now_ms: impl Fn() -> i64) -> Self {
        let mut sha = Sha256::new();
        let mut pieces = Vec::new();
        let (mut size, mut records) = (0, 0);
        let mut mark = Some(content.first());
        let mut buffer = content.header_line();
        while let Some(at) = mark {
            pieces.push((size, at));
            let (rows, next) = content.fill(at, &mut buffer, PIECE);
            records += rows;
            size += buffer.len() as u64;
            sha.update(&buffer);
            buffer.clear();
            mark = next;
        }
        let sha256 = sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { size, records, sha256, pieces, at_ms: now_ms() }
    }
}

/// Generates the bytes of a file from an offset up to an end, piece by piece.
pub(crate) struct Reader {
    content: SharedContent,
    pieces: Arc<std::sync::OnceLock<Built>>,
    piece: usize,
    /// Next byte to give, and the first not to give.
    at: u64,
    end: u64,
}

impl Reader {
    pub(crate) fn new(content: SharedContent, built: Arc<std::sync::OnceLock<Built>>, start: u64, end: u64) -> Self {
        let piece = built
            .get()
            .map_or(0, |built| built.pieces.partition_point(|(offset, _)| *offset <= start).saturating_sub(1));
        Self { content, pieces: built, piece, at: start, end }
    }

    /// The next run of bytes; `None` at the end.
    pub(crate) fn read(&mut self) -> Option<Vec<u8>> {
        if self.at >= self.end {
            return None;
        }
        let (offset, mark) = *self.pieces.get()?.pieces.get(self.piece)?;
        let mut buffer = if self.piece == 0 { self.content.header_line() } else { Vec::with_capacity(PIECE + 4096) };
        self.content.fill(mark, &mut buffer, PIECE);
        self.piece += 1;
        let from = usize::try_from(self.at - offset).ok()?.min(buffer.len());
        let to = usize::try_from(self.end - offset).unwrap_or(usize::MAX).min(buffer.len());
        buffer.truncate(to);
        buffer.drain(..from);
        self.at += buffer.len() as u64;
        Some(buffer)
    }
}

/// The end of the last whole row at or before `limit`, but never before the header's end.
pub(crate) fn row_border(content: &SharedContent, limit: u64) -> u64 {
    let mut end = content.header_line().len() as u64;
    let mut mark = Some(content.first());
    let mut row = Vec::new();
    while let Some(at) = mark {
        row.clear();
        let (_, next) = content.fill(at, &mut row, 1);
        if end + row.len() as u64 > limit {
            break;
        }
        end += row.len() as u64;
        mark = next;
    }
    end
}
