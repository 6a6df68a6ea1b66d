//! Files that are damaged or are not what they seem, and rows that make no sense: a clear error for
//! the first, a counted reason for the second, and never a panic.

use std::fs;

use crate::common::{self, STREET, bytes, gzip, mapped, street, take, text, zip};
use isopleth_io::ingest::{IngestError, Options, RejectWriter, find_inputs, open};

fn code(result: Result<common::Taken, IngestError>) -> (&'static str, String) {
    let error = result.unwrap_err();
    (error.code(), error.to_string())
}

#[test]
fn rows_that_make_no_sense_are_counted_by_reason() {
    let good = street("a", "Burglary");
    let with = |from: &str, to: &str| good.replace(from, to);
    let cases = [
        (
            with("0.183214,51.576543", "0,0"),
            "zero_coordinates",
            2,
            "Longitude, Latitude",
        ),
        (
            with("0.183214,51.576543", "51.576543,0.183214"),
            "swapped_coordinates",
            2,
            "Longitude, Latitude",
        ),
        (
            with("0.183214,51.576543", "-73.98,40.75"),
            "outside_area",
            2,
            "Longitude, Latitude",
        ),
        (
            with("0.183214,51.576543", "east,51.576543"),
            "bad_coordinate",
            2,
            "Longitude",
        ),
        (
            with("0.183214,51.576543", "0.183214,NaN"),
            "bad_coordinate",
            2,
            "Latitude",
        ),
        (
            with("0.183214,51.576543", "551000,188000"),
            "bad_coordinate",
            2,
            "Longitude, Latitude",
        ),
        (
            with("0.183214,51.576543", "0.183214,"),
            "half_coordinate",
            2,
            "Longitude, Latitude",
        ),
        (with("2022-03", "2022-13"), "bad_date", 2, "Month"),
        (with("2022-03", "0202-03"), "bad_date", 2, "Month"),
        (with("2022-03", "2022-02-30"), "bad_date", 2, "Month"),
        (with("2022-03", ""), "no_date", 2, "Month"),
        (with("Burglary", ""), "no_offence", 2, "Crime type"),
        (
            with("High Street", "High, Street"),
            "wrong_field_count",
            2,
            "",
        ),
    ];
    for (row, reason, line, column) in cases {
        let taken = text(&format!("{STREET}{row}{}", street("b", "Robbery"))).unwrap();
        assert_eq!((taken.report.read, taken.rows.len()), (2, 1), "{reason}");
        assert_eq!(
            taken.reasons().into_iter().collect::<Vec<_>>(),
            [(reason, 1)]
        );
        let example = &taken.report.rejected[reason].examples[0];
        assert_eq!(
            (example.row, example.column.as_str()),
            (line, column),
            "{reason}"
        );
        assert!(example.file.ends_with("2022-03-force-street.csv"));
        assert!(
            !example.value.contains("Under investigation"),
            "only what is at fault is quoted"
        );
    }
}

#[test]
fn three_examples_are_kept_and_all_are_counted() {
    let bad: String = (0..10).map(|i| street(&i.to_string(), "")).collect();
    let taken = text(&format!("{STREET}{bad}")).unwrap();
    let rejected = &taken.report.rejected["no_offence"];
    assert_eq!(rejected.count, 10);
    assert_eq!(
        rejected.examples.iter().map(|e| e.row).collect::<Vec<_>>(),
        [2, 3, 4]
    );
}

#[test]
fn rejects_go_to_a_file_without_the_rest_of_the_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("2022-03-x-street.csv");
    fs::write(
        &path,
        format!(
            "{STREET}{}",
            street("secret", "Burglary").replace("51.57", "x")
        ),
    )
    .unwrap();
    let out = folder.path().join("rejects.csv");
    let mut rejects = RejectWriter::new(fs::File::create(&out).unwrap()).unwrap();
    let input = find_inputs(&[path]).unwrap().remove(0);
    let opened = open(&input, &Options::default()).unwrap();
    assert_eq!(opened.source().format, "police_uk_street");
    opened.read(&mut |_, _| Ok(()), Some(&mut rejects)).unwrap();
    rejects.flush().unwrap();
    let written = fs::read_to_string(out).unwrap();
    let lines: Vec<&str> = written.lines().collect();
    assert_eq!(lines[0], "file,row,reason,column,value");
    assert!(
        lines[1].ends_with(",2,bad_coordinate,Latitude,x6543"),
        "{written}"
    );
    assert!(!written.contains("secret"));
}

