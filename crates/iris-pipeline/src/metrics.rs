//! The names of all metrics, and how the books get into them. Nothing else in Iris names a metric.

use std::time::Duration;

use iris_core::{CameraId, DropReason};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::control::View;
use crate::gauge::DeviceState;
use crate::inference::Outcome;
use crate::ladder::Rung;
use crate::meter::Stages;

macro_rules! names {
    ($($variant:ident = $name:literal, $kind:ident, $help:literal;)*) => {
        /// The name of a metric.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Name { $(#[doc = $help] $variant,)* }

        impl Name {
            /// Every metric.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name as it is exported.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }

        /// Registers what each metric means with the installed recorder.
        pub fn describe() {
            $($kind!($name, $help);)*
        }
    };
}

names! {
    Received = "iris_stage_received_total", describe_counter, "Items that entered a stage.";
    Emitted = "iris_stage_emitted_total", describe_counter, "Items that left a stage for the next one.";
    Dropped = "iris_stage_dropped_total", describe_counter, "Items that a stage dropped, by reason.";
    InFlight = "iris_stage_in_flight", describe_gauge, "Items inside a stage: received less emitted less dropped.";
    QueueDepth = "iris_queue_depth", describe_gauge, "Access units that wait for a decoder.";
    Rung = "iris_camera_rung", describe_gauge, "1 at the rung on which the camera stands, else 0.";
    Live = "iris_camera_live", describe_gauge, "1 while the camera's connection delivers, else 0.";
    Connections = "iris_camera_connections_total", describe_counter, "Connections made to the camera in this run.";
    Age = "iris_age_seconds", describe_histogram, "Time from an access unit's last byte to a stage's end, in seconds.";
    Missed = "iris_fanout_missed_total", describe_counter, "Access units that viewers and recordings were too slow for.";
    DeviceUp = "iris_device_up", describe_gauge, "1 while the device works, 0 while it is lost.";
    DeviceLosses = "iris_device_losses_total", describe_counter, "How often the device was lost.";
    DeviceInferences = "iris_device_inferences_total", describe_counter, "Frames and requests that the device has worked on.";
    Requests = "iris_requests_total", describe_counter, "Other programs' requests for a model, by what became of them.";
    RequestsBatch = "iris_requests_batch", describe_histogram, "Images in a run of a model for other programs.";
    Fallback = "iris_device_fallback", describe_gauge, "CPU sessions that stand in for lost GPUs.";
    Blocked = "iris_blocked_microseconds_total", describe_counter, "Time that senders waited at a full queue.";
}

/// Brings the metrics up to the books. Called when they are asked for, so that counting costs the frame path nothing.
pub fn publish(view: &View) {
    view.cameras(|id, status, ledger, depth| {
        let camera = id.to_string();
        for (stage, count) in Stages::of(ledger) {
            let labels = [("camera", camera.clone()), ("stage", stage.to_owned())];
            counter!(Name::Received.as_str(), &labels).absolute(count.received());
            counter!(Name::Emitted.as_str(), &labels).absolute(count.emitted());
            gauge!(Name::InFlight.as_str(), &labels).set(count.in_flight() as f64);
            for reason in DropReason::ALL.iter().filter(|r| count.dropped(**r) > 0) {
                let [camera, stage] = labels.clone();
                let labels = [camera, stage, ("reason", reason.label().to_owned())];
                counter!(Name::Dropped.as_str(), &labels).absolute(count.dropped(*reason));
            }
        }
        gauge!(Name::QueueDepth.as_str(), "camera" => camera.clone(), "queue" => "packets").set(depth as f64);
        for rung in Rung::ALL {
            let labels = [("camera", camera.clone()), ("rung", rung.label().to_owned())];
            gauge!(Name::Rung.as_str(), &labels).set(f64::from(u8::from(rung == status.rung)));
        }
        let live = matches!(status.state, iris_ingest::State::Live { .. });
        gauge!(Name::Live.as_str(), "camera" => camera.clone()).set(f64::from(u8::from(live)));
        counter!(Name::Connections.as_str(), "camera" => camera).absolute(u64::from(status.connections));
    });
    view.requests(|model, version, books| {
        for outcome in Outcome::ALL.into_iter().filter(|outcome| books.count(*outcome) > 0) {
            let outcome_label = ("outcome", outcome.label().to_owned());
            let labels = [("model", model.to_owned()), ("version", version.to_string()), outcome_label];
            counter!(Name::Requests.as_str(), &labels).absolute(books.count(outcome));
        }
    });
    let devices = view.devices();
    for device in &devices {
        let labels = [("device", device.name.clone()), ("kind", device.kind.to_owned())];
        counter!(Name::DeviceInferences.as_str(), &labels).absolute(device.inferences);
        if !device.stand_in {
            gauge!(Name::DeviceUp.as_str(), &labels).set(f64::from(u8::from(device.state != DeviceState::Lost)));
            counter!(Name::DeviceLosses.as_str(), &labels).absolute(device.losses);
        }
    }
    let standing_in = devices.iter().filter(|device| device.stand_in && device.state == DeviceState::Running);
    gauge!(Name::Fallback.as_str()).set(standing_in.count() as f64);
}

/// Notes how old an access unit was at the end of a stage.
pub fn observe_age(stage: &'static str, age: Duration) {
    histogram!(Name::Age.as_str(), "stage" => stage).record(age.as_secs_f64());
}

/// Notes how many images a model ran on at once for other programs.
pub(crate) fn observe_batch(model: &str, images: usize) {
    histogram!(Name::RequestsBatch.as_str(), "model" => model.to_owned()).record(images as f64);
}

pub(crate) fn count_blocked(edge: &'static str, waited: Duration) {
    counter!(Name::Blocked.as_str(), "queue" => edge).increment(waited.as_micros() as u64);
}

pub(crate) fn count_missed(camera: CameraId, reader: &'static str, n: u64) {
    counter!(Name::Missed.as_str(), "camera" => camera.to_string(), "reader" => reader).increment(n);
}
