//! Words: ordinary names, companies and titles, and the awkward values that real databases hold.
//! Decides text from hashed numbers only; must not know who gets it.

use super::hash::mix;

const FIRST: [&str; 40] = [
    "Anna", "Ben", "Carla", "David", "Elena", "Frank", "Grace", "Hugo", "Irene", "Jonas", "Karin", "Liam", "Maria",
    "Noah", "Olga", "Pedro", "Quinn", "Rosa", "Sven", "Tara", "Umar", "Vera", "Walter", "Xenia", "Yusuf", "Zoe",
    "Aiko", "Bruno", "Chloe", "Dmitri", "Esther", "Fatima", "Gustav", "Hana", "Ivan", "Julia", "Kofi", "Lucia",
    "Mehmet", "Nadia",
];
const LAST: [&str; 40] = [
    "Adams",
    "Becker",
    "Castillo",
    "Dubois",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Hoffmann",
    "Ivanova",
    "Jensen",
    "Kowalski",
    "Lopez",
    "Moreau",
    "Nakamura",
    "Okafor",
    "Petrov",
    "Quist",
    "Rossi",
    "Schmidt",
    "Tanaka",
    "Ueda",
    "Vogel",
    "Weber",
    "Xu",
    "Yilmaz",
    "Zimmer",
    "Almeida",
    "Brandt",
    "Costa",
    "Diaz",
    "Engel",
    "Ferrari",
    "Gruber",
    "Haddad",
    "Ito",
    "Johansson",
    "Keller",
    "Lindqvist",
    "Mbeki",
    "Nguyen",
];
const COMPANY: [&str; 24] = [
    "Acme",
    "Borealis",
    "Cobalt",
    "Delphi",
    "Emerald",
    "Falcon",
    "Granite",
    "Harbor",
    "Indigo",
    "Juniper",
    "Keystone",
    "Lumen",
    "Meridian",
    "Northwind",
    "Obsidian",
    "Pioneer",
    "Quartz",
    "Redwood",
    "Summit",
    "Tidal",
    "Umbra",
    "Vertex",
    "Willow",
    "Zenith",
];
const BRANCH: [&str; 12] = [
    "Logistics",
    "Systems",
    "Foods",
    "Energy",
    "Labs",
    "Partners",
    "Industries",
    "Media",
    "Health",
    "Robotics",
    "Capital",
    "Textiles",
];
const FORM: [&str; 6] = ["Inc.", "GmbH", "Ltd", "S.A.", "LLC", "AB"];
const RANK: [&str; 8] =
    ["Director", "Head", "VP", "Manager", "Senior Manager", "Specialist", "Chief Officer", "Coordinator"];
const AREA: [&str; 10] =
    ["Sales", "Marketing", "Finance", "Operations", "IT", "Research", "Purchasing", "Quality", "Legal", "Support"];
const SOURCE: [&str; 10] = [
    "Web Form",
    "Trade Show",
    "Webinar",
    "Referral",
    "Partner",
    "Cold Call",
    "Advertisement",
    "List Import",
    "Content Syndication",
    "Chat",
];
const DOMAIN: [&str; 12] = [
    "example.com",
    "example.org",
    "example.net",
    "mail.example.com",
    "corp.example.com",
    "acme.example",
    "borealis.example",
    "harbor.example",
    "tidal.example",
    "zenith.example",
    "lumen.example",
    "sub.granite.example",
];

fn pick<'a>(list: &[&'a str], hashed: u64) -> &'a str {
    let at = hashed % (list.len() as u64);
    list[usize::try_from(at).unwrap_or(0)]
}

pub(crate) fn first_name(hashed: u64) -> &'static str {
    pick(&FIRST, hashed)
}

pub(crate) fn last_name(hashed: u64) -> &'static str {
    pick(&LAST, hashed)
}

pub(crate) fn source(hashed: u64) -> &'static str {
    pick(&SOURCE, hashed)
}

pub(crate) fn company(hashed: u64) -> String {
    join(&[pick(&COMPANY, hashed), " ", pick(&BRANCH, hashed >> 8), " ", pick(&FORM, hashed >> 16)])
}

pub(crate) fn title(hashed: u64) -> String {
    let rank = pick(&RANK, hashed);
    join(&[rank, if rank.len() > 8 { ", " } else { " of " }, pick(&AREA, hashed >> 8)])
}

