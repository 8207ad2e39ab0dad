//! The waiting channel: full, closed, ended, and under threads.
#![cfg(not(loom))]

use std::sync::Arc;
use std::thread;

use iris_flow::blocking::{Closed, TrySendError, channel};

#[test]
fn a_full_queue_says_so_and_keeps_the_order() {
    let (tx, rx) = channel(2);
    assert_eq!((tx.try_send(1), tx.try_send(2), tx.try_send(3)), (Ok(()), Ok(()), Err(TrySendError::Full(3))));
    assert_eq!((tx.depth(), rx.depth()), (2, 2));
    assert_eq!(rx.recv(), Some(1));
    assert_eq!(tx.send(3), Ok(()));
    assert_eq!((rx.try_recv(), rx.try_recv(), rx.try_recv()), (Some(2), Some(3), None));
}

#[test]
fn the_end_comes_after_what_waits() {
    let (tx, rx) = channel(0);
    let other = tx.clone();
    assert_eq!(tx.send('x'), Ok(()));
    drop((tx, other));
    assert_eq!((rx.recv(), rx.recv()), (Some('x'), None));
}

#[test]
fn a_gone_receiver_discards_and_refuses() {
    let (tx, rx) = channel(4);
    let item = Arc::new(());
    assert_eq!(tx.send(Arc::clone(&item)), Ok(()));
    drop(rx);
    assert_eq!(Arc::strong_count(&item), 1, "what waited was dropped");
    assert_eq!(tx.send(Arc::clone(&item)), Err(Closed(Arc::clone(&item))));
    assert_eq!(tx.try_send(Arc::clone(&item)), Err(TrySendError::Closed(Arc::clone(&item))));
    assert_eq!(format!("{:?}", tx.send(item)), "Err(Closed)");
}

#[test]
fn a_waiting_sender_goes_on_when_there_is_room_or_no_receiver() {
    let (tx, rx) = channel(1);
    let sender = thread::scope(|scope| {
        let sender = scope.spawn(|| (0..1_000).map(|n| tx.send(n)).take_while(Result::is_ok).count());
        (0..500).for_each(|n| assert_eq!(rx.recv(), Some(n)));
        drop(rx);
        sender.join().expect("no panic")
    });
    assert!((500..=501).contains(&sender), "{sender}");
}

#[test]
fn all_senders_are_heard_each_in_its_order() {
    let (tx, rx) = channel(3);
    thread::scope(|scope| {
        for sender in 0..4 {
            let tx = tx.clone();
            scope.spawn(move || (0..500).for_each(|n| assert_eq!(tx.send((sender, n)), Ok(()))));
        }
        drop(tx);
        let mut next = [0; 4];
        while let Some((sender, n)) = rx.recv() {
            assert_eq!(n, next[sender]);
            next[sender] += 1;
        }
        assert_eq!(next, [500; 4]);
    });
}

#[test]
fn a_probe_sees_the_queue_and_keeps_nothing_open() {
    let (sender, receiver) = channel(2);
    let probe = sender.probe();
    sender.send(1).expect("room");
    assert_eq!((probe.depth(), probe.capacity()), (1, 2));
    drop(sender);
    assert_eq!((receiver.recv(), receiver.recv()), (Some(1), None));
    drop(receiver);
    assert_eq!(probe.depth(), 0);
}
