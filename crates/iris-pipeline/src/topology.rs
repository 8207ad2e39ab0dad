//! A frame's whole way: every stage, queue, capacity and thread of Iris, in the order in which a frame meets them.
//!
//! ```text
//!  task a camera      threads dec-N                  threads inf-DEVICE     threads ana-N        the caller
//!  ingest ──packets──▶ decode ─▶ prepare ──slots──▶ model ──analytics──▶ track ─▶ rules ──reports──▶
//!                                other programs ──requests──┘ └──answers──▶
//! ```
//!
//! | edge | type | when full |
//! |---|---|---|
//! | packets | [`gop::Queues`], [`PACKETS`] a camera | drops up to the next key frame, and says so |
//! | slots | `LatestSlots`, one a camera | a newer frame takes the older one's place |
//! | requests | [`Requests`](iris_infer::Requests), bounded for each model | refused at once, also where the deadline cannot be kept |
//! | analytics | [`blocking`], [`DETECTIONS`] a thread | the model's thread waits: the work is paid for |
//! | reports | [`blocking`], [`REPORTS`] | the analytics thread waits: no event is lost |
//! | viewers | [`fanout`](iris_flow::fanout), [`RECENT`](crate::RECENT) a camera | who falls behind is told how many it missed |
//!
//! A camera that replays enters in lockstep: its next access unit comes when all that came of the one before is done.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use iris_analytics::{Profile, demand};
use iris_core::{
    CameraId, Clock, Detections, DropReason, Epoch, Event, Frame, GapReason, Item, MediaTime, MonoTime, Tracks,
};
use iris_decode::{FramePool, Gpu};
use iris_flow::blocking::{self, Probe};
use iris_flow::gop::{self, Work};
use iris_infer::{Prepared, Taken};
use iris_ingest::{CameraStream, Output, State};

use crate::analyst::{Analyst, Classes, LocalClock};
use crate::audience::Recording;
use crate::camera::{Camera, Ticket, Unit, ticket};
use crate::device::{Device, Sessions, Turn};
use crate::gauge::{Ages, QueueStatus, StageThreads};
use crate::inference::{Replied, Request, Times};
use crate::ladder::Attention;
use crate::look::{Look, LookSink};
use crate::metrics::observe_age;
use crate::models::{Loaded, Models};
use crate::settings::{Cores, Pace};
use crate::shedding::{self, Shedder};
use crate::slots::LatestSlots;
use crate::waiting::Waiting;

/// Access units that a camera's queue to the decoder holds: five seconds at 10 frames/s, two at 25.
pub const PACKETS: usize = 50;
/// For how long the access units of a camera in which nothing moves gather before they are decoded. One after the other
/// finds the decoder's memory in the cache, which the other cameras take from it in between (docs/adr/0016).
const GATHER: Duration = Duration::from_millis(250);
/// An access unit that waited longer than this for a decoder is left out: what it shows is over, and others wait behind it. What
/// holds up the machine for a moment costs no frame.
const TOO_LATE: Duration = Duration::from_secs(2);
/// Results that wait for one analytics thread.
pub const DETECTIONS: usize = 64;
/// Reports that wait for whoever stores them. Each may hold a picture: 64 of 1080p are 200 MB.
pub const REPORTS: usize = 64;

/// What comes out.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every report is the large one")]
pub enum Report {
    /// Something that a person should know, with its best picture so far.
    Event {
        /// The event.
        event: Event,
        /// The model's name for the class of what was seen; the camera may be gone when this is read.
        class: Arc<str>,
        /// The frame that `event.evidence.best` names.
        picture: Option<Arc<Frame>>,
        /// What the camera sends, from before the event on, when the event is told for the first time.
        recording: Option<Recording>,
    },
    /// A frame was analysed; only of cameras that ask for it.
    Frame {
        /// The picture.
        frame: Arc<Frame>,
        /// What is in it.
        tracks: Tracks,
    },
    /// A replay came to its end, or a camera failed for good; its status says which.
    Finished {
        /// The camera.
        camera: CameraId,
    },
}

