//! What holds for any input.

use crate::common::{STREET, bytes, mapped, street};
use isopleth_io::ingest::Options;
use proptest::prelude::*;

const MAPPING: &str = "name='m'\n[columns]\nlon='x'\nlat='y'\nterm='t'\nmonth='m'\n";

fn soup() -> impl Strategy<Value = Vec<u8>> {
    let parts = prop::sample::select(vec![
        "a",
        "0.1",
        "51.5",
        ",",
        ",",
        "\"",
        "\n",
        "\n",
        "\r\n",
        "2022-03",
        "2022-99",
        "Burglary",
        "é",
        "-",
        "NaN",
        "1e400",
        "\0",
        "{",
        "99999999999999999999",
        "0",
        " ",
    ]);
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        prop::collection::vec(parts, 0..80).prop_map(|p| p.concat().into_bytes()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// `take` checks that read = delivered + rejected.
    #[test]
    fn any_bytes_are_read_or_refused(soup in soup()) {
        for head in ["", STREET, "t,m,x,y\n", "{\"type\":\"FeatureCollection\",\"features\":["] {
            let whole = [head.as_bytes(), &soup].concat();
            let _ = bytes("a.csv", &whole, &Options::default());
            let _ = bytes("a.csv", &whole, &mapped(MAPPING));
        }
        let _ = bytes("a.csv", &[b"\x1f\x8b\x08", &soup[..]].concat(), &Options::default());
        let _ = bytes("a.zip", &[b"PK\x03\x04", &soup[..]].concat(), &Options::default());
    }

    /// Rows without an id have the same keys in whatever order they come; so do ids.
    #[test]
    fn the_order_of_rows_does_not_matter(
        (rows, shuffled) in prop::collection::vec((0_u8..3, 0_u8..3, 0_u8..4), 1..40)
            .prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
    ) {
        let csv = |rows: &[(u8, u8, u8)]| {
            let line = |&(id, kind, place): &(u8, u8, u8)| {
                let id = if id == 0 { String::new() } else { id.to_string() };
                street(&id, ["Drugs", "Burglary", "Robbery"][kind as usize])
                    .replace("0.18", &format!("0.1{place}"))
            };
            STREET.to_owned() + &rows.iter().map(line).collect::<String>()
        };
        let a = bytes("a.csv", csv(&rows).as_bytes(), &Options::default()).unwrap();
        let b = bytes("b.csv", csv(&shuffled).as_bytes(), &Options::default()).unwrap();
        prop_assert_eq!(a.keys(), b.keys());
        let mut keys = a.keys();
        keys.dedup();
        prop_assert_eq!(keys.len(), rows.len());
    }
}
