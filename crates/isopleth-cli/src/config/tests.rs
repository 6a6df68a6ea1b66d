use proptest::prelude::*;

use super::*;

fn with_file(text: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("isopleth.toml");
    std::fs::write(&path, text).unwrap();
    let pairs = |list: &[(&str, &str)]| -> Vec<(String, String)> {
        let pairs = list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        pairs.collect()
    };
    let given = pairs(flags).into_iter().map(|(name, value)| {
        let key = KEYS.iter().find(|k| k.name == name).unwrap();
        (key, value)
    });
    let flags = Flags {
        file: Some(path.clone()),
        given: given.collect(),
    };
    load_from(Some(&path), &pairs(environment), &flags)
}

fn errors(text: &str) -> Vec<String> {
    let loaded = with_file(text, &[], &[("store", "s.gpkg")]);
    loaded.errors.iter().map(ToString::to_string).collect()
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let text = "store = 's.gpkg'\nmax_limit = 100\nmax_requests = 7\ndrain_s = 1.5\n";
    let loaded = with_file(
        text,
        &[
            ("ISOPLETH_MAX_LIMIT", "200"),
            ("ISOPLETH_MAX_REQUESTS", "8"),
            ("HOME", "/"),
        ],
        &[("max_limit", "300")],
    );
    assert!(loaded.errors.is_empty(), "{:?}", loaded.errors);
    let limits = &loaded.settings.service.limits;
    assert_eq!((limits.max_limit, limits.max_requests), (300, 8));
    assert_eq!(limits.drain.as_secs_f64(), 1.5);
    let source = |name: &str| {
        let index = KEYS.iter().position(|k| k.name == name).unwrap();
        loaded.sources[index].to_string()
    };
    assert_eq!(source("max_limit"), "flag, --max-limit");
    assert_eq!(source("max_requests"), "environment, ISOPLETH_MAX_REQUESTS");
    assert!(source("drain_s").ends_with("isopleth.toml, line 4"));
    assert_eq!(source("bind"), "default");
}

#[test]
fn all_that_is_wrong_is_named_with_its_line() {
    let text =
        "max_limt = 5\n\nbind = 'here'\nallowed_hosts = [1]\ndrain_s = -1\n[limits]\nx = 1\n";
    let found = errors(text);
    for (error, wanted) in found.iter().zip([
        "line 1: 'max_limt' is not a key; did you mean 'max_limit'?",
        "line 3: bind: 'here' is not an address with a port",
        "line 4: allowed_hosts: a list has texts",
        "line 5: drain_s: -1 is not a number of seconds",
        "line 6: 'limits' is not a key",
    ]) {
        assert!(error.contains(wanted), "{error}");
    }
    assert_eq!(found.len(), 5, "{found:?}");
    let broken = errors("bind = \"127.0.0.1:1\"\nmax_limit = = 3\n");
    assert!(broken[0].contains("line 2: "), "{broken:?}");
    let twice = errors("max_limit = 3\nmax_limit = 4\n");
    assert!(twice[0].contains("line 2: "), "{twice:?}");
}

#[test]
fn what_does_not_go_together_is_found() {
    for (text, wanted) in [
        (
            "default_limit = 11\nmax_limit = 10\n",
            "default_limit is 11",
        ),
        ("max_requests = 0\n", "max_requests is 0"),
        ("write_timeout_s = 0\n", "write_timeout_s is 0"),
        ("public_base_url = 'maps'\n", "public base URL"),
        (
            "allowed_origins = ['https://a.example/']\n",
            "is not an origin",
        ),
        (
            "allowed_origins = ['*', 'https://a.example']\n",
            "'*' is not an origin",
        ),
        ("allowed_hosts = ['https://a']\n", "is not a host"),
        ("log = '[='\n", "log: '[='"),
        ("metrics_bind = '127.0.0.1:8080'\n", "both 127.0.0.1:8080"),
        (
            "trusted_proxies = ['10.0.0.0/33']\n",
            "is not an address or a network",
        ),
    ] {
        let found = errors(text);
        assert!(
            found.len() == 1 && found[0].contains(wanted),
            "{text}: {found:?}"
        );
    }
    let no_store = with_file("", &[], &[]);
    assert!(matches!(no_store.errors[..], [ConfigError::NoStore]));
}

#[test]
fn variables_that_look_like_keys_are_noticed() {
    let loaded = with_file("", &[("ISOPLETH_BIDN", "x"), ("ISOPLETH_SHARED", "x")], &[]);
    assert_eq!(
        loaded.strange_variables,
        ["ISOPLETH_BIDN is no key; did you mean 'bind'?"]
    );
}

#[test]
fn every_example_is_a_value_of_its_key() {
    for key in KEYS {
        let example = Raw::Text(key.example.to_owned());
        key.set(&mut Settings::default(), &example).unwrap();
    }
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(
        numbers in proptest::collection::vec(1_u32..1_000_000, 17),
        hosts in proptest::collection::vec("[a-z]{1,8}", 0..3),
        log in "(info|debug|isopleth=(warn|trace),error)",
        base in proptest::option::of("https://[a-z]{1,9}/[a-z]{0,9}"),
    ) {
        let mut text = format!("store = 's.gpkg'\nallowed_hosts = {hosts:?}\n");
        for (key, n) in KEYS.iter().filter(|k| k.shape == Shape::Count || k.shape == Shape::Seconds).zip(numbers) {
            // The default page must not be larger than the largest.
            let n = if key.name == "default_limit" { 1 } else { n };
            text += &format!("{} = {n}\n", key.name);
        }
        text += &format!("log = {}\n", toml::Value::from(log));
        if let Some(base) = base {
            text += &format!("public_base_url = '{base}'\n");
        }
        let first = with_file(&text, &[], &[]);
        prop_assert!(first.errors.is_empty(), "{:?}", first.errors);
        let second = with_file(&print(&first), &[], &[]);
        prop_assert!(second.errors.is_empty(), "{:?}", second.errors);
        prop_assert_eq!(first.settings, second.settings);
    }
}
