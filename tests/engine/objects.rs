//! Checkpoints in a bucket: who is killed or sleeps at any request neither loses nor doubles anything.

use super::checkpoint::{Life, QUERIES};
use super::counting::{Counted, Counting, Read};
use crate::sinks::fault::{Fault, Kind};
use crate::sinks::subjects::Faulty;
use ecap::clock::{Clock, ManualClock, Micros, Stop, Timer};
use ecap::engine::checkpoint::{Objects, Store, inspect};
use ecap::place::{Place, runtime};
use ecap::{Error, Result};
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Bucket = Arc<dyn ObjectStore>;

fn bucket() -> Bucket {
    Arc::new(InMemory::new())
}

/// Who has no patience: an owner that it waits for is silent for long enough at once.
fn open(bucket: &Bucket, fault: &Fault) -> Result<Objects> {
    open_by(bucket, fault, Arc::new(ManualClock::at(0)))
}

fn open_by(bucket: &Bucket, fault: &Fault, timer: Arc<dyn Timer>) -> Result<Objects> {
    let store = Arc::new(Faulty { inner: bucket.clone(), fault: fault.clone() });
    Objects::open(Place::on(store, "memory:///lake/kept")?, timer, Stop::default())
}

fn run(life: &Life, bucket: &Bucket, fault: &Fault) -> Result<()> {
    life.run_in(Box::new(open(bucket, fault)?)).map(drop)
}

/// The names of all objects.
fn objects(bucket: &Bucket) -> Vec<String> {
    let listed = runtime().unwrap().block_on(bucket.list(None).try_collect::<Vec<_>>()).unwrap();
    listed.iter().map(|object| object.location.filename().unwrap().to_string()).collect()
}

#[test]
fn a_query_with_a_fault_at_any_request_gives_what_one_gives_that_has_none() {
    for (sql, mode) in QUERIES.into_iter().step_by(3) {
        let straight = Life::of(sql, mode);
        run(&straight, &bucket(), &Fault::none()).unwrap();
        for kind in [Kind::Kill, Kind::Lost, Kind::Twice] {
            let mut step = 0;
            loop {
                let (life, bucket, fault) = (Life::of(sql, mode), bucket(), Fault::at(kind, step));
                let ended = run(&life, &bucket, &fault);
                if !fault.was_met() {
                    break;
                }
                if kind == Kind::Twice {
                    ended.unwrap();
                }
                run(&life, &bucket, &Fault::none()).unwrap();
                assert_eq!(life.results.lines(), straight.results.lines(), "{sql}, {kind:?} at {step}");
                step += 1;
            }
            assert!(step > 40, "{sql}, {kind:?}: {step} requests");
        }
    }
}

#[test]
fn who_sleeps_at_any_request_and_is_taken_over_meanwhile_writes_nothing_more() {
    let (sql, mode) = QUERIES[0];
    let straight = Life::of(sql, mode);
    run(&straight, &bucket(), &Fault::none()).unwrap();
    let (mut step, mut stopped) = (0, 0);
    loop {
        let (life, bucket) = (Life::of(sql, mode), bucket());
        let (other, shared) = (life.clone(), bucket.clone());
        let fault = Fault::sleeping(step, move || run(&other, &shared, &Fault::none()).unwrap());
        let ended = run(&life, &bucket, &fault);
        if !fault.was_met() {
            break;
        }
        // Who slept has seen the other's end at the start, was refused, or had nothing left to write.
        stopped += usize::from(ended.is_err_and(|error| {
            let text = error.to_string();
            assert!(text.contains("taken over") || text.contains("is in use by"), "{text}");
            true
        }));
        assert_eq!(life.results.lines(), straight.results.lines(), "slept at request {step}");
        assert_eq!(
            inspect::verify(|| Ok(Box::new(open(&bucket, &Fault::none())?))).unwrap(),
            Vec::<String>::new()
        );
        run(&life, &bucket, &Fault::none()).unwrap();
        assert_eq!(life.results.lines(), straight.results.lines(), "slept at request {step}");
        step += 1;
    }
    assert!(step > 40 && stopped > step / 2, "{stopped} of {step} were stopped");
}

