//! From detections to events: tracker, rules and the best pictures of one camera. What an analytics thread does.

use std::collections::HashMap;
use std::sync::Arc;

use iris_analytics::rules::Rules;
use iris_analytics::schedule::LocalTime;
use iris_analytics::{Profile, Tracker};
use iris_core::{ClassId, Detections, Epoch, Event, Frame, Moment, TrackId, Tracks, WallTime};

use crate::audience::Audience;
use crate::camera::Camera;
use crate::topology::Report;

/// Says what weekday and minute a moment is where the cameras stand. Pure, so that schedules can be replayed.
pub type LocalClock = Arc<dyn Fn(WallTime) -> LocalTime + Send + Sync>;

/// A model's names for its classes.
#[derive(Clone)]
pub(crate) struct Classes(pub(crate) Arc<[Arc<str>]>);

impl Classes {
    fn name(&self, class: ClassId) -> Arc<str> {
        self.0.get(usize::from(class.0)).map_or_else(|| format!("class {}", class.0).into(), Arc::clone)
    }
}

/// What is known of one camera's scene.
pub(crate) struct Analyst {
    tracker: Box<dyn Tracker>,
    rules: Rules,
    classes: Classes,
    local_clock: LocalClock,
    /// The best picture so far of each live track, shared by the tracks that it shows.
    gallery: HashMap<TrackId, Arc<Frame>>,
    audience: Audience,
    report_frames: bool,
    last: Option<(Epoch, Moment)>,
    /// Detections of this epoch or an earlier one come too late: its tracks were ended.
    closed: Option<Epoch>,
}

impl Analyst {
    pub(crate) fn new(
        camera: &Camera,
        first: Epoch,
        profile: Profile,
        classes: Classes,
        local_clock: LocalClock,
    ) -> Self {
        let settings = &camera.settings;
        Self {
            tracker: settings.tracker.build(settings.id, first, profile),
            rules: Rules::new(settings.id, settings.rules.clone()),
            classes,
            local_clock,
            gallery: HashMap::new(),
            audience: camera.audience.clone(),
            report_frames: settings.report_frames,
            last: None,
            closed: None,
        }
    }

    /// Takes what the model saw in `frame`, and says what is followed now. Nothing if the frame belongs to a connection
    /// that is over, or comes after a later one.
    pub(crate) fn see(
        &mut self,
        detections: &Detections,
        frame: Frame,
        report: &mut dyn FnMut(Report),
    ) -> Option<&Tracks> {
        let epoch = detections.key().epoch;
        let is_late = |(last, at): (Epoch, Moment)| epoch == last && detections.at().media < at.media;
        if self.closed.is_some_and(|closed| epoch <= closed) || self.last.is_some_and(is_late) {
            return None;
        }
        self.last = Some((epoch, detections.at()));
        let tracks = self.tracker.update(detections);
        let mut best = tracks.live.iter().filter(|t| t.best.key == frame.key).peekable();
        if best.peek().is_some() {
            let picture = Arc::new(frame.detached());
            self.gallery.extend(best.map(|track| (track.id, Arc::clone(&picture))));
        }
        let local = tracks.at.wall.map(|wall| (self.local_clock)(wall));
        self.audience.tell(tracks);
        for event in self.rules.update(tracks, local) {
            report(told(event, &self.classes, &self.gallery, &self.audience));
        }
        forget(tracks, &mut self.gallery);
        if self.report_frames {
            report(Report::Frame { frame: Arc::new(frame), tracks: tracks.clone() });
        }
        Some(tracks)
    }

    /// The connection or the stream is over: so are its tracks, and what they were doing.
    pub(crate) fn end(&mut self, report: &mut dyn FnMut(Report)) {
        let Some((epoch, at)) = self.last else { return };
        self.closed = Some(epoch);
        self.tracker.end(at);
        for event in self.rules.end() {
            report(told(event, &self.classes, &self.gallery, &self.audience));
        }
        self.gallery.clear();
    }
}

fn told(event: &Event, classes: &Classes, gallery: &HashMap<TrackId, Arc<Frame>>, audience: &Audience) -> Report {
    // What has no duration is told once, all else when it starts and again when it ends.
    let is_new = event.ended.is_none_or(|ended| ended == event.started);
    Report::Event {
        event: event.clone(),
        class: classes.name(event.evidence.class),
        picture: gallery.get(&event.evidence.track).cloned(),
        recording: is_new.then(|| audience.record(event.id.camera, event.started)),
    }
}

fn forget(tracks: &Tracks, gallery: &mut HashMap<TrackId, Arc<Frame>>) {
    // Tentative tracks vanish without a word, so the living say who stays.
    if gallery.len() > tracks.live.len() {
        gallery.retain(|id, _| tracks.live.binary_search_by_key(id, |t| t.id).is_ok());
    }
}
