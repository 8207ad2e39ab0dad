//! What both took, round by round, and how they compare.

use std::fmt::Write as _;

use serde::Serialize;

/// A round of one of the two.
#[derive(Debug, Clone, Default)]
pub(super) struct Round {
    pub(super) seconds: f64,
    /// How long each request took, in seconds.
    pub(super) latencies: Vec<f64>,
    /// How many boxes there are in the picture.
    pub(super) boxes: usize,
    /// Processor time of the server.
    pub(super) cpu_seconds: f64,
}

/// What one of the two does, over all rounds: the median of the rounds for what a round has one of.
#[derive(Debug, Serialize)]
struct Figures {
    requests_a_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    cpu_ms_a_request: f64,
    boxes: usize,
}

/// Both, and the model alone.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    model: &'static str,
    clients: usize,
    /// Processor time of a run of the model in Python, without anything around it, on both cores at once: the median of the rounds.
    model_alone_ms: f64,
    iris: Option<Figures>,
    flask: Option<Figures>,
    /// Of each round, Iris's figure over the other's: the median, the least and the most.
    requests_ratio: Option<[f64; 3]>,
    p99_ratio: Option<[f64; 3]>,
    cpu_ratio: Option<[f64; 3]>,
    #[serde(skip)]
    rounds: Vec<(Round, Round)>,
    #[serde(skip)]
    alone: Vec<f64>,
}

impl Comparison {
    pub(super) fn new(model: &'static str, clients: usize) -> Self {
        Self {
            model,
            clients,
            model_alone_ms: 0.0,
            iris: None,
            flask: None,
            requests_ratio: None,
            p99_ratio: None,
            cpu_ratio: None,
            rounds: Vec::new(),
            alone: Vec::new(),
        }
    }

    /// Adds a round of both, and what the model alone took in it, in seconds.
    pub(super) fn add(&mut self, iris: Round, flask: Round, alone: f64) {
        self.alone.push(alone);
        self.model_alone_ms = median(self.alone.clone()) * 1000.0;
        self.rounds.push((iris, flask));
        let ratio = |of: fn(&Round) -> f64| {
            let mut ratios: Vec<f64> = self.rounds.iter().map(|(iris, flask)| of(iris) / of(flask)).collect();
            ratios.sort_unstable_by(f64::total_cmp);
            Some([quantile(&ratios, 0.5), *ratios.first()?, *ratios.last()?])
        };
        self.requests_ratio = ratio(Round::requests_a_second);
        self.p99_ratio = ratio(|round| round.quantile(0.99));
        self.cpu_ratio = ratio(Round::cpu_a_request);
        self.iris = Some(Figures::new(&self.rounds.iter().map(|(iris, _)| iris)));
        self.flask = Some(Figures::new(&self.rounds.iter().map(|(_, flask)| flask)));
    }

    /// For people.
    pub(super) fn table(&self) -> String {
        let (Some(iris), Some(flask)) = (&self.iris, &self.flask) else { return String::new() };
        let ratio = |ratio: &Option<[f64; 3]>| {
            ratio.map_or_else(String::new, |[mid, least, most]| format!("{mid:.2} ({least:.2} to {most:.2})"))
        };
        let mut text =
            format!("| {}, {} clients | Iris | Flask | Iris / Flask |\n|---|--:|--:|--:|\n", self.model, self.clients);
        let rows = [
            ("requests/s", iris.requests_a_second, flask.requests_a_second, ratio(&self.requests_ratio)),
            ("p50, ms", iris.p50_ms, flask.p50_ms, String::new()),
            ("p99, ms", iris.p99_ms, flask.p99_ms, ratio(&self.p99_ratio)),
            ("CPU, ms a request", iris.cpu_ms_a_request, flask.cpu_ms_a_request, ratio(&self.cpu_ratio)),
            ("boxes in the picture", iris.boxes as f64, flask.boxes as f64, String::new()),
        ];
        for (what, iris, flask, ratio) in rows {
            writeln!(text, "| {what} | {iris:.1} | {flask:.1} | {ratio} |").unwrap_or_default();
        }
        let above = |figures: &Figures| (figures.cpu_ms_a_request / self.model_alone_ms - 1.0) * 100.0;
        let (alone, iris, flask) = (self.model_alone_ms, above(iris), above(flask));
        writeln!(
            text,
            "\nThe model alone takes {alone:.1} ms of processor time; Iris {iris:.0} % more, Flask {flask:.0} % more."
        )
        .unwrap_or_default();
        text
    }
}

impl Round {
    fn requests_a_second(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds
    }

    fn cpu_a_request(&self) -> f64 {
        self.cpu_seconds / self.latencies.len() as f64
    }

    fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        quantile(&sorted, share)
    }
}

impl Figures {
    fn new<'a>(rounds: &(impl Iterator<Item = &'a Round> + Clone)) -> Self {
        let median = |of: &dyn Fn(&Round) -> f64| median(rounds.clone().map(of).collect());
        Self {
            requests_a_second: median(&Round::requests_a_second),
            p50_ms: median(&|round| round.quantile(0.5) * 1000.0),
            p99_ms: median(&|round| round.quantile(0.99) * 1000.0),
            cpu_ms_a_request: median(&|round| round.cpu_a_request() * 1000.0),
            boxes: rounds.clone().map(|round| round.boxes).max().unwrap_or(0),
        }
    }
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_unstable_by(f64::total_cmp);
    quantile(&all, 0.5)
}

/// By the nearest rank; 0 of nothing.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_compared_in_pairs() {
        let round = |seconds: f64, cpu_seconds: f64| {
            let latencies = (1..=100).map(|n| f64::from(n) * seconds / 100.0).collect();
            Round { seconds, latencies, boxes: 2, cpu_seconds }
        };
        let mut comparison = Comparison::new("m", 8);
        comparison.add(round(1.0, 1.1), round(4.0, 3.3), 0.009);
        comparison.add(round(2.0, 1.1), round(4.0, 3.3), 0.01);
        comparison.add(round(1.0, 1.1), round(3.0, 3.3), 0.02);
        assert_eq!(comparison.requests_ratio, Some([3.0, 2.0, 4.0]));
        let table = comparison.table();
        assert!(table.contains("| requests/s | 100.0 | 25.0 | 3.00 (2.00 to 4.00) |"), "{table}");
        assert!(table.contains("| p99, ms | 990.0 | 3960.0 | 0.33 (0.25 to 0.50) |"), "{table}");
        assert!(table.contains("alone takes 10.0 ms of processor time; Iris 10 % more, Flask 230 % more"), "{table}");
        let json = serde_json::to_value(&comparison).expect("JSON");
        assert_eq!((&json["iris"]["boxes"], json.get("rounds")), (&2.into(), None));
    }
}
