//! Every interleaving of a few threads at the queues, explored by loom:
//! `RUSTFLAGS="--cfg loom" cargo test -p iris-flow --test loom --release`. A lost wake-up shows as a deadlock.
#![cfg(loom)]

use std::task::{Context, Poll, Wake};
use std::time::Duration;

use iris_flow::blocking::channel;
use iris_flow::fanout::{Fanout, Limits, Next, Tag};
use iris_flow::gop::{Queues, Unit, Work};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;

#[derive(Debug, PartialEq)]
struct Packet(usize);

impl Unit for Packet {
    fn is_key(&self) -> bool {
        self.0 == 0
    }
}

fn queues(cameras: &[u8]) -> Arc<Queues<u8, Packet>> {
    let queues = Arc::new(Queues::new(4));
    cameras.iter().for_each(|camera| queues.open(*camera));
    queues
}

/// Explores with at most `preemptions` forced switches, which keeps three threads within seconds.
fn explore(preemptions: usize, test: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(test);
}

#[test]
fn no_wake_up_is_lost() {
    explore(3, || {
        let queues = queues(&[1, 2]);
        let workers: Vec<_> = (0..2)
            .map(|_| {
                let queues = Arc::clone(&queues);
                thread::spawn(move || queues.take().map(|turn| turn.key()))
            })
            .collect();
        queues.send(1, Packet(0));
        queues.send(2, Packet(0));
        // A worker takes nothing from its turn, so the other may find the same camera.
        assert!(workers.into_iter().all(|worker| worker.join().unwrap().is_some()));
    });
}

#[test]
fn a_camera_is_with_one_worker_at_a_time_and_in_order() {
    explore(2, || {
        let queues = queues(&[1]);
        let busy = Arc::new(AtomicBool::new(false));
        let next = Arc::new(AtomicUsize::new(0));
        let workers: Vec<_> = (0..2)
            .map(|_| {
                let (queues, busy, next) = (Arc::clone(&queues), Arc::clone(&busy), Arc::clone(&next));
                thread::spawn(move || {
                    while let Some(mut turn) = queues.take() {
                        assert!(!busy.swap(true, Ordering::SeqCst), "two workers at one camera");
                        for work in turn.by_ref() {
                            let Work::Unit(Packet(n)) = work else { panic!("nothing was dropped") };
                            assert_eq!(next.fetch_add(1, Ordering::SeqCst), n);
                            if n == 1 {
                                queues.shutdown();
                            }
                        }
                        busy.store(false, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        (0..2).for_each(|n| assert_eq!(queues.send(1, Packet(n)), 0));
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        assert_eq!(next.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn shutdown_wakes_all() {
    explore(3, || {
        let queues = queues(&[1]);
        let workers: Vec<_> = (0..2)
            .map(|_| {
                let queues = Arc::clone(&queues);
                thread::spawn(move || while queues.take().is_some() {})
            })
            .collect();
        queues.shutdown();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
}

#[test]
fn a_camera_retired_under_its_worker_is_never_with_two() {
    explore(3, || {
        let queues = queues(&[1]);
        queues.send(1, Packet(0));
        let busy = Arc::new(AtomicBool::new(false));
        let worker = |queues: &Arc<Queues<u8, Packet>>| {
            let (queues, busy) = (Arc::clone(queues), Arc::clone(&busy));
            thread::spawn(move || {
                if let Some(mut turn) = queues.take() {
                    assert!(!busy.swap(true, Ordering::SeqCst), "two workers at one camera");
                    turn.next();
                    busy.store(false, Ordering::SeqCst);
                }
            })
        };
        let workers = [worker(&queues), worker(&queues)];
        queues.retire(1);
        queues.open(1);
        queues.send(1, Packet(0));
        queues.shutdown();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
}

#[test]
fn a_full_channel_wakes_its_sender_and_keeps_the_order() {
    explore(3, || {
        let (tx, rx) = channel(1);
        let sender = thread::spawn(move || (0..3).for_each(|n| assert_eq!(tx.send(n), Ok(()))));
        (0..3).for_each(|n| assert_eq!(rx.recv(), Some(n)));
        assert_eq!(rx.recv(), None, "the end is heard");
        sender.join().unwrap();
    });
}

#[test]
fn two_senders_on_one_slot_both_get_through() {
    explore(2, || {
        let (tx, rx) = channel(1);
        let other = tx.clone();
        let senders = [
            thread::spawn(move || assert_eq!(tx.send(1), Ok(()))),
            thread::spawn(move || assert_eq!(other.send(2), Ok(()))),
        ];
        let mut sum = 0;
        while let Some(n) = rx.recv() {
            sum += n;
        }
        assert_eq!(sum, 3);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
    });
}

#[test]
fn a_gone_receiver_wakes_all_senders() {
    explore(3, || {
        let (tx, rx) = channel(1);
        assert_eq!(tx.send(0), Ok(()));
        let other = tx.clone();
        let senders = [thread::spawn(move || tx.send(1)), thread::spawn(move || other.send(2))];
        drop(rx);
        assert!(senders.into_iter().all(|sender| sender.join().unwrap().is_err()));
    });
}

/// Wakes a thread that is parked until then.
struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.unpark();
    }
}

#[test]
fn a_reader_is_woken_by_what_is_sent_and_by_the_end() {
    explore(3, || {
        let fanout = Fanout::new(Limits { span: Duration::from_secs(1), bytes: 8 });
        let mut reader = fanout.follow(Duration::MAX);
        let watching = thread::spawn(move || {
            let waker = std::sync::Arc::new(Unpark(thread::current())).into();
            let mut context = Context::from_waker(&waker);
            let mut seen = 0;
            loop {
                match reader.poll_next(&mut context) {
                    Poll::Ready(Some(Next::Unit(_))) => seen += 1,
                    Poll::Ready(Some(Next::Missed(n))) => panic!("{n} were kept and not given"),
                    Poll::Ready(None) => return seen,
                    Poll::Pending => thread::park(),
                }
            }
        });
        fanout.send(Tag { is_key: true, at: Duration::ZERO, bytes: 1 }, ());
        fanout.send(Tag { is_key: false, at: Duration::ZERO, bytes: 1 }, ());
        fanout.close();
        assert_eq!(watching.join().unwrap(), 2);
    });
}