#[test]
fn who_loses_the_checkpoint_while_a_batch_runs_again_gives_out_nothing() {
    let (sql, mode) = QUERIES[7];
    let (life, bucket) = (Life::of(sql, mode), bucket());
    // The first batch has its entry, and no sink has its rows.
    life.fuse.set(0);
    run(&life, &bucket, &Fault::none()).unwrap_err();
    life.fuse.set(u64::MAX);
    let (other, shared, taken) = (life.clone(), bucket.clone(), AtomicBool::new(false));
    let slow = Life {
        reads: Some(Arc::new(move || {
            if !taken.swap(true, Ordering::Relaxed) {
                run(&other, &shared, &Fault::none()).unwrap();
            }
        })),
        ..life.clone()
    };
    let error = run(&slow, &bucket, &Fault::none()).unwrap_err().to_string();
    assert!(error.contains("was taken over by"), "{error}");
    assert_eq!(life.results.again(), 0, "the other one has given it out");
}

#[test]
fn state_is_read_by_ranges_and_no_whole_object_for_a_part_of_it() {
    let (bucket, counted) = (bucket(), Counted::default());
    let life = Life { flush: false, ..Life::of(QUERIES[2].0, QUERIES[2].1) };
    run(&life, &bucket, &Fault::none()).unwrap();
    let store: Bucket = Arc::new(Counting { inner: bucket, counted: counted.clone() });
    run(&life, &store, &Fault::none()).unwrap();
    let whole = |read: &&Read| read.name.contains(".state.") && read.range.is_none();
    let reads = counted.reads.lock().unwrap();
    assert_eq!(reads.iter().find(whole), None);
    let parts: Vec<_> = reads.iter().filter(|read| read.name.contains(".state.")).collect();
    let once = |(number, part): (usize, &&Read)| !parts[..number].contains(part);
    assert!(parts.len() > 1 && parts.iter().enumerate().all(once), "{parts:#?}");
}

#[test]
fn a_large_file_goes_to_the_store_while_it_is_written() {
    const PIECE: usize = 1 << 20;
    let (bucket, counted) = (bucket(), Counted::default());
    let store: Bucket = Arc::new(Counting { inner: bucket.clone(), counted: counted.clone() });
    let objects = open(&store, &Fault::none()).unwrap();
    let _owned = objects.own("a test").unwrap();
    let piece = |number: usize| vec![number as u8; PIECE];
    objects
        .write_with("000000000001.state", &mut |file| {
            for number in 0..64 {
                file.write_all(&piece(number))?;
                let sent = counted.sent.load(Ordering::Relaxed);
                assert!(sent + 32 * PIECE > number * PIECE, "{sent} of {number} MiB were sent");
            }
            Ok(())
        })
        .unwrap();
    let name = "000000000001.state";
    assert_eq!(objects.length(name).unwrap(), Some(64 * PIECE));
    assert_eq!(objects.read_range(name, 40 * PIECE..41 * PIECE).unwrap().unwrap(), piece(40));
    // What is given up half-way leaves what was there, and nothing else.
    let before = self::objects(&bucket);
    let error = objects.write_with(name, &mut |file| {
        file.write_all(&vec![0; 20 * PIECE])?;
        Err(Error::failed("no more"))
    });
    assert_eq!(error.unwrap_err().message(), "memory:///lake/kept: no more");
    assert_eq!(self::objects(&bucket), before);
    assert_eq!(objects.read_range(name, 0..1).unwrap().unwrap(), [0]);
    assert_eq!(objects.length(name).unwrap(), Some(64 * PIECE));
}

/// A clock by which one waits while somebody else does something.
struct Meanwhile<F>(Mutex<F>);