pub(crate) fn phone(hashed: u64) -> String {
    let mut out = String::with_capacity(18);
    out.push_str(if hashed & 1 == 0 { "+1 (555) " } else { "+49 30 " });
    for shift in 1..8 {
        out.push(char::from(b'0' + u8::try_from((hashed >> (shift * 4)) % 10).unwrap_or(0)));
        if shift == 3 {
            out.push(' ');
        }
    }
    out
}

/// An address that belongs to `number` alone; two people share it only by sharing the number.
pub(crate) fn email(hashed: u64, number: u64) -> String {
    let mut out = String::with_capacity(40);
    out.push_str(first_name(hashed));
    out.push(if hashed & 0x100 == 0 { '.' } else { '_' });
    out.push_str(if hashed >> 9 & 63 == 0 { "o'neil" } else { last_name(hashed >> 16) });
    out.push_str(&number.to_string());
    if hashed >> 24 & 31 == 0 {
        out.push_str("+crm");
    }
    out.push('@');
    out.push_str(pick(&DOMAIN, hashed >> 32));
    // Addresses keep the case in which they were typed; most are lower case.
    if hashed >> 40 & 31 != 0 {
        out.make_ascii_lowercase();
    }
    out
}

pub(crate) fn linked_in(hashed: u64, number: u64) -> String {
    let mut out = join(&["https://www.linkedin.com/in/", first_name(hashed), "-", last_name(hashed >> 16), "-"]);
    out.push_str(&number.to_string());
    if hashed >> 30 & 31 == 0 {
        out.push_str("?trk=a,b&x=%22y%22;z");
    }
    out
}

/// A value that breaks careless readers. Never exactly `null`, never empty, at most 255 characters.
pub(crate) fn awkward(hashed: u64, plain: &str) -> String {
    match hashed % 32 {
        0 => join(&[plain, ", Jr."]),
        1 => join(&["\"", plain, "\""]),
        2 => join(&[plain, " \"Bud\" & Co, \"the\" best"]),
        3 => join(&[plain, "\nsecond line"]),
        4 => join(&[plain, "\r\nsecond line\r\nthird"]),
        5 => join(&[plain, "; and; more"]),
        6 => join(&[plain, "\tafter tab"]),
        7 => join(&["  ", plain]),
        8 => join(&[plain, "   "]),
        9 => long_value(hashed, plain),
        10 => join(&["👩\u{200d}🚀 ", plain, " 🚀"]),
        11 => join(&["株式会社", plain, "山田太郎"]),
        12 => join(&["שלום ", plain, " עולם"]),
        13 => join(&["مرحبا ", plain]),
        14 => join(&[plain, " Zoe\u{308} n\u{303}"]),
        15 => "NULL".to_owned(),
        16 => "None".to_owned(),
        17 => "\"".to_owned(),
        18 => "O'Brien".to_owned(),
        19 => join(&["back\\slash \\n ", plain, "\\"]),
        20 => join(&["=SUM(A1)+", plain]),
        21 => join(&["+", plain]),
        22 => join(&["-", plain]),
        23 => join(&["@", plain]),
        24 => join(&[plain, "\\\",\\\""]),
        25 => "Null".to_owned(),
        26 => join(&[plain, "\u{2028}after separator\u{85}x"]),
        27 => join(&["a,b,\"c\",\n", plain]),
        28 => "007".to_owned(),
        29 => "true".to_owned(),
        30 => join(&["<b>", plain, "</b> &amp; 50% %2C"]),
        _ => join(&["\"\"", plain, "\n\n\"", ","]),
    }
}

fn long_value(hashed: u64, plain: &str) -> String {
    let mut out = String::with_capacity(300);
    let mut round = hashed;
    while out.chars().count() < 255 {
        out.push_str(plain);
        out.push(if round & 3 == 0 { ',' } else { ' ' });
        out.push(if round & 4 == 0 { 'ß' } else { 'x' });
        round = mix(round);
    }
    out.chars().take(254).chain(['!']).collect()
}

fn join(parts: &[&str]) -> String {
    let mut out = String::with_capacity(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        out.push_str(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn awkward_values_stay_within_their_bounds() {
        for hashed in 0..320 {
            let value = awkward(hashed, "Anna");
            assert!(!value.is_empty() && value != "null" && value.chars().count() <= 255, "{value:?}");
        }
    }
}