/// What all threads share: the queues, and the cameras that are there.
pub(crate) struct Topology {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) packets: gop::Queues<CameraId, Unit>,
    pub(crate) slots: LatestSlots<ToModel, Request>,
    pub(crate) shedder: Mutex<Shedder>,
    pub(crate) cameras: RwLock<HashMap<CameraId, Arc<Camera>>>,
    /// The first epoch of a camera that was removed and may come back.
    pub(crate) epochs: RwLock<HashMap<CameraId, Epoch>>,
    pub(crate) frames: Arc<FramePool>,
    /// What decodes, if not the CPU.
    pub(crate) gpu: Option<Arc<Gpu>>,
    pub(crate) models: Models,
    pub(crate) run: u32,
    pub(crate) cores: Cores,
    /// How old frames are when they leave each stage.
    pub(crate) ages: [Ages; 3],
    pub(crate) devices: RwLock<Vec<Arc<Device>>>,
    pub(crate) analytics: Vec<Probe<ToAnalyst>>,
    pub(crate) reports: Probe<Report>,
}

/// The stages of which [`Topology::ages`] tells, by their place in it and in [`crate::Stages`].
#[derive(Clone, Copy)]
pub(crate) enum Stage {
    Decode,
    Model,
    Analytics,
}

pub(crate) struct ToModel {
    camera: Arc<Camera>,
    /// The model for which it was prepared.
    model: Arc<Loaded>,
    look: Look,
    ticket: Ticket,
}

#[expect(clippy::large_enum_variant, reason = "nearly every message is the large one")]
pub(crate) enum ToAnalyst {
    Add { camera: Arc<Camera>, first: Epoch, profile: Profile, classes: Classes },
    Seen { camera: Arc<Camera>, detections: Detections, frame: Frame, ticket: Ticket },
    Interrupted(CameraId),
    End(CameraId),
    Remove(CameraId),
}

impl Topology {
    /// Notes that a frame leaves a stage.
    fn note_age(&self, stage: Stage, received: MonoTime) -> Duration {
        let age = self.clock.mono().since(received);
        self.ages[stage as usize].note(age);
        age
    }

    /// Every stage with its threads, in the order of a frame's way.
    pub(crate) fn stages(&self) -> [StageThreads; 4] {
        let Cores { decode, analyse } = self.cores;
        [("ingest", 0), ("decode", decode), ("model", self.all_devices().len()), ("analytics", analyse)]
            .map(|(name, threads)| StageThreads { name, threads })
    }

    /// Every queue, in the order of a frame's way.
    pub(crate) fn queues(&self) -> [QueueStatus; 5] {
        let cameras: Vec<CameraId> =
            self.cameras.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect();
        let packets = cameras.iter().map(|id| self.packets.depth(*id)).sum();
        let (slots, taken) = self.slots.occupancy();
        let (places, requests) = self.slots.requests();
        let places = places * self.models.all().len();
        let results = self.analytics.iter().map(Probe::depth).sum();
        [
            ("packets", PACKETS * cameras.len(), packets, "drops up to the next key frame, and says so"),
            ("slots", slots, taken, "a newer frame takes the older one's place"),
            ("requests", places, requests, "refused at once"),
            ("analytics", DETECTIONS * self.analytics.len(), results, "the model's thread waits"),
            ("reports", REPORTS, self.reports.depth(), "the analytics thread waits"),
        ]
        .map(|(name, capacity, depth, when_full)| QueueStatus { name, capacity, depth, when_full })
    }

    /// Task of a camera: from the network or file to the packet queue and to who watches.
    pub(crate) async fn ingest(self: Arc<Self>, camera: Arc<Camera>, stream: CameraStream) {
        self.read(&camera, stream).await;
        camera.audience.close();
    }