#[test]
fn the_declared_area_is_a_fence() {
    let mapping = "name='m'\n[columns]\nlon='x'\nlat='y'\nterm='t'\nmonth='m'\n[area]\nwest=0.1\nsouth=51.4\neast=0.3\nnorth=51.7\n";
    let csv = "t,m,x,y\nBurglary,2022-01,0.2,51.5\nBurglary,2022-01,-0.2,51.5\n";
    let taken = bytes("a.csv", csv.as_bytes(), &mapped(mapping)).unwrap();
    assert_eq!(taken.reasons()["outside_area"], 1);
}

#[test]
fn line_ends_marks_and_quotes_do_not_matter() {
    let plain = text(&format!(
        "{STREET}{}{}",
        street("a", "Burglary"),
        street("b", "Robbery")
    ))
    .unwrap();
    let variants = [
        format!(
            "\u{feff}{STREET}{}{}",
            street("a", "Burglary"),
            street("b", "Robbery")
        ),
        format!(
            "{STREET}{}{}",
            street("a", "Burglary"),
            street("b", "Robbery")
        )
        .replace('\n', "\r\n"),
        format!(
            "{STREET}{}{}",
            street("a", "Burglary"),
            street("b", "Robbery")
        )
        .replace('\n', "\r"),
        format!(
            "{STREET}\r\n{}\n\n{}",
            street("a", "\"Burglary\"").replace('\n', "\r\n"),
            street("b", " Robbery ").trim_end()
        ),
    ];
    for variant in variants {
        let taken = text(&variant).unwrap();
        assert_eq!(taken.rows, plain.rows);
        assert_eq!(taken.texts.kinds, plain.texts.kinds);
        assert!(taken.report.notes.is_empty());
    }
    let inside = street("a", "Burglary").replace("On or near High Street", "The \"Bell\" Inn");
    let taken = text(&format!("{STREET}{inside}")).unwrap();
    assert_eq!(taken.texts.places[0].text, "The \"Bell\" Inn");
    let quoted = street("a", "Burglary").replace(
        "On or near High Street",
        "\"The \"\"Bell\"\", High Street\"",
    );
    let taken = text(&format!("{STREET}{quoted}")).unwrap();
    assert_eq!(taken.texts.places[0].text, "The \"Bell\", High Street");
}

#[test]
fn other_encodings_are_read_and_named() {
    let row = street("a", "Burglary").replace("High Street", "Caf\u{e9} Street");
    let utf8 = format!("{STREET}{row}");
    let latin: Vec<u8> = utf8.chars().map(|c| c as u8).collect();
    let taken = bytes("2022-03-x-street.csv", &latin, &Options::default()).unwrap();
    assert_eq!(taken.texts.places[0].text, "On or near Caf\u{e9} Street");
    assert!(
        taken.report.notes[0].contains("windows-1252"),
        "{:?}",
        taken.report.notes
    );

    let mut wide = vec![0xff, 0xfe];
    wide.extend(utf8.encode_utf16().flat_map(u16::to_le_bytes));
    let taken = bytes("2022-03-x-street.csv", &wide, &Options::default()).unwrap();
    assert_eq!(taken.texts.places[0].text, "On or near Caf\u{e9} Street");
    assert!(taken.report.notes[0].contains("UTF-16LE"));
}

#[test]
fn a_header_alone_is_no_rows_and_nothing_at_all_is_an_error() {
    let taken = text(STREET).unwrap();
    assert_eq!((taken.report.read, taken.rows.len()), (0, 0));
    for nothing in ["", "\n\r\n  ", "\u{feff}"] {
        assert_eq!(code(text(nothing)).0, "empty_file", "{nothing:?}");
    }
    assert_eq!(
        code(bytes("a.csv.gz", &gzip(b""), &Options::default())).0,
        "empty_file"
    );
}

#[test]
fn the_wrong_delimiter_is_named() {
    for (delimiter, shown) in [(";", "\";\""), ("\t", "\"\\t\"")] {
        let (code, message) = code(text(&STREET.replace(',', delimiter)));
        assert_eq!(code, "wrong_delimiter");
        assert!(
            message.contains(shown) && message.contains("line 1"),
            "{message}"
        );
    }
}

