//! State folders that are foreign, damaged, of another subscription or in use.

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};

use simulator_marketo::{Config, ExportConfig};

use crate::support::{Story, quick};

#[tokio::test]
async fn a_foreign_folder_is_left_alone() {
    let story = Story::of(quick("foreign folder", 100)).await;
    fs::create_dir_all(story.state()).unwrap();
    fs::write(story.state().join("letter.txt"), "dear diary").unwrap();
    story.sync(&[]).await.ends(2, &["none of actions-sync", "new or empty folder"]);
    story.on_state(&["status"]).await.ends(2, &["none of actions-sync"]);
    story.on_state(&["settings", "set", "people.overlapMinutes", "20"]).await.ends(2, &["none of actions-sync"]);
    assert_eq!(fs::read_to_string(story.state().join("letter.txt")).unwrap(), "dear diary");
    assert_eq!(fs::read_dir(story.state()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_folder_that_is_a_file_is_refused() {
    let story = Story::of(quick("a file", 100)).await;
    fs::write(story.state(), "dear diary").unwrap();
    story.sync(&[]).await.ends(2, &["state"]);
    assert_eq!(fs::read_to_string(story.state()).unwrap(), "dear diary");
}

#[tokio::test]
async fn another_subscriptions_folder_is_refused() {
    let mut story = Story::of(quick("another subscription", 300)).await;
    story.sync_to_truth("before").await;
    let own = story.base_url();
    story.env("MARKETO_BASE_URL", &own.replace("127.0.0.1", "localhost"));
    for command in ["sync", "verify"] {
        story.on_state(&[command]).await.ends(2, &["127.0.0.1", "localhost", "another folder"]);
    }
    story.env("MARKETO_BASE_URL", &own);
    let figures = story.sync_to_truth("after").await;
    assert_eq!(figures["writes"]["put"], 0, "nothing had been changed: {figures}");
}

#[tokio::test]
async fn damaged_tables_are_said_to_be_damaged() {
    for from in [0, 40_000] {
        let story = Story::of(quick("damaged tables", 1_000)).await;
        story.sync_to_truth("before").await;
        let mut damaged = 0;
        for entry in fs::read_dir(story.state()).unwrap() {
            let path = entry.unwrap().path();
            if path.to_string_lossy().contains("sqlite") {
                damaged += u32::from(overwrite(&path, from));
            }
        }
        assert!(damaged > 0, "there is nothing to damage");
        let run = story.sync(&["--full"]).await;
        assert!([1, 2].contains(&run.code), "damage from byte {from}: {} {}", run.code, run.stderr);
        run.ends(run.code, &["actions-sync: ", "backup"]);
    }
}

/// Puts words over a file, all of it after some byte.
fn overwrite(path: &std::path::Path, from: u64) -> bool {
    let length = fs::metadata(path).unwrap().len();
    if length <= from {
        return false;
    }
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(from)).unwrap();
    let words = b"this is no database, whatever its name says. ".repeat(1_000);
    let mut left = length - from;
    while left > 0 {
        let part = usize::try_from(left).unwrap().min(words.len());
        file.write_all(&words[..part]).unwrap();
        left -= part as u64;
    }
    true
}

#[tokio::test]
async fn a_damaged_marker_is_named() {
    let story = Story::of(quick("damaged marker", 100)).await;
    story.sync_to_truth("before").await;
    let marker = story.state().join("actions-sync.json");
    let kept = fs::read(&marker).unwrap();
    for text in ["", "{", "{\"program\":\"another\",\"layout\":1}", "{\"program\":\"actions-sync\",\"layout\":99}"] {
        fs::write(&marker, text).unwrap();
        story.sync(&[]).await.ends(2, &["nothing in it was changed"]);
        assert_eq!(fs::read_to_string(&marker).unwrap(), text);
    }
    fs::write(&marker, kept).unwrap();
    story.sync_to_truth("after").await;
}

#[tokio::test]
async fn a_folder_in_use_is_left_to_its_user() {
    // Long enough that the one who comes second meets the first at work, however busy the machine is.
    let export = ExportConfig { seconds: 8.0, ..ExportConfig::default() };
    let story = Story::of(Config { export, ..quick("in use", 500) }).await;
    story.set("people.overlapMinutes", "11").await;
    let (one, other) = tokio::join!(story.on_state(&["sync"]), story.on_state(&["sync"]));
    let (done, refused) = if one.code == 0 { (one, other) } else { (other, one) };
    done.ends(0, &[]);
    refused.ends(1, &["in use by another actions-sync"]);
    story.sync_to_truth("after both").await;
}
