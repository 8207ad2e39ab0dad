//! Thread `store`: takes what the pipeline reports and stores it with its pictures.

use std::sync::Arc;
use std::thread::JoinHandle;

use iris_core::{Clock, Event, Frame};
use iris_flow::blocking::Receiver;
use iris_pipeline::Report;
use tokio_util::sync::CancellationToken;

use crate::clips::Teller;
use crate::evidence::Album;
use crate::message::Entry;
use crate::store::Store;

/// Starts the thread. It ends when the pipeline has stopped and everything reported is with the store. Once it has to
/// `hurry`, events keep the pictures that they have: what is left must be stored before the supervisor loses patience.
///
/// # Errors
/// The system gave no thread.
pub fn start(
    reports: Receiver<Report>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    clips: Teller,
    hurry: CancellationToken,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("store".into()).spawn(move || {
        let mut album = Album::new(store.media().clone());
        while let Some(report) = reports.recv() {
            match report {
                Report::Event { event, class, picture, recording } => {
                    let picture = picture.as_deref().filter(|_| !hurry.is_cancelled());
                    keep(&event, &class, picture, &mut album, &*store, &*clock);
                    clips.tell(&event, recording);
                }
                Report::Finished { camera } => tracing::info!(%camera, "the source is over"),
                Report::Frame { .. } => {}
            }
        }
    })
}

fn keep(event: &Event, class: &str, picture: Option<&Frame>, album: &mut Album, store: &dyn Store, clock: &dyn Clock) {
    let pictures = album.keep(event, class, picture).unwrap_or_else(|error| {
        tracing::error!(event = %event.id, %error, "the event is stored without its pictures");
        album.saved(event)
    });
    let entry = Entry::new(event, class, pictures, clock.wall());
    // The commit is not waited for: what the store took, it commits or says so in its health.
    if let Err(error) = store.put(entry) {
        tracing::error!(event = %event.id, %error, "an event is lost");
    }
}