    async fn read(&self, camera: &Camera, mut stream: CameraStream) {
        let id = camera.settings.id;
        // Until when the access units that gather are held back.
        let mut gathers: Option<MonoTime> = None;
        loop {
            let left = gathers.map_or(Duration::ZERO, |until| until.since(self.clock.mono()));
            let output = tokio::select! {
                () = camera.stop.cancelled() => return self.packets.send_end(id),
                () = tokio::time::sleep(left), if gathers.is_some() => {
                    gathers = None;
                    self.packets.release(id);
                    continue;
                }
                output = stream.next() => output,
            };
            match output {
                Output::Item(Item::Data(packet)) => {
                    camera.note_epoch(packet.key.epoch);
                    let (ticket, wait) = ticket(camera.pace());
                    camera.audience.show(&packet);
                    camera.ledger.decode.receive();
                    gathers = camera.may_wait(packet.is_key).then(|| gathers.unwrap_or(packet.received + GATHER));
                    let unit = Unit { due: gathers.unwrap_or(packet.received), packet, ticket };
                    let dropped =
                        if gathers.is_some() { self.packets.hold(id, unit) } else { self.packets.send(id, unit) };
                    camera.ledger.decode.drop_many(DropReason::QueueFull, dropped as u64);
                    wait.done().await;
                }
                Output::Item(Item::Gap(reason)) => {
                    tracing::debug!(camera = %id, %reason, "gap");
                    // The timeline was mended, and the decoder follows new parameters by itself.
                    if !matches!(reason, GapReason::Timestamps | GapReason::Parameters) {
                        self.packets.send_gap(id);
                    }
                }
                Output::Item(Item::End) => {}
                Output::State(state) => {
                    if matches!(state, State::Live { duration: Some(_), .. }) {
                        camera.note_recording();
                        self.slots.add(id, camera.share());
                    }
                    let over = matches!(state, State::Ended | State::Failed { .. });
                    let interrupted = camera.enter(state, &*self.clock);
                    if over {
                        return self.packets.send_end(id);
                    }
                    if interrupted {
                        self.packets.send_gap(id);
                    }
                }
            }
        }
    }

    /// Thread `dec-N`: from the packet queue to the model's slots, for whichever camera has work.
    pub(crate) fn decode(&self, analytics: &[Waiting<ToAnalyst>]) {
        while let Some(mut turn) = self.packets.take() {
            let id = turn.key();
            let Some(camera) = self.camera(id) else { continue };
            let mut eye = camera.eye();
            let count = &camera.ledger.decode;
            let slot = Slot { topology: self, camera: &camera };
            // What gathered may be let go before it is due, by what came last: that waited longest, from when on it was due.
            let (began, mut lag) = (self.clock.mono(), None);
            for work in turn.by_ref() {
                match work {
                    Work::Unit(unit) => {
                        let waited = began.since(unit.due);
                        lag = lag.max(Some(waited));
                        let is_late = waited > TOO_LATE && camera.pace() == Pace::Live;
                        eye.see(&unit.packet, is_late, count, &*self.clock, &slot);
                    }
                    Work::Gap => {
                        eye.gap(count);
                        if camera.was_interrupted() {
                            send(analytics, id, ToAnalyst::Interrupted(id));
                        }
                    }
                    Work::End => {
                        eye.end(count, &*self.clock, &slot);
                        send(analytics, id, ToAnalyst::End(id));
                    }
                }
            }
            if let Some(lag) = lag {
                self.note_lag(began, lag);
            }
        }
    }

    /// Thread `inf-DEVICE`: a device takes the frame that has waited longest against its camera's rate, or a batch of such, or
    /// another program's request.
    pub(crate) fn infer(&self, device: &Device, analytics: &[Waiting<ToAnalyst>]) {
        let (mut sessions, mut batch) = (Sessions::default(), Vec::new());
        loop {
            sessions.drop_orphans(device);
            match self.turn(device, self.clock.mono()) {
                Turn::Work => {
                    let wanted = |now| self.turn(device, now) == Turn::Work && !sessions.has_orphans(device);
                    if let Some(taken) = self.slots.take(device.settings.batch, &mut batch, &*self.clock, wanted) {
                        self.answer(taken, device, &mut sessions);
                    } else if !batch.is_empty() {
                        let worked = self.look_at(&mut batch, device, &mut sessions, analytics);
                        self.slots.worked_for_cameras(worked);
                    }
                }
                Turn::Rest(until) => {
                    sessions.clear();
                    // If it was lost just now, others may stand in for it.
                    self.slots.wake();
                    self.slots.rest(until, &*self.clock, |now| matches!(self.turn(device, now), Turn::Rest(_)));
                }
                Turn::Retry => {
                    sessions.retry(device, &self.models, &*self.clock);
                    self.slots.wake();
                }
                Turn::End => return,
            }
        }
    }

    /// What a device is to do.
    fn turn(&self, device: &Device, now: MonoTime) -> Turn {
        device.turn(now, || self.a_device_is_lost())
    }

