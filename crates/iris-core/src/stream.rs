//! What can come down a stream besides data, and why something that came did not go on.

/// One item of a camera's stream. A gap and the end are values, because a decoder and a tracker must hear of them in
/// order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item<T> {
    /// The next piece of data.
    Data(T),
    /// Something is missing before what follows.
    Gap(GapReason),
    /// Nothing follows.
    End,
}

macro_rules! reasons {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $label:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The reason as it stands in metrics, logs and events.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.label())
            }
        }
    };
}

reasons! {
    /// Why a stream has a hole.
    GapReason {
        /// A new connection began.
        Reconnected = "reconnected",
        /// The network lost packets.
        PacketLoss = "packet_loss",
        /// The decoder fell behind, and a run of access units up to a key frame was dropped.
        QueueFull = "queue_full",
        /// Timestamps jumped; the timeline was joined at the jump.
        Timestamps = "timestamps",
        /// Resolution or codec changed.
        Parameters = "parameters",
        /// Data could not be decoded.
        Corrupt = "corrupt",
    }
}

reasons! {
    /// Why something that entered a stage did not leave it. Every loss is counted under one of these.
    DropReason {
        /// The queue to the decoder was full.
        QueueFull = "queue_full",
        /// It depends on a key frame that is missing.
        AwaitingKeyframe = "awaiting_keyframe",
        /// The rate asked for did not call for it.
        Skipped = "skipped",
        /// Nothing moves, and it is not yet time to look for whoever stands still.
        Still = "still",
        /// It could not be decoded.
        Corrupt = "corrupt",
        /// The decoder took it and gave no picture for it: a second field, a leading picture, or held back for
        /// reordering when something went missing.
        Undisplayed = "undisplayed",
        /// A newer frame of the same camera took its place.
        Superseded = "superseded",
        /// The model failed on it or returned something that is not a detection.
        ModelFailed = "model_failed",
        /// Its camera was removed or reconnected.
        Retired = "retired",
        /// The program is stopping.
        Shutdown = "shutdown",
    }
}

/// What to do about an error; the supervisor switches on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// Go on with the next item.
    Retry,
    /// Start this stage or connection anew.
    Restart,
    /// Only a person can help.
    GiveUp,
}
