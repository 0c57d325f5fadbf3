//! Faults at every point, from outside, and in histories at random.

use std::{env, fs};

use proptest::prelude::*;

use super::{
    histories::{Act, Plan, go_through},
    *,
};
use crate::fault::{After, Fault, Kind, Point};

fn plan(acts: Vec<Act>, faults: Vec<Fault>) -> (TempDir, Plan) {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan { folder: folder.path().to_owned(), acts, faults };
    (folder, plan)
}

/// A history that passes every point.
fn eventful() -> Vec<Act> {
    vec![
        Act::Write(0, vec![1, 5, 6]),
        Act::Embed,
        Act::Write(1, vec![0, 4]),
        Act::Write(0, vec![1, 7]),
        Act::Embed,
        Act::Remove(1),
        Act::Move(0, 3),
        Act::WriteMany(4, 600),
        Act::Embed,
        Act::OtherRoot,
        // One of many: a segment of which much is deleted is rewritten without being told to.
        Act::WriteAll((10..20).collect(), vec![3, 8]),
        Act::Remove(12),
        Act::Maintain(true),
        Act::Write(2, vec![2, 8]),
        Act::Reopen,
        Act::Write(2, vec![9]),
        Act::Maintain(false),
    ]
}

/// A history of few passages.
fn few() -> Vec<Act> {
    eventful().into_iter().filter(|act| !matches!(act, Act::WriteMany(..))).collect()
}

/// A fault at `point`, and what has to go wrong before so that it is passed.
fn faults_at(point: Point, kind: Kind) -> Vec<Fault> {
    let before = |point, nth| Some(Fault { point, nth, kind: Kind::Io });
    let earlier = match point {
        Point::RecoverFinish => before(Point::CatalogFinish, 1),
        // The first is a new index's, the second brings words, the third vectors.
        Point::RecoverDrop => before(Point::WordsPrepare, 2),
        Point::RecoverManifest | Point::RecoverSync => before(Point::WordsPrepare, 3),
        _ => None,
    };
    let nth = match point {
        Point::WordsPrepare | Point::WordsPublish | Point::WordsSync | Point::VectorsSync => 2,
        _ => 1,
    };
    earlier.into_iter().chain([Fault { point, nth, kind }]).collect()
}

fn strike_everywhere(kind: Kind) {
    for &point in Point::ALL {
        let faults = faults_at(point, kind);
        let (_folder, plan) = plan(eventful(), faults.clone());
        let ended = go_through(&plan, &[]);
        let outcome = match kind {
            Kind::Kill => {
                assert_eq!(ended.status.code(), None, "{} was not passed\n{}", point.name(), ended.said);
                let (after, what) = match point.after() {
                    After::Old => (ended.has_old, "undone"),
                    After::New => (ended.has_new, "finished"),
                    After::Same => (ended.has_old && ended.has_new, "nothing to do"),
                };
                assert!(after, "{}: not as it was to be, after {} acts", point.name(), ended.done);
                what
            }
            Kind::Io | Kind::DiskFull | Kind::Panic => {
                assert!(ended.status.success(), "{}: {}", point.name(), ended.said);
                let struck = format!("faults that struck: {0}, failures: {0}", faults.len());
                assert!(
                    ended.said.contains(&struck),
                    "{} was not passed, or not at once made good\n{}",
                    point.name(),
                    ended.said
                );
                "whole, and done when tried again"
            }
        };
        eprintln!(
            "{:<20} {kind:?}: {outcome}; next start {} ms, {} snapshots read",
            point.name(),
            ended.start.as_millis(),
            ended.read
        );
    }
}

#[test]
fn a_kill_at_any_point_is_finished_or_undone() {
    strike_everywhere(Kind::Kill);
}

#[test]
fn a_full_disk_at_any_point_leaves_a_whole_index() {
    strike_everywhere(Kind::DiskFull);
}

#[test]
fn a_panic_at_any_point_leaves_a_whole_index() {
    strike_everywhere(Kind::Panic);
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (0u8..5, prop::collection::vec(0u8..10, 0..5)).prop_map(|(name, texts)| Act::Write(name, texts)),
        2 => (prop::collection::btree_set(0u8..9, 1..9), prop::collection::vec(0u8..10, 0..5))
            .prop_map(|(names, texts)| Act::WriteAll(names, texts)),
        2 => (0u8..5).prop_map(Act::Remove),
        2 => (0u8..5, 0u8..5).prop_map(|(from, to)| Act::Move(from, to)),
        4 => Just(Act::Embed),
        2 => any::<bool>().prop_map(Act::Maintain),
        1 => Just(Act::Reopen),
        1 => Just(Act::OtherRoot),
        1 => (0u8..5, 450u16..650).prop_map(|(name, count)| Act::WriteMany(name, count)),
    ];
    prop::collection::vec(act, 1..20)
}