#[test]
fn an_unknown_header_lists_its_columns() {
    let (code_, message) = code(text("when,what,where\n1,2,3\n"));
    assert_eq!(code_, "unknown_header");
    assert!(
        message.contains("when, what, where") && message.contains("mapping"),
        "{message}"
    );
    let options = Options {
        format: Some("police_uk_street".parse().unwrap()),
        ..Options::default()
    };
    let (code_, message) = code(bytes("a.csv", b"Month,Longitude\n", &options));
    assert_eq!(code_, "missing_column");
    assert!(message.contains("`Latitude`"), "{message}");
    let twice = STREET.replace("Context", "Month");
    assert_eq!(code(text(&twice)).0, "duplicate_column");
}

#[test]
fn damaged_archives_are_refused_with_the_place() {
    let csv: String = STREET.to_owned()
        + &(0..5000)
            .map(|i| street(&format!("{i:x}"), "Burglary"))
            .collect::<String>();
    let gz = gzip(csv.as_bytes());
    let (code_, message) = code(bytes("a.csv.gz", &gz[..gz.len() / 2], &Options::default()));
    assert_eq!(code_, "damaged_file");
    assert!(message.contains("fetch it again"), "{message}");
    let mut flipped = gz.clone();
    let end = flipped.len() - 6;
    flipped[end] ^= 0x55;
    assert_eq!(
        code(bytes("a.csv.gz", &flipped, &Options::default())).0,
        "damaged_file"
    );

    let zipped = zip(&[("2022-03/2022-03-x-street.csv", csv.as_bytes())]);
    let (code_, message) = code(bytes(
        "a.zip",
        &zipped[..zipped.len() - 30],
        &Options::default(),
    ));
    assert_eq!(code_, "damaged_archive");
    assert!(message.contains("a.zip"), "{message}");
    let mut flipped = zipped.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x55;
    let result = code(bytes("a.zip", &flipped, &Options::default()));
    assert_eq!(result.0, "damaged_file");
    assert!(
        result.1.contains("a.zip!2022-03/2022-03-x-street.csv"),
        "{}",
        result.1
    );
    assert_eq!(
        code(bytes("a.zip", b"PK\x03\x04rubbish", &Options::default())).0,
        "damaged_archive"
    );
    assert_eq!(
        code(bytes("a.zip", b"", &Options::default())).0,
        "damaged_archive"
    );
}

#[test]
fn a_bomb_and_an_endless_line_are_stopped() {
    let line = vec![b'x'; 64 << 20];
    for bomb in [gzip(&line), line] {
        let (code, message) = code(bytes("a.csv", &bomb, &Options::default()));
        assert_eq!(code, "long_record");
        assert!(message.contains("line 1"), "{message}");
    }
    let csv = format!("{STREET}{}", street("a", "Burglary").repeat(10_000));
    let options = Options {
        max_inflated_bytes: 100_000,
        ..Options::default()
    };
    assert_eq!(
        code(bytes("a.csv.gz", &gzip(csv.as_bytes()), &options)).0,
        "too_large"
    );
    assert_eq!(
        code(bytes(
            "a.zip",
            &zip(&[("2022-03-x-street.csv", csv.as_bytes())]),
            &options
        ))
        .0,
        "too_large"
    );
}

#[test]
fn an_unclosed_quote_is_found_where_it_opens() {
    let bad = street("b", "Burglary").replace("On or near", "\"On or near");
    let (code, message) = code(text(&format!(
        "{STREET}{}{bad}{}",
        street("a", "Burglary"),
        street("c", "Robbery")
    )));
    assert_eq!(code, "unclosed_quote");
    assert!(message.contains("line 3"), "{message}");
}

#[test]
fn what_is_no_text_is_refused() {
    assert_eq!(
        code(bytes("a.csv", b"\x7fELF\0\0\0\0", &Options::default())).0,
        "not_text"
    );
}

#[test]
fn a_directory_of_something_else_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = |folder: &std::path::Path| find_inputs(&[folder.to_owned()]).unwrap_err();
    assert_eq!(error(folder.path()).code(), "nothing_here");
    fs::write(folder.path().join("holiday.jpg"), b"\xff\xd8").unwrap();
    fs::write(folder.path().join("README.txt"), b"hello").unwrap();
    let message = error(folder.path()).to_string();
    assert!(message.contains("README.txt, holiday.jpg"), "{message}");
    assert_eq!(error(&folder.path().join("missing")).code(), "cannot_read");
}