    /// Answers other programs, whose requests go together.
    fn answer(&self, Taken { requests, before_cameras, .. }: Taken<Request>, device: &Device, sessions: &mut Sessions) {
        let mut requests = requests;
        requests.retain(|request| !request.reply.is_closed());
        let Some(model) = requests.first().map(|request| Arc::clone(&request.model)) else { return };
        let parts =
            requests.into_iter().map(|Request { ask, images, asked, reply, .. }| ((ask, images), (asked, reply)));
        let (asks, waiting): (Vec<_>, Vec<_>) = parts.unzip();
        let began = self.clock.mono();
        let answers = sessions.answer(device, (&self.models, &model), &asks, &*self.clock);
        let now = self.clock.mono();
        let computed = now.since(began);
        device.work.note(asks.len(), began, now);
        self.slots.worked(before_cameras, computed);
        for ((asked, reply), answer) in waiting.into_iter().zip(answers) {
            // Whoever asked may have gone away meanwhile, which is counted there.
            reply.send(Replied { answer, times: Times { queued: began.since(asked), computed } }).ok();
        }
    }

    /// Runs the models on a batch, each on its own frames, and sends on what they see. Returns how long the models took.
    fn look_at(
        &self,
        batch: &mut Vec<(CameraId, ToModel)>,
        device: &Device,
        sessions: &mut Sessions,
        analytics: &[Waiting<ToAnalyst>],
    ) -> Duration {
        let mut worked = Duration::ZERO;
        batch.sort_by_key(|(_, item)| item.model.number());
        while let Some(model) = batch.first().map(|(_, first)| Arc::clone(&first.model)) {
            let count = batch.iter().take_while(|(_, item)| item.model.number() == model.number()).count();
            let of_model = batch.drain(..count).map(|(id, ToModel { camera, look, ticket, .. })| {
                let Look { prepared, frame } = look;
                (prepared, (id, camera, frame, ticket))
            });
            let (prepared, frames): (Vec<Prepared>, Vec<_>) = of_model.unzip();
            let began = self.clock.mono();
            let found = sessions.detect(device, (&self.models, &model), &prepared, &*self.clock);
            let now = self.clock.mono();
            device.work.note(count, began, now);
            worked += now.since(began);
            for ((id, camera, mut frame, ticket), found) in frames.into_iter().zip(found) {
                if let Some(detections) = found {
                    frame.stamps.inferred = Some(now);
                    let age = self.note_age(Stage::Model, frame.stamps.received);
                    camera.note_age(age);
                    observe_age("inferred", age);
                    camera.ledger.model.emit();
                    camera.ledger.analytics.receive();
                    send(analytics, id, ToAnalyst::Seen { camera, detections, frame, ticket });
                } else {
                    camera.ledger.model.drop_one(DropReason::ModelFailed);
                }
                // Only now may another device have this camera, so that its results stay in order.
                self.slots.done(id);
            }
        }
        worked
    }

    pub(crate) fn all_devices(&self) -> Vec<Arc<Device>> {
        self.devices.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn a_device_is_lost(&self) -> bool {
        self.devices.read().unwrap_or_else(PoisonError::into_inner).iter().any(|device| device.is_lost())
    }

    /// Looks at a camera as often as what is followed there asks for.
    fn follow(&self, camera: &Camera, tracks: &Tracks) {
        if camera.is_gated() {
            camera.attention.note_seen(&tracks.live);
        }
        if camera.is_gated() && camera.attention.moves() {
            self.set_rate(camera, demand::of(tracks, camera.most()));
        }
    }

    fn set_rate(&self, camera: &Camera, rate_hz: f32) {
        match camera.pace() {
            Pace::Live => self.slots.set_rate(camera.settings.id, rate_hz),
            Pace::Replay => camera.tempo.set_rate(rate_hz),
        }
    }

    /// Notes how long access units waited for a decoder. Sheds cameras where that is too long.
    fn note_lag(&self, now: MonoTime, lag: Duration) {
        let mut shedder = self.shedder.lock().unwrap_or_else(PoisonError::into_inner);
        if shedder.note(now, lag) {
            let cameras = self.live_cameras();
            let still = cameras.iter().filter(|camera| !camera.attention.moves()).count();
            let shed = shedder.decide(now, cameras.len(), still, self.slots.waits());
            shedding::shed(cameras, still, shed);
        }
    }

    fn live_cameras(&self) -> Vec<Arc<Camera>> {
        let cameras = self.cameras.read().unwrap_or_else(PoisonError::into_inner);
        cameras.values().filter(|camera| camera.pace() == Pace::Live).cloned().collect()
    }

    pub(crate) fn camera(&self, id: CameraId) -> Option<Arc<Camera>> {
        self.cameras.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }
}

/// A camera's slot before the model, where its prepared frames go.
struct Slot<'a> {
    topology: &'a Topology,
    camera: &'a Arc<Camera>,
}

