//! Jobs and the analyses that they make.

use crate::common::{make_schema_4, new_store, run};
use isopleth_store::{Analysis, JobRecord, JobStatus, Store};

fn job(id: &str, run: &str, status: JobStatus) -> JobRecord {
    JobRecord {
        id: id.to_owned(),
        run: run.to_owned(),
        request: r#"{"method":{"name":"knox"}}"#.to_owned(),
        answer: "raw".to_owned(),
        status,
        code: None,
        message: "Größe 'x' \"y\"".to_owned(),
        progress: 0,
        created: 1_700_000_000_123,
        started: None,
        finished: None,
        updated: 1_700_000_000_123,
    }
}

#[test]
fn jobs_are_read_back_in_their_order_and_change_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = new_store(folder.path(), "s.gpkg");
    let revision = store.data_revision().unwrap();
    let (a, b) = (
        job("z", "r1", JobStatus::Accepted),
        job("a", "r2", JobStatus::Running),
    );
    store.put_jobs(&[a.clone(), b.clone()], None).unwrap();
    assert_eq!(store.jobs().unwrap(), [a.clone(), b.clone()]);
    let failed = JobRecord {
        status: JobStatus::Failed,
        code: Some("unknown_area".to_owned()),
        progress: 40,
        started: Some(1_700_000_000_200),
        finished: Some(1_700_000_000_300),
        updated: 1_700_000_000_300,
        ..a
    };
    store.put_jobs(std::slice::from_ref(&failed), None).unwrap();
    drop(store);
    let mut store = Store::open(&folder.path().join("s.gpkg")).unwrap();
    assert_eq!(store.jobs().unwrap(), [failed, b.clone()]);
    store
        .remove_jobs(&["z".to_owned(), "unknown".to_owned()], &[])
        .unwrap();
    assert_eq!(store.jobs().unwrap(), [b]);
    assert_eq!(store.data_revision().unwrap(), revision);
}

#[test]
fn an_analysis_is_a_layer_of_its_own_and_goes_with_its_result() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = new_store(folder.path(), "s.gpkg");
    let (own, shared) = (run("r1", "any", "rev"), run("r2", "any", "rev"));
    store.put_run(&run("r2", "saved", "rev")).unwrap();
    for (made, kept) in [(&shared, 20), (&own, 10)] {
        let done = job(&made.id, &made.id, JobStatus::Successful);
        store.put_jobs(&[done], Some((made, kept))).unwrap();
    }
    let analysis = |run: &str, kept| Analysis {
        run: run.to_owned(),
        kept,
    };
    assert_eq!(
        store.analyses().unwrap(),
        [analysis("r1", 10), analysis("r2", 20)]
    );
    assert_eq!(store.runs("analysis-r1").unwrap()[0].id, "r1");
    assert_eq!(store.run("r1").unwrap().unwrap().result, own.result);

    let both = ["r1".to_owned(), "r2".to_owned()];
    store.remove_jobs(&[], &both).unwrap();
    assert_eq!(store.analyses().unwrap(), []);
    assert_eq!(store.run("r1").unwrap(), None, "nobody else has it");
    assert!(store.runs("analysis-r2").unwrap().is_empty());
    assert_eq!(store.latest_run("saved").unwrap().unwrap().id, "r2");
    assert_eq!(
        store.jobs().unwrap().len(),
        2,
        "jobs stay until they are forgotten"
    );
    store.remove_jobs(&both, &both).unwrap();
    assert_eq!(store.jobs().unwrap(), []);
}

#[test]
fn a_store_of_schema_4_gets_its_tables() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = new_store(folder.path(), "s.gpkg");
    store.put_run(&run("r", "saved", "rev")).unwrap();
    drop(store);
    let path = folder.path().join("s.gpkg");
    make_schema_4(&path);
    let mut store = Store::open(&path).unwrap();
    assert_eq!(
        (store.jobs().unwrap(), store.analyses().unwrap()),
        (vec![], vec![])
    );
    assert!(store.run("r").unwrap().is_some());
    let accepted = job("j", "r", JobStatus::Accepted);
    store
        .put_jobs(std::slice::from_ref(&accepted), None)
        .unwrap();
    assert_eq!(store.jobs().unwrap(), [accepted]);
}

#[test]
fn names_of_analyses_are_no_names_of_saved_layers() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = new_store(folder.path(), "s.gpkg");
    let request = run("r", "l", "rev").request;
    let refused = store.put_layer("analysis-0123", &request).unwrap_err();
    assert_eq!(refused.code(), "layer_name");
}
