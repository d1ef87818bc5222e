//! Rows of export files.

use std::io::{self, Cursor, Read};
use std::time::Instant;

use domain::people::MarketoId;
use domain::ports::{ExportRow, MarketoExports, Record};
use domain::{Failure, FailureKind};

use crate::support::{assert_harmless, lonely_client, names};

fn read(file: impl Read + Send + 'static, fields: &[&str]) -> Vec<Result<ExportRow, Failure>> {
    lonely_client("http://127.0.0.1:9").export_rows(Box::new(file), &names(fields)).collect()
}

fn rows(file: &'static [u8]) -> Vec<Result<ExportRow, Failure>> {
    read(file, &["id", "firstName", "lastName"])
}

fn row(id: i64, first: Option<&str>, last: Option<&str>, doubtful: bool) -> Result<ExportRow, Failure> {
    let values = [Some(id.to_string().as_str()), first, last].into_iter().collect();
    Ok(ExportRow { record: Record { id: MarketoId(id), values }, doubtful })
}

#[test]
fn values_of_all_kinds() {
    let file = "\u{feff}id,firstName,lastName\r\n1,Ærø,\"O\"\"Neil, \n Jr\"\n2,null,\"null\"\n3,,\"\"\n4, null ,NULL\n";
    let wanted = [
        row(1, Some("Ærø"), Some("O\"Neil, \n Jr"), false),
        row(2, None, None, false),
        row(3, None, None, false),
        row(4, Some(" null "), Some("NULL"), false),
    ];
    assert_eq!(rows(file.as_bytes()), wanted);
}

/// Gives a byte at a time, so that every place is once the end of what has been read.
struct Drop(Cursor<Vec<u8>>);

impl Read for Drop {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(&mut buffer[..1])
    }
}

#[test]
fn lines_end_in_every_way() {
    let file = "\u{feff}id,firstName,lastName\n\n1,a,b\r\n\r\n\"2\",\"x,\r\n\"\"y\",\"\"\r3,c\"d,e\n4,f,g";
    let wanted = [
        row(1, Some("a"), Some("b"), false),
        row(2, Some("x,\r\n\"y"), None, false),
        row(3, Some("c\"d"), Some("e"), false),
        row(4, Some("f"), Some("g"), false),
    ];
    let fields = ["id", "firstName", "lastName"];
    assert_eq!(read(Cursor::new(file), &fields), wanted);
    assert_eq!(read(Drop(Cursor::new(file.into())), &fields), wanted);
}

#[test]
fn values_of_any_length() {
    let (long, quoted) = ("x".repeat(700_000), "\"\"".repeat(300_000));
    let file = format!("id,firstName,lastName\n1,{long},\n2,\"{quoted}\",{long}\n3,a,b\n");
    let inner = "\"".repeat(300_000);
    let wanted = [
        row(1, Some(&long), None, false),
        row(2, Some(&inner), Some(&long), false),
        row(3, Some("a"), Some("b"), false),
    ];
    assert!(read(Cursor::new(file), &["id", "firstName", "lastName"]) == wanted);
}

#[test]
fn bytes_that_cannot_be_trusted() {
    let file = b"id,firstName,lastName\n1,A\0nn,nu\0ll\n2,\xff\xfe,b\n3,\xc3,\xa9\n\x004,a,b\n";
    let wanted = [
        row(1, Some("Ann"), None, true),
        row(2, Some("\u{fffd}\u{fffd}"), Some("b"), true),
        row(3, Some("\u{fffd}"), Some("\u{fffd}"), true),
        row(4, Some("a"), Some("b"), true),
    ];
    assert_eq!(rows(file), wanted);
}

#[test]
fn rows_that_do_not_fit_are_named_by_number() {
    let file = b"id,firstName,lastName\n1,Canary\nCanary,a,b\n,a,b\n4,a,b\n";
    let found = rows(file);
    let texts: Vec<String> = found[..3].iter().map(|row| row.as_ref().unwrap_err().message.clone()).collect();
    let wanted = [
        "export file, row 1: 2 values, 3 expected",
        "export file, row 2: the id is not a number",
        "export file, row 3: the id is not a number",
    ];
    assert_eq!(texts, wanted);
    for failure in found[..3].iter().map(|row| row.as_ref().unwrap_err()) {
        assert_eq!(failure.kind, FailureKind::BadAnswer);
        assert_harmless(failure);
    }
    assert_eq!(found[3..], [row(4, Some("a"), Some("b"), false)]);
}

#[test]
fn headers_that_are_not_what_was_asked_for() {
    let kinds = |file: &'static [u8], fields: &[&str]| -> Vec<FailureKind> {
        read(file, fields).into_iter().map(|row| row.unwrap_err().kind).collect()
    };
    for file in [&b""[..], b"id,lastName,firstName\n1,a,b\n", b"id,firstName\n", b"1,a,b\n"] {
        assert_eq!(kinds(file, &["id", "firstName", "lastName"]), [FailureKind::BadAnswer]);
    }
    assert_eq!(kinds(b"email\na\n", &["email"]), [FailureKind::BadRequest]);
    assert_eq!(read(&b"id\n"[..], &["id"]), []);
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("canary-secret-5b1f"))
    }
}

#[test]
fn a_read_that_fails_ends_the_rows() {
    let found = read(Cursor::new(b"id\n1\n").chain(Broken), &["id"]);
    assert_eq!(found.len(), 2);
    let failure = found[1].as_ref().unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert_harmless(failure);
}

#[test]
fn a_hundred_thousand_rows_take_no_time() {
    let mut file = String::from("id,firstName,lastName,email,phone,company,title,leadSource\n");
    for id in 0..100_000 {
        file.push_str(&format!("{id},Anna,Berg,p{id}@example.com,null,\"Berg, Sons\",Head,null\n"));
    }
    let fields = ["id", "firstName", "lastName", "email", "phone", "company", "title", "leadSource"];
    let began = Instant::now();
    let count = read(Cursor::new(file), &fields).into_iter().filter(Result::is_ok).count();
    assert_eq!(count, 100_000);
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
}