#[test]
fn litter_is_passed_over_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let csv = format!("{STREET}{}", street("a", "Burglary"));
    let archive = zip(&[
        ("2022-03/2022-03-x-street.csv", csv.as_bytes()),
        ("2022-03/2022-03-x-outcomes.csv", b"Crime ID,Outcome type\n"),
        ("__MACOSX/2022-03/._2022-03-x-street.csv", b"\0\0"),
        ("README.txt", b"hello"),
        ("inner.zip", b"PK"),
    ]);
    let below = folder.path().join("deep/down");
    fs::create_dir_all(&below).unwrap();
    fs::write(below.join("archive.zip"), archive).unwrap();
    fs::write(folder.path().join(".DS_Store"), b"\0").unwrap();
    fs::write(
        folder.path().join("renamed.csv"),
        "Crime ID,Month,Outcome type\n",
    )
    .unwrap();
    fs::write(folder.path().join("other.csv"), "a,b\n1,2\n").unwrap();
    fs::write(folder.path().join("package.json"), "{\"name\": \"x\"}").unwrap();
    let inputs = find_inputs(&[folder.path().to_owned()]).unwrap();
    let (mut read, mut skipped) = (Vec::new(), Vec::new());
    for input in &inputs {
        match take(input, &Options::default()) {
            Ok(taken) => read.push((input.describe().to_owned(), taken.report.source.name)),
            Err(e) if e.is_skipped() => skipped.push(e.to_string()),
            Err(e) => panic!("{e}"),
        }
    }
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].1, "2022-03/2022-03-x-street.csv");
    assert!(
        read[0]
            .0
            .ends_with("deep/down/archive.zip!2022-03/2022-03-x-street.csv")
    );
    assert_eq!(skipped.len(), 8, "{skipped:#?}");
    assert_eq!(
        skipped
            .iter()
            .filter(|s| s.contains("outcomes of crimes"))
            .count(),
        2
    );
}

#[test]
fn an_entry_that_leads_out_of_its_archive_is_refused() {
    let archive = zip(&[("../../etc/2022-03-x-street.csv", STREET.as_bytes())]);
    assert_eq!(
        code(bytes("a.zip", &archive, &Options::default())).0,
        "unreadable_entry"
    );
}

#[test]
fn a_sink_that_fails_stops_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("2022-03-x-street.csv");
    fs::write(&path, format!("{STREET}{}", street("a", "Burglary"))).unwrap();
    let input = find_inputs(&[path]).unwrap().remove(0);
    let result = isopleth_io::ingest::read(&input, &Options::default(), &mut |_, _| {
        Err("disk full".into())
    });
    let error = result.unwrap_err();
    assert_eq!(error.code(), "not_stored");
    assert!(error.to_string().contains("disk full"));
}

#[test]
fn a_day_that_is_none_is_not_stored_as_its_month() {
    let mapping = mapped(
        "name='m'\ndates=['%d/%m/%Y %H:%M','%d/%m/%Y','%m/%Y']\n[columns]\nlon='x'\nlat='y'\nterm='t'\ndate='d'\n",
    );
    let csv = "t,d,x,y\nA,31/02/2023,0.2,51.5\nA,31/04/2023 10:00,0.2,51.5\nA,28/02/2023,0.2,51.5\nA,02/2023,0.2,51.5\n";
    let taken = bytes("a.csv", csv.as_bytes(), &mapping).unwrap();
    assert_eq!(taken.reasons()["bad_date"], 2);
    assert_eq!(taken.rows.len(), 2);
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_refused_before_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("2022-03-x-street.csv");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    for path in [pipe, "/dev/null".into()] {
        let error = find_inputs(&[path]).unwrap_err();
        assert_eq!(error.code(), "not_a_file");
        assert!(error.to_string().contains("save it to a file first"));
    }
    let good = folder.path().join("2022-02-x-street.csv");
    fs::write(&good, format!("{STREET}{}", street("a", "Burglary"))).unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&good, &link).unwrap();
    let linked = find_inputs(&[link]).unwrap();
    assert_eq!(take(&linked[0], &Options::default()).unwrap().rows.len(), 1);
    let inputs = find_inputs(&[folder.path().to_owned()]).unwrap();
    let reasons: Vec<_> = inputs.iter().map(|i| i.skipped()).collect();
    assert_eq!(reasons[..2], [None, Some("not a regular file")]);
}