impl<F: FnMut() + Send> Clock for Meanwhile<F> {
    fn now(&self) -> Micros {
        0
    }
}

impl<F: FnMut() + Send> Timer for Meanwhile<F> {
    fn wait(&self, _: Duration, stop: &Stop) -> bool {
        (self.0.lock().unwrap())();
        stop.requested()
    }
}

#[test]
fn an_owner_that_writes_is_not_taken_over_and_its_name_is_told() {
    let bucket = bucket();
    let first = Arc::new(Mutex::new(open(&bucket, &Fault::none()).unwrap()));
    let owned = first.lock().unwrap().own("the first").unwrap();
    let writes = first.clone();
    let timer = Meanwhile(Mutex::new(move || writes.lock().unwrap().write("a file", b"of its own").unwrap()));
    let second = open_by(&bucket, &Fault::none(), Arc::new(timer)).unwrap();
    let refused = second.own("the second").map(drop).unwrap_err();
    assert_eq!(refused.fault(), ecap::error::Fault::Usage);
    assert!(refused.to_string().contains("memory:///lake/kept is in use by the first"), "{refused}");
    drop(owned);
    let third = open(&bucket, &Fault::none()).unwrap();
    let _owned = third.own("the third").unwrap();
    assert_eq!(third.read("a file").unwrap().unwrap(), b"of its own");
}

#[test]
fn who_was_taken_over_can_change_nothing_and_is_told_by_whom() {
    let bucket = bucket();
    let [first, second] = [(); 2].map(|()| open(&bucket, &Fault::none()).unwrap());
    let silent = first.own("the first").unwrap();
    first.write("a file", b"one").unwrap();
    let owned = second.own("the second").unwrap();
    second.write("a file", b"two").unwrap();
    let lost = |result: Result<()>| {
        let text = result.unwrap_err().to_string();
        assert!(text.contains("was taken over by the second"), "{text}");
    };
    lost(first.write("a file", b"three"));
    lost(first.remove(&["a file".into()]));
    lost(first.check());
    drop(silent);
    second.write("another", b"four").unwrap();
    assert_eq!(second.read("a file").unwrap().unwrap(), b"two");
    drop(owned);
    let third = open(&bucket, &Fault::none()).unwrap();
    let _owned = third.own("the third").unwrap();
    assert_eq!(objects(&bucket).len(), 3, "the manifest and two files: {:?}", objects(&bucket));
}

#[test]
fn what_others_keep_under_the_prefix_stays() {
    let bucket = bucket();
    for name in ["part-1.parquet", "000000000003.entry", "deeper/part-2.parquet"] {
        let path = Path::from(format!("lake/kept/{name}"));
        runtime().unwrap().block_on(bucket.put(&path, "theirs".into())).unwrap();
    }
    let life = Life::of(QUERIES[0].0, QUERIES[0].1);
    run(&life, &bucket, &Fault::none()).unwrap();
    inspect::remove(&open(&bucket, &Fault::none()).unwrap(), "a test").unwrap();
    let mut left = objects(&bucket);
    left.sort();
    assert_eq!(left, ["000000000003.entry", "manifest", "part-1.parquet", "part-2.parquet"]);
    let error = inspect::query_of(&open(&bucket, &Fault::none()).unwrap()).unwrap_err();
    assert!(error.to_string().contains("there is no checkpoint in memory:///lake/kept"), "{error}");
}

#[test]
fn a_manifest_that_is_not_as_it_was_written_is_nobodys() {
    let bucket = bucket();
    drop(open(&bucket, &Fault::none()).unwrap().own("a test").unwrap());
    runtime().unwrap().block_on(bucket.put(&Path::from("lake/kept/manifest"), "{}".into())).unwrap();
    let refused: Error = open(&bucket, &Fault::none()).map(drop).unwrap_err();
    assert!(refused.to_string().contains("its manifest is not as it was written"), "{refused}");
}
