//! One camera as the whole pipeline knows it: its settings, its books and its state. Its task, which reads the network
//! or file, ends here too; what the task reads goes on in [`crate::topology`].

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use iris_core::{Clock, DropReason, Epoch, MonoTime, Packet};
use iris_infer::{Preprocessor, Share};
use iris_ingest::State;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::audience::Audience;
use crate::ladder::{Attention, Rung};
use crate::look::Eye;
use crate::meter::Ledger;
use crate::models::Loaded;
use crate::settings::{CameraSettings, Gating, Pace};
use crate::tempo::Tempo;

/// A camera at one moment.
#[derive(Debug, Clone)]
pub struct CameraStatus {
    /// What its connection is doing.
    pub state: State,
    /// For how long.
    pub since: Duration,
    /// How often it connected, in this run.
    pub connections: u32,
    /// How old the newest result was when the model returned it: from the last byte's arrival.
    pub age: Option<Duration>,
    /// How far the work for it is cut down to what its scene needs.
    pub rung: Rung,
}

impl CameraStatus {
    /// Why there is no video, where a reason is known. Without secrets.
    pub fn error(&self) -> Option<String> {
        reason(&self.state)
    }

    /// Whether it delivers, or has delivered all it had.
    pub fn is_well(&self) -> bool {
        matches!(self.state, State::Live { .. } | State::Ended)
    }
}

/// Why a camera in this state gives no video, where a reason is known. Without secrets.
pub fn reason(state: &State) -> Option<String> {
    let says_why = matches!(state, State::Offline { .. } | State::AuthFailed | State::Failed { .. });
    says_why.then(|| state.to_string())
}

/// A camera in the pipeline. It goes when the camera is removed or its settings change; a new one takes its place.
pub(crate) struct Camera {
    pub(crate) settings: CameraSettings,
    pub(crate) ledger: Ledger,
    pub(crate) stop: CancellationToken,
    /// Why no frame of it waits for the model any more.
    pub(crate) leaves: OnceLock<DropReason>,
    pub(crate) audience: Audience,
    pub(crate) attention: Attention,
    pub(crate) tempo: Tempo,
    /// What looks at it; changed under the lock of its eye, which prepares frames for it.
    model: Mutex<Arc<Loaded>>,
    eye: Mutex<Eye>,
    state: watch::Sender<(State, MonoTime)>,
    log_budget: Mutex<LogBudget>,
    interrupted: AtomicBool,
    recorded: AtomicBool,
    gated: AtomicBool,
    run: u32,
    connection: AtomicU32,
    age_micros: AtomicU64,
}

impl Camera {
    pub(crate) fn new(settings: CameraSettings, first: Epoch, model: Arc<Loaded>, eye: Eye, now: MonoTime) -> Self {
        let recorded = AtomicBool::new(settings.pace == Pace::Replay);
        let gated = AtomicBool::new(settings.gating != Gating::Off);
        Self {
            settings,
            ledger: Ledger::default(),
            stop: CancellationToken::new(),
            leaves: OnceLock::new(),
            audience: Audience::new(),
            attention: Attention::default(),
            tempo: Tempo::default(),
            model: Mutex::new(model),
            eye: Mutex::new(eye),
            state: watch::Sender::new((State::Connecting, now)),
            log_budget: Mutex::new(LogBudget::new(now)),
            interrupted: AtomicBool::new(false),
            recorded,
            gated,
            run: first.run,
            connection: AtomicU32::new(first.connection),
            age_micros: AtomicU64::new(u64::MAX),
        }
    }

    /// Its decoder. The packet queue gives a camera to one worker at a time, so this never waits but when the camera
    /// is being removed.
    pub(crate) fn eye(&self) -> MutexGuard<'_, Eye> {
        self.eye.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether its settings are these, whichever model looks at it.
    pub(crate) fn runs_as(&self, settings: &CameraSettings) -> bool {
        self.settings == CameraSettings { model: self.settings.model, ..settings.clone() }
    }

