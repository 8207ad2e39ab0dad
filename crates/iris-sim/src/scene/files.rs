//! A clip and its truth as files: MP4, MOTChallenge's `gt.txt` and `seqinfo.ini`, COCO's key points, the events, and the
//! rules for Iris.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::cast::Class;
use super::setting::Effect;
use super::truth::{Happening, Seen, Truth};
use super::{Rendered, rules};
use crate::Error;

/// COCO's names of the joints, in its order.
const JOINTS: [&str; 17] = [
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
];
/// COCO's bones, as pairs of joints counted from 1.
const BONES: [[u8; 2]; 19] = [
    [16, 14],
    [14, 12],
    [17, 15],
    [15, 13],
    [12, 13],
    [6, 12],
    [7, 13],
    [6, 7],
    [6, 8],
    [7, 9],
    [8, 10],
    [9, 11],
    [2, 3],
    [1, 2],
    [1, 3],
    [2, 4],
    [3, 5],
    [4, 6],
    [5, 7],
];

impl Rendered {
    /// Writes everything into a folder, which is made if it is missing: `main.mp4`, `small.mp4`, `seqinfo.ini`,
    /// `gt/gt.txt`, `coco.json`, `events.json`, `rules.toml`. Coordinates are those of `main.mp4`.
    pub fn write(&self, folder: &Path) -> Result<(), Error> {
        let gt = folder.join("gt");
        std::fs::create_dir_all(&gt).map_err(|source| Error::Write { path: gt.clone(), source })?;
        self.main.write(&folder.join("main.mp4"))?;
        if let Some(small) = &self.small {
            small.write(&folder.join("small.mp4"))?;
        }
        let texts = [
            ("seqinfo.ini", self.seqinfo()),
            ("gt/gt.txt", self.truth.mot()),
            ("coco.json", self.truth.coco().to_string()),
            ("events.json", format!("{:#}", self.events())),
            ("rules.toml", rules::toml(&self.rules)),
        ];
        for (name, text) in texts {
            let path = folder.join(name);
            std::fs::write(&path, text).map_err(|source| Error::Write { path, source })?;
        }
        Ok(())
    }

    fn seqinfo(&self) -> String {
        let (width, height) = self.recipe.size;
        let (name, fps, frames) = (self.recipe.scene.name, self.truth.fps, self.truth.frames.len());
        format!(
            "[Sequence]\nname={name}\nimDir=img1\nframeRate={fps}\nseqLength={frames}\nimWidth={width}\n\
             imHeight={height}\nimExt=.jpg\n"
        )
    }

    /// The events that a right rule must raise and those it must not. Whatever lies in neither list and is no part of
    /// the first is a false alarm too, but for stays so near a rule's limit that either is right.
    pub fn events(&self) -> Value {
        let happenings = self.truth.happenings(&self.rules);
        let (must, must_not): (Vec<_>, Vec<_>) = happenings.iter().partition(|h| h.verdict.is_ok());
        let list = |found: Vec<&Happening>| found.into_iter().map(happening).collect::<Vec<_>>();
        let recipe = &self.recipe;
        let action =
            |(id, act, (from, to))| json!({"object": id, "action": act, "from": rounded(from), "to": rounded(to)});
        let disturbances: Vec<_> = recipe.setting.effects.iter().map(|e| Effect::word(*e)).collect();
        json!({
            "scene": recipe.scene.name,
            "setting": recipe.setting.to_string(),
            "seed": recipe.seed,
            "seconds": recipe.seconds,
            "actions": self.truth.actions().into_iter().map(action).collect::<Vec<_>>(),
            "must_raise": list(must),
            "must_not_raise": list(must_not),
            "disturbances_that_must_not_raise": disturbances,
        })
    }
}

fn happening(h: &Happening) -> Value {
    let mut value = json!({
        "rule": h.rule,
        "kind": h.kind,
        "object": h.id,
        "class": h.class,
        "from": rounded(h.seconds.0),
        "to": rounded(h.seconds.1),
    });
    if let Some(direction) = h.direction {
        value["direction"] = direction.name().into();
    }
    if let Err(why) = h.verdict {
        value["why"] = why.into();
    }
    value
}