fn faults() -> impl Strategy<Value = Vec<Fault>> {
    let kind = prop::sample::select(vec![Kind::Kill, Kind::Io, Kind::DiskFull, Kind::Panic]);
    let fault = (prop::sample::select(Point::ALL), 1u32..6, kind);
    prop::collection::vec(fault.prop_map(|(point, nth, kind)| Fault { point, nth, kind }), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: env::var("DOCENT_HISTORIES").map_or(16, |count| count.parse().expect("DOCENT_HISTORIES is a number")),
        max_shrink_iters: 100,
        ..ProptestConfig::default()
    })]

    /// Whatever is done and whatever goes wrong, the stores hold what a map of names to texts holds, and a reader in
    /// another process sees one of its states after the other.
    #[test]
    fn random_histories_with_faults_equal_a_simple_model(acts in acts(), faults in faults()) {
        let (_folder, plan) = plan(acts, faults);
        let ended = go_through(&plan, &[]);
        prop_assert!(ended.status.success() || ended.status.code().is_none(), "{}", ended.said);
    }
}

/// System calls, the error that each gives, and for how long: once in every thread, or (`+`) from then on.
#[cfg(target_os = "linux")]
const CALLS: [(&str, &str, &str); 12] = [
    ("write", "ENOSPC", ""),
    ("write", "EIO", "+"),
    ("pwrite64", "ENOSPC", ""),
    ("pwrite64", "EIO", "+"),
    ("fsync", "EIO", ""),
    ("fdatasync", "EIO", ""),
    ("fdatasync", "EIO", "+"),
    ("ftruncate", "EIO", ""),
    ("rename,renameat,renameat2", "EACCES", ""),
    ("link,linkat", "EIO", ""),
    ("unlink,unlinkat", "EACCES", ""),
    ("openat", "EACCES", ""),
];

/// Every store and every library between it and the disk is told that a call failed, at one call after the other.
#[cfg(target_os = "linux")]
#[test]
fn failing_system_calls_leave_a_whole_index() {
    for (calls, error, lasts) in CALLS {
        let (mut struck, mut outlived) = (0, 0);
        // The loader opens files before anything else does.
        let begin = if calls == "openat" { [30, 60, 120] } else { [1, 4, 21] };
        for nth in begin {
            let (_folder, plan) = plan(few(), Vec::new());
            let log = plan.folder.join("trace");
            let (trace, inject) =
                (format!("trace={calls}"), format!("inject={calls}:error={error}:when={nth}{lasts}"));
            let tool = ["strace", "-f", "-y", "-qq", "--seccomp-bpf", "-o", log.to_str().unwrap()];
            let ended = go_through(&plan, &[&tool[..], &["-e", &trace, "-e", &inject]].concat());
            // Of the home's files: the test's own output and the loader do not count.
            let of_home = format!("{}/", plan.home().display());
            let log = fs::read_to_string(&log).expect("strace is there, and may trace");
            struck +=
                u32::from(log.lines().any(|line| line.contains("(INJECTED)") && line.contains(&of_home)));
            outlived += u32::from(ended.status.success());
        }
        eprintln!("{calls} {error}{lasts}: struck in {struck} of 3 runs, {outlived} went on to the end");
        assert!(struck > 0, "{calls} is never called");
    }
}

/// A file that may not grow takes a part of what is written to it, and nothing more; a process may run out of open files.
#[cfg(unix)]
#[test]
fn short_writes_and_too_few_files_leave_a_whole_index() {
    // Of a file's size in units of 512 bytes, and of open files.
    for (limit, values) in [("-f", [8, 64, 400]), ("-n", [12, 20, 32])] {
        let mut broke = 0;
        for value in values {
            let (_folder, plan) = plan(eventful(), Vec::new());
            let limited = format!("trap '' XFSZ; ulimit {limit} {value}; exec \"$0\" \"$@\"");
            let ended = go_through(&plan, &["sh", "-c", &limited]);
            eprintln!("ulimit {limit} {value}: {} acts done", ended.done);
            broke += u32::from(!ended.status.success());
        }
        assert!(broke > 0, "{limit} limits nothing");
    }
}

/// A clock that is ten years off for one process, which is killed at work, is right for the next.
#[cfg(target_os = "linux")]
#[test]
fn a_clock_that_jumps_does_no_harm() {
    for offset in ["+10y", "-10y"] {
        let kill = Fault { point: Point::CatalogFinish, nth: 6, kind: Kind::Kill };
        let (_folder, plan) = plan(eventful(), vec![kill]);
        // A clock that only counts is left alone: threads wait by it.
        let tool = ["env", "FAKETIME_DONT_FAKE_MONOTONIC=1", "faketime", "-f", offset];
        let ended = go_through(&plan, &tool);
        assert!(!ended.status.success() && ended.done > 3, "{}", ended.said);
        let index = Index::at(&plan.home()).unwrap();
        let catalog = &index.writer.store().catalog;
        let made: String = catalog.meta("created").unwrap().unwrap();
        let years = jiff::Timestamp::now().duration_since(made.parse().unwrap()).as_hours() / (365 * 24);
        assert!(years.abs() >= 9, "the clock was not off: {made}");
    }
}

#[test]
fn the_points_are_told_of() {
    let page = include_str!("../../../../docs/durability.md");
    for &point in Point::ALL {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{}` |", point.name())));
        let after = match point.after() {
            After::Old => "undone",
            After::New => "finished",
            After::Same => "same",
        };
        assert!(row.is_some_and(|row| row.ends_with(&format!("| {after} |"))), "{}: {row:?}", point.name());
    }
    assert_eq!(page.lines().filter(|line| line.starts_with("| `")).count(), Point::ALL.len());
}