impl LookSink for Slot<'_> {
    fn wants(&self, at: MediaTime) -> bool {
        match self.camera.pace() {
            Pace::Live => self.topology.slots.wants(self.camera.settings.id, &*self.topology.clock),
            Pace::Replay => self.camera.tempo.is_due(at),
        }
    }

    fn pace(&self, rate_hz: f32) {
        self.topology.set_rate(self.camera, rate_hz.min(self.camera.most()));
    }

    fn attention(&self) -> &Attention {
        &self.camera.attention
    }

    fn take(&self, look: Look) {
        let (ticket, wait) = ticket(self.camera.pace());
        let count = &self.camera.ledger.model;
        count.receive();
        self.topology.note_age(Stage::Decode, look.frame.stamps.received);
        let item = ToModel { camera: Arc::clone(self.camera), model: self.camera.model(), look, ticket };
        if self.topology.slots.put(self.camera.settings.id, item).is_some() {
            count.drop_one(self.camera.leaves.get().copied().unwrap_or(DropReason::Superseded));
        }
        wait.done_blocking();
    }
}

/// Thread `ana-N`: from detections to events. A camera always meets the same thread, so its frames stay in order.
pub(crate) fn analyse(
    topology: &Topology,
    inbox: &blocking::Receiver<ToAnalyst>,
    reports: &Waiting<Report>,
    local_clock: &LocalClock,
) {
    let mut scenes: HashMap<CameraId, (Arc<Camera>, Analyst)> = HashMap::new();
    let mut report = |report| reports.send(report);
    while let Some(message) = inbox.recv() {
        match message {
            ToAnalyst::Add { camera, first, profile, classes } => {
                let analyst = Analyst::new(&camera, first, profile, classes, Arc::clone(local_clock));
                scenes.insert(camera.settings.id, (camera, analyst));
            }
            ToAnalyst::Seen { camera, detections, frame, ticket: _ticket } => {
                let received = frame.stamps.received;
                let scene = scenes.get_mut(&camera.settings.id).filter(|(current, _)| Arc::ptr_eq(current, &camera));
                if let Some(tracks) = scene.and_then(|(_, analyst)| analyst.see(&detections, frame, &mut report)) {
                    camera.ledger.analytics.emit();
                    topology.note_age(Stage::Analytics, received);
                    topology.follow(&camera, tracks);
                } else {
                    camera.ledger.analytics.drop_one(DropReason::Retired);
                }
            }
            ToAnalyst::Interrupted(id) => {
                scenes.get_mut(&id).into_iter().for_each(|(_, analyst)| analyst.end(&mut report));
            }
            ToAnalyst::End(id) => {
                scenes.get_mut(&id).into_iter().for_each(|(_, analyst)| analyst.end(&mut report));
                report(Report::Finished { camera: id });
            }
            ToAnalyst::Remove(id) => {
                scenes.remove(&id).into_iter().for_each(|(_, mut analyst)| analyst.end(&mut report));
            }
        }
    }
    for (_, analyst) in scenes.values_mut() {
        analyst.end(&mut report);
    }
}

/// To the analytics thread that owns the camera; waits while its queue is full.
pub(crate) fn send(analytics: &[Waiting<ToAnalyst>], camera: CameraId, message: ToAnalyst) {
    analytics[owner(camera, analytics.len())].send(message);
}

/// Which of `n` analytics threads owns a camera.
fn owner(camera: CameraId, n: usize) -> usize {
    let hash = camera.as_str().bytes().fold(0usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    hash % n
}
