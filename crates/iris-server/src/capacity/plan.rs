//! From what stages cost to how many cameras a machine carries, and what would carry more. Pure.

use iris_core::{Codec, Size};

/// The share of the machine that is left free: loads vary, and so do machines.
pub const MARGIN: f64 = 0.2;
/// The usual number of detections a second at a camera where something moves.
pub const RATE: f64 = 5.0;
/// The same where nothing does: one look every two seconds, for whoever stands still.
const IDLE: f64 = 0.5;
/// What carries less than this times as many cameras is no advice.
const WORTH_SAYING: f64 = 1.15;

/// What a frame costs on one core while all others are as busy, in ms of processor time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Costs {
    /// Decoding it where something moves.
    pub decode: f64,
    /// Decoding it where nothing does, and it is not deblocked.
    pub still: f64,
    /// Finding out whether something moves in it.
    pub gate: f64,
    /// Bringing it into the model's input.
    pub preprocess: f64,
    /// The model and the reading of its output.
    pub model: f64,
    /// Following what it found.
    pub track: f64,
}

impl Costs {
    /// What is paid for each frame that comes, where something moves for a share of the time.
    pub fn frame(&self, busy: f64) -> f64 {
        busy * self.decode + (1.0 - busy) * self.still + self.gate
    }

    /// What is paid for each frame that the model looks at.
    pub fn look(&self) -> f64 {
        self.preprocess + self.model + self.track
    }
}

/// What is asked of each camera.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demand {
    /// Frames a second.
    pub fps: f64,
    /// Detections a second where something moves.
    pub rate: f64,
    /// The share of the time in which something moves, 0 to 1.
    pub busy: f64,
}

impl Demand {
    /// Detections a second, on average. No more than there are frames.
    fn looks(&self) -> f64 {
        (self.busy * self.rate + (1.0 - self.busy) * IDLE.min(self.rate)).min(self.fps)
    }

    /// The share of one core that a camera takes.
    pub fn load(&self, costs: &Costs) -> f64 {
        (self.fps * costs.frame(self.busy) + self.looks() * costs.look()) / 1000.0
    }
}

/// What there is to share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Machine {
    /// Cores.
    pub cores: usize,
    /// Memory that is free, in bytes.
    pub memory: u64,
}

/// What keeps a machine from carrying more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Processor time, most of it for decoding.
    Decode,
    /// Processor time, most of it for the model and what is around it.
    Model,
    /// Memory.
    Memory,
}

impl Bound {
    /// In one word.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Model => "model",
            Self::Memory => "memory",
        }
    }
}

/// How many cameras of one kind a machine carries, and why not more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Cameras.
    pub cameras: u32,
    /// Why not more.
    pub bound: Bound,
}

impl Plan {
    /// For cameras that cost so much and hold so many bytes each.
    pub fn new(costs: &Costs, memory: u64, demand: Demand, machine: Machine) -> Self {
        let share = 1.0 - MARGIN;
        let by_cores = machine.cores as f64 * share / demand.load(costs).max(f64::MIN_POSITIVE);
        let by_memory = machine.memory as f64 * share / memory.max(1) as f64;
        let bound = if by_memory < by_cores {
            Bound::Memory
        } else if demand.fps * costs.frame(demand.busy) > demand.looks() * costs.look() {
            Bound::Decode
        } else {
            Bound::Model
        };
        // The cast saturates.
        Self { cameras: by_cores.min(by_memory) as u32, bound }
    }
}

/// A kind of video that was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    /// What to call it.
    pub name: String,
    /// Its codec.
    pub codec: Codec,
    /// The codec's profile, where it is known.
    pub profile: Option<&'static str>,
    /// The picture's size.
    pub size: Size,
    /// What is asked of a camera that sends it.
    pub demand: Demand,
    /// What a frame costs.
    pub costs: Costs,
    /// What a camera holds, in bytes.
    pub memory: u64,
}

impl Stream {
    /// How many such cameras a machine carries.
    pub fn plan(&self, machine: Machine) -> Plan {
        Plan::new(&self.costs, self.memory, self.demand, machine)
    }
}

/// How much a change brings.
struct Step {
    from: u32,
    to: u32,
}

impl Step {
    /// None if it is not worth saying.
    fn new(from: Plan, to: Plan) -> Option<Self> {
        let step = Self { from: from.cameras, to: to.cameras };
        (f64::from(step.to) >= WORTH_SAYING * f64::from(step.from.max(1))).then_some(step)
    }

