//! The queues of packet → decode from the outside: turns, fairness, retirement, many threads.
#![cfg(not(loom))]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use iris_flow::gop::{BURST, Queues, Unit, Work};

#[derive(Debug, PartialEq)]
struct Packet(u32);

impl Unit for Packet {
    fn is_key(&self) -> bool {
        self.0.is_multiple_of(10)
    }
}

/// The next turns as (camera, items), by one worker that takes all it is given.
fn serve(queues: &Queues<char, Packet>, turns: usize) -> Vec<(char, usize)> {
    (0..turns).map(|_| queues.take().expect("not shut down")).map(|turn| (turn.key(), turn.count())).collect()
}

#[test]
fn a_busy_camera_yields_after_a_burst() {
    let queues = Queues::new(16);
    for camera in ['a', 'b', 'c'] {
        queues.open(camera);
    }
    (0..10).for_each(|n| assert_eq!(queues.send('a', Packet(n)), 0));
    queues.send('b', Packet(0));
    queues.send_gap('c');
    assert_eq!(serve(&queues, 5), [('a', BURST), ('b', 1), ('c', 1), ('a', BURST), ('a', 10 - 2 * BURST)]);
}

#[test]
fn what_is_sent_during_a_turn_is_not_forgotten() {
    let queues = Queues::new(4);
    queues.open('a');
    queues.send('a', Packet(0));
    let mut turn = queues.take().expect("ready");
    assert_eq!(turn.next(), Some(Work::Unit(Packet(0))));
    assert_eq!(turn.next(), None);
    queues.send('a', Packet(1));
    drop(turn);
    assert_eq!(serve(&queues, 1), [('a', 1)]);
}

#[test]
fn what_is_held_waits_for_what_is_sent_or_for_its_release() {
    let queues = Queues::new(4);
    queues.open('a');
    queues.open('b');
    let hold = |camera, units: std::ops::Range<u32>| units.map(|n| queues.hold(camera, Packet(n))).sum::<usize>();
    assert_eq!(hold('a', 0..2), 0);
    queues.send('b', Packet(0));
    assert_eq!(serve(&queues, 1), [('b', 1)], "nobody is called to 'a'");
    queues.send('a', Packet(2));
    assert_eq!(serve(&queues, 1), [('a', 3)]);
    assert_eq!(hold('a', 0..3), 0);
    queues.release('a');
    queues.release('b');
    queues.release('a');
    queues.send_end('b');
    assert_eq!(serve(&queues, 2), [('a', 3), ('b', 1)]);
    assert_eq!((hold('a', 0..6), queues.depth('a'), queues.hold('c', Packet(0))), (2, 4, 1), "bounded like the others");
    queues.send_gap('a');
    assert_eq!(serve(&queues, 1), [('a', BURST)]);
    assert_eq!(serve(&queues, 1), [('a', 1)], "the gap comes last");
}

#[test]
fn a_retired_camera_is_gone_and_its_units_are_counted() {
    let queues = Queues::new(4);
    queues.open('a');
    queues.send('a', Packet(0));
    queues.send('a', Packet(1));
    assert_eq!(queues.retire('a'), 2);
    assert_eq!(queues.send('a', Packet(2)), 1);
    queues.send_gap('a');
    assert_eq!((queues.depth('a'), queues.retire('a')), (0, 0));
    queues.open('b');
    queues.send('b', Packet(0));
    assert_eq!(serve(&queues, 1), [('b', 1)], "'a' left the ready list");
}

#[test]
fn a_camera_opened_again_waits_for_the_worker_of_its_past() {
    let queues = Queues::new(4);
    queues.open('a');
    queues.send('a', Packet(0));
    queues.send('a', Packet(1));
    let mut past = queues.take().expect("ready");
    assert_eq!(past.next(), Some(Work::Unit(Packet(0))));
    assert_eq!(queues.retire('a'), 1);
    queues.open('a');
    queues.open('b');
    queues.send('a', Packet(10));
    queues.send('b', Packet(0));
    assert_eq!(past.next(), None, "the worker of the past gets nothing of the new camera");
    assert_eq!(serve(&queues, 1), [('b', 1)]);
    drop(past);
    assert_eq!(queues.take().expect("ready").collect::<Vec<_>>(), [Work::Unit(Packet(10))]);
}

#[test]
fn shutdown_ends_all_workers_and_leaves_the_rest_to_be_counted() {
    let queues = Queues::<char, Packet>::new(4);
    queues.open('a');
    queues.send('a', Packet(0));
    thread::scope(|scope| {
        drop(queues.take());
        queues.shutdown();
        let workers: Vec<_> = (0..3).map(|_| scope.spawn(|| queues.take().is_none())).collect();
        assert!(workers.into_iter().all(|worker| worker.join().expect("no panic")));
    });
    assert_eq!(queues.retire('a'), 1);
}

/// 4 senders, 3 workers, 8 cameras: no camera at two workers at once, order kept, nothing unaccounted for.
#[test]
fn many_threads_keep_order_exclusiveness_and_count() {
    const SENDERS: usize = 4;
    const UNITS: u32 = 2_000;
    let queues = Queues::new(8);
    let cameras = 2 * SENDERS;
    (0..cameras).for_each(|camera| queues.open(camera));
    let busy: Vec<AtomicBool> = (0..cameras).map(|_| AtomicBool::new(false)).collect();
    let last: Vec<AtomicUsize> = (0..cameras).map(|_| AtomicUsize::new(0)).collect();
    let (taken, dropped) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some(mut turn) = queues.take() {
            let camera = turn.key();
            assert!(!busy[camera].swap(true, Ordering::SeqCst), "two workers at camera {camera}");
            for work in turn.by_ref() {
                if let Work::Unit(Packet(n)) = work {
                    let before = last[camera].swap(n as usize + 1, Ordering::SeqCst);
                    assert!(before <= n as usize, "camera {camera}: {n} after {before}");
                    taken.fetch_add(1, Ordering::SeqCst);
                }
            }
            busy[camera].store(false, Ordering::SeqCst);
        }
    };
    thread::scope(|scope| {
        (0..3).for_each(|_| drop(scope.spawn(work)));
        thread::scope(|senders| {
            for sender in 0..SENDERS {
                let (queues, dropped) = (&queues, &dropped);
                senders.spawn(move || {
                    for n in 0..UNITS {
                        let lost: usize = [sender, sender + SENDERS].map(|c| queues.send(c, Packet(n))).iter().sum();
                        dropped.fetch_add(lost, Ordering::SeqCst);
                    }
                });
            }
        });
        queues.shutdown();
    });
    let queued: usize = (0..cameras).map(|camera| queues.retire(camera)).sum();
    let sent = cameras * UNITS as usize;
    assert_eq!(sent, taken.load(Ordering::SeqCst) + dropped.load(Ordering::SeqCst) + queued);
}