/// To hundredths, and free of the dust of binary fractions.
fn rounded(value: f32) -> f64 {
    (f64::from(value) * 100.0).round() / 100.0
}

impl Truth {
    /// MOTChallenge's ground truth (Milan et al., "MOT16", 2016, §4): frame and box from 1, class by its table, and the
    /// share that is visible. Dogs, which that table does not know, are distractors that do not count.
    pub fn mot(&self) -> String {
        let mut text = String::new();
        for (frame, seen) in self.frames.iter().enumerate().flat_map(|(i, f)| f.iter().map(move |s| (i + 1, s))) {
            let [x0, y0, x1, y1] = seen.edges;
            let (class, counts) = mot_class(seen);
            // A string takes whatever is written to it.
            writeln!(
                text,
                "{frame},{},{:.1},{:.1},{:.1},{:.1},{counts},{class},{:.3}",
                seen.id,
                x0 + 1.0,
                y0 + 1.0,
                x1 - x0,
                y1 - y0,
                seen.visibility
            )
            .unwrap_or_default();
        }
        text
    }

    /// COCO's format of key points, with the track and the attributes of each object beside it.
    pub fn coco(&self) -> Value {
        let (width, height) = self.size;
        let numbered = || self.frames.iter().enumerate().map(|(i, f)| (i + 1, f));
        let images: Vec<_> = numbered()
            .map(|(i, _)| json!({"id": i, "file_name": format!("{i:06}.jpg"), "frame_id": i, "width": width, "height": height}))
            .collect();
        let all = numbered().flat_map(|(i, frame)| frame.iter().map(move |seen| (i, seen)));
        let annotations: Vec<_> = all.enumerate().map(|(n, (image, seen))| annotation(n + 1, image, seen)).collect();
        let classes = [Class::Person, Class::Bicycle, Class::Car, Class::Truck, Class::Dog];
        json!({"images": images, "annotations": annotations, "categories": classes.map(category)})
    }
}

fn category(class: Class) -> Value {
    let (name, id) = class.coco();
    let mut category = json!({"id": id, "name": name});
    if class == Class::Person {
        category["keypoints"] = json!(JOINTS);
        category["skeleton"] = json!(BONES);
    }
    category
}

fn annotation(id: usize, image: usize, seen: &Seen) -> Value {
    let [x0, y0, x1, y1] = seen.edges.map(rounded);
    let mut value = json!({
        "id": id,
        "image_id": image,
        "category_id": seen.class.coco().1,
        "track_id": seen.id,
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": (x1 - x0) * (y1 - y0),
        "iscrowd": 0,
        "visibility": rounded(seen.visibility),
        "attributes": attributes(seen),
    });
    if let Some(points) = &seen.keypoints {
        // As COCO has it: 0 is not labelled, 1 hidden, 2 seen.
        let triple = |p: &super::Keypoint| match p.shown {
            None => [0.0, 0.0, 0.0],
            Some(shown) => [rounded(p.x), rounded(p.y), if shown { 2.0 } else { 1.0 }],
        };
        value["keypoints"] = json!(points.iter().flat_map(triple).collect::<Vec<_>>());
        value["num_keypoints"] = points.iter().filter(|p| p.shown.is_some()).count().into();
    }
    value
}

fn attributes(seen: &Seen) -> Value {
    let mut value = json!({});
    if let Some(kind) = seen.kind {
        value["kind"] = kind.into();
    }
    if let Some(act) = seen.act {
        value["action"] = act.into();
    }
    if let Some((helmet, vest)) = seen.gear {
        value["helmet"] = helmet.into();
        value["vest"] = vest.into();
    }
    value
}

/// The number of a class in MOT16, and whether it counts.
fn mot_class(seen: &Seen) -> (u8, u8) {
    match seen.class {
        Class::Person if seen.act == Some("riding") => (2, 1),
        Class::Person => (1, 1),
        Class::Bicycle => (4, 1),
        Class::Car | Class::Truck => (3, 1),
        Class::Dog => (8, 0),
    }
}