    /// What looks at it.
    pub(crate) fn model(&self) -> Arc<Loaded> {
        Arc::clone(&self.model.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has another model look at it, one that [sees the same](Loaded::sees_as), from the next frame on. Those that are prepared
    /// go to the one for which they were.
    pub(crate) fn look_by(&self, model: &Arc<Loaded>, preprocessor: Preprocessor) {
        let mut eye = self.eye();
        eye.prepare_by(preprocessor);
        *self.model.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(model);
    }

    /// Notes a new state. True if a connection that was live no longer is.
    pub(crate) fn enter(&self, state: State, clock: &dyn Clock) -> bool {
        self.log(&state, clock.mono());
        let is_live = matches!(state, State::Live { .. });
        let (before, _) = self.state.send_replace((state, clock.mono()));
        let interrupted = matches!(before, State::Live { .. }) && !is_live;
        self.interrupted.fetch_or(interrupted, Relaxed);
        interrupted
    }

    fn log(&self, state: &State, now: MonoTime) {
        let budget = self.log_budget.lock().unwrap_or_else(PoisonError::into_inner).spend(now);
        let (Some(withheld), camera) = (budget, self.settings.id) else { return };
        match state {
            State::Connecting | State::Live { .. } | State::Ended => tracing::info!(%camera, withheld, "{state}"),
            State::Stalled | State::Offline { .. } | State::AuthFailed | State::Failed { .. } => {
                tracing::warn!(%camera, withheld, "{state}");
            }
        }
    }

    /// Whether the connection broke since this was last asked: then what it showed is over.
    pub(crate) fn was_interrupted(&self) -> bool {
        self.interrupted.swap(false, Relaxed)
    }

    /// Notes that its source is a recording. One that was thought to be live, as a complete HLS playlist is, can wait after
    /// all, so nothing of it is dropped, and it is looked at in whole.
    pub(crate) fn note_recording(&self) {
        if !self.recorded.swap(true, Relaxed) {
            self.gated.store(false, Relaxed);
            self.eye().look_at_all();
        }
    }

    pub(crate) fn pace(&self) -> Pace {
        if self.recorded.load(Relaxed) { Pace::Replay } else { Pace::Live }
    }

    /// Whether a gate stands before the model.
    pub(crate) fn is_gated(&self) -> bool {
        self.gated.load(Relaxed)
    }

    /// Whether an access unit may wait for those behind it: nothing moves, so that it does not matter if that is found a
    /// moment later. Not so a key frame where nothing else is decoded, nor a replay, which waits for each of its access units.
    pub(crate) fn may_wait(&self, is_key: bool) -> bool {
        let is_still = self.pace() == Pace::Live && self.is_gated() && !self.attention.moves();
        is_still && !(is_key && self.attention.rung() >= Rung::Quiet)
    }

    /// Looks a second, at most.
    pub(crate) fn most(&self) -> f32 {
        self.settings.share.rate_hz.unwrap_or(f32::INFINITY)
    }

    /// Its claim on the devices. A replay has no rate: it waits for each of its frames.
    pub(crate) fn share(&self) -> Share {
        let share = self.settings.share;
        match self.pace() {
            Pace::Live => share,
            Pace::Replay => Share { rate_hz: None, ..share },
        }
    }

    /// Its state, and whenever that changes.
    pub(crate) fn states(&self) -> watch::Receiver<(State, MonoTime)> {
        self.state.subscribe()
    }

    pub(crate) fn note_epoch(&self, epoch: Epoch) {
        self.connection.store(epoch.connection, Relaxed);
    }

    /// The epoch after all that this camera used.
    pub(crate) fn next_epoch(&self) -> Epoch {
        Epoch { run: self.run, connection: self.connection.load(Relaxed) }.next()
    }

    pub(crate) fn note_age(&self, age: Duration) {
        self.age_micros.store(age.as_micros() as u64, Relaxed);
    }

    pub(crate) fn status(&self, now: MonoTime) -> CameraStatus {
        let (state, since) = self.state.borrow().clone();
        let age = self.age_micros.load(Relaxed);
        CameraStatus {
            state,
            since: now.since(since),
            connections: self.connection.load(Relaxed) + 1,
            age: (age != u64::MAX).then(|| Duration::from_micros(age)),
            rung: self.attention.rung(),
        }
    }
}

/// How many changes of state may be logged: a camera that flaps would fill the log (a token bucket). What its state is
/// can be asked at any time.
struct LogBudget {
    left: u32,
    refilled: MonoTime,
    withheld: u32,
}

impl LogBudget {
    /// Changes that may be logged at once: two whole outages.
    const BURST: u32 = 6;
    /// How long it takes until one more may be logged.
    const REFILL: Duration = Duration::from_mins(1);

    fn new(now: MonoTime) -> Self {
        Self { left: Self::BURST, refilled: now, withheld: 0 }
    }

    /// Whether a change may be logged now, and how many were not since the last one that was.
    fn spend(&mut self, now: MonoTime) -> Option<u32> {
        let earned = (now.since(self.refilled).as_secs() / Self::REFILL.as_secs()) as u32;
        if earned > 0 {
            self.left = self.left.saturating_add(earned).min(Self::BURST);
            self.refilled = now;
        }
        let Some(left) = self.left.checked_sub(1) else {
            self.withheld += 1;
            return None;
        };
        self.left = left;
        Some(std::mem::take(&mut self.withheld))
    }
}

/// The sender's half of lockstep: it rides with an item, and dropping it says that all that came of the item is done.
pub(crate) type Ticket = Option<oneshot::Sender<()>>;

/// A ticket for cameras that replay; live ones have none, and their `Wait` is over at once.
pub(crate) fn ticket(pace: Pace) -> (Ticket, Wait) {
    match pace {
        Pace::Live => (None, Wait(None)),
        Pace::Replay => {
            let (done, wait) = oneshot::channel();
            (Some(done), Wait(Some(wait)))
        }
    }
}

/// The waiting half of lockstep. That the ticket was dropped is the message, so the result says nothing.
pub(crate) struct Wait(Option<oneshot::Receiver<()>>);

impl Wait {
    pub(crate) async fn done(self) {
        if let Some(wait) = self.0 {
            drop(wait.await);
        }
    }

    pub(crate) fn done_blocking(self) {
        if let Some(wait) = self.0 {
            drop(wait.blocking_recv());
        }
    }
}

/// What lies in the queue to the decoder: an access unit and, in a replay, its ticket.
pub(crate) struct Unit {
    pub(crate) packet: Packet,
    /// When it is to be decoded.
    pub(crate) due: MonoTime,
    #[expect(dead_code, reason = "its drop is its message")]
    pub(crate) ticket: Ticket,
}

impl iris_flow::gop::Unit for Unit {
    fn is_key(&self) -> bool {
        self.packet.is_key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> MonoTime {
        MonoTime(Duration::from_secs(secs))
    }

    #[test]
    fn rare_changes_are_logged_and_flapping_once_a_minute() {
        let mut budget = LogBudget::new(at(0));
        assert!((0..100).all(|minute| budget.spend(at(60 * minute)) == Some(0)));
        let mut budget = LogBudget::new(at(0));
        let logged: Vec<u32> = (0..3600).filter_map(|second| budget.spend(at(second))).collect();
        assert!(logged.len() <= 60 + LogBudget::BURST as usize, "{} lines", logged.len());
        assert_eq!(logged.iter().sum::<u32>() + budget.withheld + logged.len() as u32, 3600, "none is forgotten");
    }
}
