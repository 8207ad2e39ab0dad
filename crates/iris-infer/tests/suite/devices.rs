//! Unequal devices on one scheduler, in simulated time: six that stand for six GPUs share thirty cameras that ask for more
//! than they can give; two go and one comes.

use std::collections::BTreeMap;
use std::time::Duration;

use iris_core::{CameraId, MonoTime};
use iris_infer::{Scheduler, Share, Take};

const CAMERAS: usize = 30;
/// Frames a second that each camera offers and asks for.
const RATE: u64 = 10;

/// One that takes so many frames at once, and so many milliseconds for them.
struct Device {
    batch: usize,
    service: u64,
    busy_until: u64,
    holds: Vec<(CameraId, u64)>,
    done: u64,
}

#[derive(Default)]
struct Camera {
    offered: u64,
    displaced: u64,
    /// When a result came, and of which frame.
    results: Vec<(u64, u64)>,
}

struct Sim {
    scheduler: Scheduler<u64>,
    cameras: BTreeMap<CameraId, Camera>,
    devices: Vec<Device>,
    now: u64,
}

impl Sim {
    fn new(devices: &[(usize, u64)]) -> Self {
        let mut scheduler = Scheduler::default();
        let ids = (0..CAMERAS).map(|i| CameraId::new(&format!("c{i}")).unwrap());
        let cameras: BTreeMap<CameraId, Camera> = ids.map(|id| (id, Camera::default())).collect();
        let share = Share { rate_hz: Some(RATE as f32), weight: 1.0 };
        for id in cameras.keys() {
            scheduler.add(*id, share);
        }
        let mut sim = Self { scheduler, cameras, devices: Vec::new(), now: 0 };
        for (batch, service) in devices {
            sim.add(*batch, *service);
        }
        sim
    }

    fn add(&mut self, batch: usize, service: u64) {
        self.devices.push(Device { batch, service, busy_until: 0, holds: Vec::new(), done: 0 });
    }

    /// The device finishes what it holds, and is gone.
    fn remove(&mut self, at: usize) {
        let device = self.devices.remove(at);
        self.finish(device.holds);
    }

    fn finish(&mut self, holds: Vec<(CameraId, u64)>) {
        for (id, frame) in holds {
            self.scheduler.done(id);
            self.cameras.get_mut(&id).unwrap().results.push((self.now, frame));
        }
    }

    fn run(&mut self, seconds: u64) {
        for now in self.now..self.now + seconds * 1000 {
            self.now = now;
            for (i, (id, camera)) in self.cameras.iter_mut().enumerate() {
                if (now + 7 * i as u64).is_multiple_of(1000 / RATE) {
                    camera.offered += 1;
                    camera.displaced += u64::from(self.scheduler.offer(*id, camera.offered).is_some());
                }
            }
            for n in 0..self.devices.len() {
                if now < self.devices[n].busy_until {
                    continue;
                }
                let holds = std::mem::take(&mut self.devices[n].holds);
                self.devices[n].done += holds.len() as u64;
                self.finish(holds);
                let device = &mut self.devices[n];
                while device.holds.len() < device.batch {
                    let Take::Ready(id, frame) = self.scheduler.take(MonoTime(Duration::from_millis(now))) else {
                        break;
                    };
                    assert!(device.holds.iter().all(|(other, _)| *other != id), "two frames of a camera in a batch");
                    device.holds.push((id, frame));
                }
                if !device.holds.is_empty() {
                    device.busy_until = now + device.service;
                }
            }
        }
        self.now += 1;
    }

    /// Each device did its share by its speed, nobody starved or was overtaken, and every frame went one way.
    fn check(&mut self, seconds: u64) {
        let speeds: Vec<f64> = self.devices.iter().map(|d| d.batch as f64 / d.service as f64).collect();
        for (device, speed) in self.devices.iter().zip(&speeds) {
            let possible = speed * 1000.0 * seconds as f64;
            let done = device.done as f64;
            assert!((0.97..=1.001).contains(&(done / possible)), "{done} of {possible} at {} ms", device.service);
        }
        let all: f64 = speeds.iter().sum::<f64>() * 1000.0;
        let fair = 1000.0 * CAMERAS as f64 / all;
        let slowest = self.devices.iter().map(|d| d.service).max().unwrap_or(0) as f64;
        for (id, camera) in &self.cameras {
            let frames = camera.results.iter().map(|(_, frame)| *frame);
            assert!(frames.clone().is_sorted_by(|a, b| a < b), "frames of {id} overtook each other");
            let gap = camera.results.windows(2).map(|w| w[1].0 - w[0].0).max().unwrap_or(u64::MAX) as f64;
            assert!(gap <= 2.0 * fair + 2.0 * slowest, "{id} waited {gap} ms; {fair} would be fair");
        }
        let results: Vec<f64> = self.cameras.values().map(|camera| camera.results.len() as f64).collect();
        let sum: f64 = results.iter().sum();
        let jain = sum * sum / (results.len() as f64 * results.iter().map(|n| n * n).sum::<f64>());
        assert!(jain > 0.99, "{results:?}");
        let in_service =
            |id: &CameraId| self.devices.iter().flat_map(|d| &d.holds).filter(|(c, _)| c == id).count() as u64;
        for (id, camera) in &self.cameras {
            let held = u64::from(self.scheduler.remove(*id).is_some());
            let accounted = camera.results.len() as u64 + camera.displaced + held + in_service(id);
            assert_eq!(camera.offered, accounted, "{id}");
        }
    }

    fn forget(&mut self) {
        self.devices.iter_mut().for_each(|device| device.done = 0);
    }
}

#[test]
fn each_does_work_by_its_speed_and_no_camera_starves() {
    // 300 frames a second asked for, 265 possible.
    let mut sim = Sim::new(&[(1, 10), (1, 15), (1, 20), (1, 40), (1, 60), (1, 120)]);
    sim.run(120);
    sim.check(120);
}

#[test]
fn batches_and_single_frames_share_the_cameras_too() {
    // 215 possible: batches of four and eight beside single frames.
    let mut sim = Sim::new(&[(8, 80), (4, 50), (1, 40), (1, 100)]);
    sim.run(120);
    sim.check(120);
}

#[test]
fn devices_that_go_and_come_change_nothing_but_the_rate() {
    let mut sim = Sim::new(&[(1, 10), (1, 15), (1, 20), (1, 40), (1, 60), (1, 120)]);
    sim.run(30);
    sim.remove(3);
    sim.remove(0);
    sim.forget();
    sim.run(30);
    sim.add(1, 30);
    sim.forget();
    sim.run(60);
    sim.check(60);
}