#[cfg(unix)]
#[test]
fn what_is_broken_in_a_folder_fails_alone() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    symlink("nobody@nowhere.1", at(".#lock")).unwrap();
    symlink("nowhere", at("gone.csv")).unwrap();
    symlink("loop.csv", at("loop.csv")).unwrap();
    symlink(".", at("round")).unwrap();
    let good = format!("{STREET}{}", street("a", "Burglary"));
    let whole = zip(&[("2022-02-x-street.csv", good.as_bytes())]);
    fs::write(at("cut.zip"), &whole[..whole.len() - 30]).unwrap();
    fs::write(at("z.csv"), &good).unwrap();

    let (mut read, mut skipped, mut failed) = (0, Vec::new(), Vec::new());
    for input in find_inputs(&[folder.path().to_owned()]).unwrap() {
        match take(&input, &Options::default()) {
            Ok(taken) => read += taken.rows.len(),
            Err(e) if e.is_skipped() => skipped.push(e.to_string()),
            Err(e) => failed.push(e),
        }
    }
    assert_eq!(read, 1);
    let reasons = [
        "a hidden file",
        "a link to nothing",
        "cannot be read",
        "a link to a folder",
    ];
    assert_eq!(skipped.len(), reasons.len(), "{skipped:#?}");
    for (skipped, reason) in skipped.iter().zip(reasons) {
        assert!(skipped.contains(reason), "{skipped}");
    }
    assert_eq!(failed.len(), 1);
    let named = find_inputs(&[at("cut.zip")]).unwrap_err();
    assert_eq!(named.code(), "damaged_archive");
    assert_eq!(failed[0].to_string(), named.to_string());

    fs::remove_file(at("z.csv")).unwrap();
    fs::remove_file(at("cut.zip")).unwrap();
    let nothing = find_inputs(&[folder.path().to_owned()]).unwrap_err();
    assert_eq!(nothing.code(), "nothing_here");
    let message = nothing.to_string();
    assert!(
        message.contains("gone.csv (a link to nothing)"),
        "{message}"
    );
}

#[test]
fn a_quote_that_swallows_a_big_file_is_named() {
    let open = street("b", "Burglary").replace("On or near", "\"On or near");
    let rest = street("c", "Robbery").repeat(20_000);
    let csv = format!("{STREET}{}{open}{rest}", street("a", "Burglary"));
    let (code, message) = code(text(&csv));
    assert_eq!(code, "long_record");
    assert!(
        message.contains("the quote on line 3 was probably not closed"),
        "{message}"
    );
}

#[test]
fn a_huge_feature_is_not_said_to_inflate() {
    let json = format!(
        "{{\"type\":\"FeatureCollection\",\"features\":[\n{{\"type\":\"Feature\",\"geometry\":null,\"properties\":{{\"offence\":\"A\",\"date\":\"2022-03-04\"}}}},\n{{\"type\":\"Feature\",\"properties\":{{\"x\":\"{}\"}}}}]}}",
        "x".repeat(17 << 20)
    );
    for packed in [json.clone().into_bytes(), gzip(json.as_bytes())] {
        let (code, message) = code(bytes("a.geojson", &packed, &Options::default()));
        assert_eq!(code, "long_feature");
        assert!(
            message.contains("near line 3: feature 2") && !message.contains("inflates"),
            "{message}"
        );
    }
}

#[test]
fn a_nul_byte_is_found_by_its_offset() {
    let mut csv = STREET.as_bytes().to_vec();
    csv[20] = 0;
    let (code_, message) = code(bytes("a.csv", &csv, &Options::default()));
    assert_eq!(code_, "not_text");
    assert!(message.contains("byte offset 20)"), "{message}");
    let marked = [b"\xef\xbb\xbf", &csv[..]].concat();
    let (_, message) = code(bytes("a.csv", &marked, &Options::default()));
    assert!(message.contains("byte offset 23)"), "{message}");
}
