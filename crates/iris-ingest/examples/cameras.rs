//! What ingest costs: reads `CAMERAS` streams `PREFIX0`, `PREFIX1`, … for `SECONDS` and prints this process's CPU time
//! and memory. `cargo run --release -p iris-ingest --example cameras -- rtsp://127.0.0.1:8554/cam/ 100 60 [udp]`
#![expect(clippy::print_stdout, reason = "its output")]
#![expect(clippy::unwrap_used, reason = "a tool for measuring, not part of the product")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use iris_core::clock::SystemClock;
use iris_core::{CameraId, Epoch, Item};
use iris_ingest::{CameraStream, Limits, Output, Source, Transport};

#[derive(Default)]
struct Seen {
    units: AtomicU64,
    bytes: AtomicU64,
    gaps: AtomicU64,
    lost: AtomicU64,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [prefix, cameras, seconds, udp @ ..] = args.as_slice() else {
        println!("usage: cameras PREFIX CAMERAS SECONDS [udp]");
        return;
    };
    let transport = if udp.is_empty() { Transport::Tcp } else { Transport::Udp };
    let (cameras, seconds): (u64, u64) = (cameras.parse().unwrap(), seconds.parse().unwrap());
    let (seen, clock) = (Arc::new(Seen::default()), Arc::new(SystemClock::new()));
    let bare = usage();
    for i in 0..cameras {
        let source = Source { url: format!("{prefix}{i}").parse().unwrap(), transport, limits: Limits::default() };
        let stream =
            CameraStream::new(CameraId::new(&format!("c{i}")).unwrap(), Epoch::first(1), source, clock.clone());
        tokio::spawn(read(stream, Arc::clone(&seen)));
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    let (start, units) = (usage(), seen.units.load(Ordering::Relaxed));
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let end = usage();
    let cpu = (end.cpu_ticks - start.cpu_ticks) as f64 / 100.0 / seconds as f64;
    let units = (seen.units.load(Ordering::Relaxed) - units) as f64 / seconds as f64;
    println!("cameras {cameras}, units/s {units:.1}, MB in all {}", seen.bytes.load(Ordering::Relaxed) >> 20);
    println!("gaps {}, lost packets {}", seen.gaps.load(Ordering::Relaxed), seen.lost.load(Ordering::Relaxed));
    println!("CPU {:.2} % of a core, {:.4} % a camera", cpu * 100.0, cpu * 100.0 / cameras as f64);
    println!("memory {} KiB, {} KiB a camera; threads {}", end.kib, (end.kib - bare.kib) / cameras, end.threads);
}

async fn read(mut stream: CameraStream, seen: Arc<Seen>) {
    loop {
        match stream.next().await {
            Output::Item(Item::Data(packet)) => {
                seen.units.fetch_add(1, Ordering::Relaxed);
                seen.bytes.fetch_add(packet.data.len() as u64, Ordering::Relaxed);
                seen.lost.fetch_add(packet.lost_before.into(), Ordering::Relaxed);
            }
            Output::Item(Item::Gap(_)) => {
                seen.gaps.fetch_add(1, Ordering::Relaxed);
            }
            Output::Item(Item::End) => return,
            Output::State(_) => {}
        }
    }
}

struct Usage {
    cpu_ticks: u64,
    kib: u64,
    threads: u64,
}

/// From Linux's `/proc/self`: user and system time in hundredths of a second, resident memory, threads.
fn usage() -> Usage {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let number = |i: usize| fields[i].parse::<u64>().unwrap();
    Usage { cpu_ticks: number(11) + number(12), kib: number(21) * 4, threads: number(17) }
}