    fn times(&self) -> String {
        let times = f64::from(self.to) / f64::from(self.from.max(1));
        if times < 3.0 { format!("{times:.1}") } else { format!("{times:.0}") }
    }
}

/// What to change to carry more.
pub fn advice(streams: &[Stream], machine: Machine) -> Vec<String> {
    let adviser = Adviser { streams, machine };
    let Some(best) = streams.iter().max_by_key(|stream| adviser.plan(stream).cameras) else { return Vec::new() };
    let mut said = adviser.sizes(best);
    said.extend(adviser.codecs());
    said.extend(adviser.profiles());
    said.extend(adviser.rate(best));
    said.extend(adviser.model(best));
    said
}

struct Adviser<'a> {
    streams: &'a [Stream],
    machine: Machine,
}

impl Adviser<'_> {
    fn plan(&self, stream: &Stream) -> Plan {
        stream.plan(self.machine)
    }

    /// A smaller stream in the place of each larger one.
    fn sizes(&self, best: &Stream) -> Vec<String> {
        let larger = self.streams.iter().filter(|stream| stream.size.pixels() > best.size.pixels());
        let say = |stream: &Stream| {
            let step = Step::new(self.plan(stream), self.plan(best))?;
            Some(format!(
                "{} costs {} ms a frame to decode, {} costs {}; a camera's small stream in the place of its large one: \
                 {} times as many cameras",
                stream.name,
                ms(stream.costs.decode),
                best.name,
                ms(best.costs.decode),
                step.times()
            ))
        };
        larger.filter_map(say).collect()
    }

    /// The cheaper of two codecs for pictures of one size.
    fn codecs(&self) -> Vec<String> {
        self.pairs(|a, b| a.codec != b.codec && a.profile == b.profile, "codec")
    }

    /// The cheaper of two profiles of one codec.
    fn profiles(&self) -> Vec<String> {
        self.pairs(|a, b| a.codec == b.codec && a.profile != b.profile, "profile")
    }

    fn pairs(&self, differ: impl Fn(&Stream, &Stream) -> bool, what: &str) -> Vec<String> {
        let are_comparable =
            |a: &Stream, b: &Stream| a.size == b.size && a.profile.is_some() && b.profile.is_some() && differ(a, b);
        let mut said = Vec::new();
        for a in self.streams {
            for b in self.streams.iter().filter(|b| are_comparable(a, b)) {
                if let Some(step) = Step::new(self.plan(a), self.plan(b)) {
                    let (from, to, times) = (&a.name, &b.name, step.times());
                    said.push(format!("{to} instead of {from} (another {what}): {times} times as many cameras"));
                }
            }
        }
        said
    }

    /// Half the frames.
    fn rate(&self, best: &Stream) -> Option<String> {
        let (fps, half) = (best.demand.fps, best.demand.fps / 2.0);
        let slower = Stream { demand: Demand { fps: half, ..best.demand }, ..best.clone() };
        let step = Step::new(self.plan(best), self.plan(&slower))?;
        Some(format!("{} at {half} frames/s instead of {fps}: {} cameras instead of {}", best.name, step.to, step.from))
    }

    /// A model of half the cost, where it is what most is spent on.
    fn model(&self, best: &Stream) -> Option<String> {
        let plan = self.plan(best);
        let costs = Costs { model: best.costs.model / 2.0, ..best.costs };
        let step = Step::new(plan, self.plan(&Stream { costs, ..best.clone() }))?;
        (plan.bound == Bound::Model).then(|| {
            format!(
                "most is spent on the model, {} ms each time; one that takes half of it, with a smaller input or as INT8: {} \
                 cameras instead of {}",
                ms(best.costs.model),
                step.to,
                step.from
            )
        })
    }
}

/// Milliseconds with as many digits as mean something.
pub fn ms(value: f64) -> String {
    if value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;
    const MIB: u64 = 1 << 20;
    const TWO_CORES: Machine = Machine { cores: 2, memory: 4 * GIB };

    const FREE: Costs = Costs { decode: 0.0, still: 0.0, gate: 0.0, preprocess: 0.0, model: 0.0, track: 0.0 };

    fn ask(fps: f64, busy: f64) -> Demand {
        Demand { fps, rate: RATE, busy }
    }

    fn costs(decode: f64, model: f64) -> Costs {
        Costs { decode, still: decode, gate: 0.1, preprocess: 0.2, model, track: 0.1 }
    }

    fn stream(name: &str, codec: Codec, profile: &'static str, size: (u32, u32), decode: f64) -> Stream {
        Stream {
            name: name.into(),
            codec,
            profile: Some(profile),
            size: Size::new(size.0, size.1),
            demand: ask(10.0, 0.1),
            costs: costs(decode, 2.7),
            memory: 4 * MIB,
        }
    }

    #[test]
    fn cameras_follow_from_costs() {
        for (what, costs, memory, demand, machine, cameras, bound) in [
            // 10 · 0.4 + (0.1 · 5 + 0.9 · 0.5) · 3 = 6.85 ms of each 1600.
            ("few are busy", costs(0.3, 2.7), MIB, ask(10.0, 0.1), TWO_CORES, 233, Bound::Decode),
            // 10 · (0.1 · 0.3 + 0.9 · 0.2 + 0.1) + 2.85 = 5.95 ms.
            (
                "still ones are cheaper",
                Costs { still: 0.2, ..costs(0.3, 2.7) },
                MIB,
                ask(10.0, 0.1),
                TWO_CORES,
                268,
                Bound::Decode,
            ),
            // 10 · 0.4 + 5 · 3 = 19 ms.
            ("all are busy", costs(0.3, 2.7), MIB, ask(10.0, 1.0), TWO_CORES, 84, Bound::Model),
            // 2 · 0.4 + 2 · 3 = 6.8 ms.
            ("no more looks than frames", costs(0.3, 2.7), MIB, ask(2.0, 1.0), TWO_CORES, 235, Bound::Model),
            ("little memory", costs(0.3, 2.7), 400 * MIB, ask(10.0, 0.1), TWO_CORES, 8, Bound::Memory),
            ("too slow for one", costs(300.0, 2.7), MIB, ask(10.0, 0.0), TWO_CORES, 0, Bound::Decode),
            ("what costs nothing", FREE, MIB, ask(10.0, 0.0), TWO_CORES, 3276, Bound::Memory),
        ] {
            assert_eq!(Plan::new(&costs, memory, demand, machine), Plan { cameras, bound }, "{what}");
        }
    }

    #[test]
    fn twice_the_cores_carry_twice_the_cameras() {
        let of = |cores| {
            let machine = Machine { cores, memory: 400 * GIB };
            Plan::new(&costs(0.3, 2.7), MIB, ask(10.0, 0.1), machine).cameras
        };
        assert!(of(16).abs_diff(2 * of(8)) <= 1);
    }

    #[test]
    fn advice_names_what_brings_more() {
        let streams = [
            stream("baseline", Codec::H264, "baseline", (640, 360), 0.35),
            stream("main", Codec::H264, "main", (640, 360), 1.2),
            stream("hevc", Codec::H265, "main", (640, 360), 1.9),
            stream("large", Codec::H264, "main", (1920, 1080), 9.0),
        ];
        let said = advice(&streams, TWO_CORES);
        let says = |words: &[&str]| said.iter().any(|line| words.iter().all(|word| line.contains(word)));
        assert!(says(&["large costs 9.00 ms", "baseline costs 0.35", "13 times as many"]), "{said:#?}");
        assert!(says(&["main instead of hevc (another codec)", "1.4 times"]), "{said:#?}");
        assert!(says(&["baseline instead of main (another profile)", "2.2 times"]), "{said:#?}");
        assert!(says(&["baseline at 5 frames/s instead of 10", "cameras instead of"]), "{said:#?}");
        assert!(!says(&["most is spent on the model"]), "{said:#?}");
        assert_eq!(said.len(), 4, "{said:#?}");
    }

    #[test]
    fn a_dear_model_is_named() {
        let dear = Stream { costs: costs(0.3, 60.0), ..stream("small", Codec::H264, "main", (640, 360), 0.3) };
        let said = advice(&[dear], TWO_CORES);
        assert_eq!(said.len(), 1, "{said:#?}");
        assert!(said[0].contains("the model, 60 ms each time") && said[0].contains("cameras instead of"), "{said:#?}");
    }

    #[test]
    fn there_is_no_advice_without_streams_or_where_memory_is_what_lacks() {
        assert!(advice(&[], TWO_CORES).is_empty());
        let small = Machine { memory: 16 * MIB, ..TWO_CORES };
        assert_eq!(advice(&[stream("small", Codec::H264, "main", (640, 360), 0.3)], small), [""; 0]);
    }
}
