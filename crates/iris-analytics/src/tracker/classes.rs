//! Which classes may be one object. Knows names and votes, nothing of boxes.

use iris_core::ClassId;
use smallvec::SmallVec;

/// Classes that detectors mistake for each other, so that a track may change between them.
const MISTAKEN: [&[&str]; 2] =
    [&["car", "truck", "bus", "van", "vehicle", "suv", "pickup"], &["bicycle", "motorcycle", "motorbike", "scooter"]];

/// Says which classes a track may change between: those of one group. By default each class is a group of its own.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClassGroups {
    /// The group of each class, named by its first class.
    first: Vec<u16>,
}

impl ClassGroups {
    /// Groups a model's classes, given in the order of their ids, by their English names: vehicles with four or more
    /// wheels are one group, two-wheelers another, every other class is alone. A person is never a vehicle.
    pub fn by_name<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        let mut leaders = [None; MISTAKEN.len()];
        let group = |(class, name): (u16, S)| {
            let name = name.as_ref().to_ascii_lowercase();
            let set = MISTAKEN.iter().position(|set| set.contains(&name.as_str()));
            set.map_or(class, |set| *leaders[set].get_or_insert(class))
        };
        Self { first: (0..).zip(names).map(group).collect() }
    }

    pub(super) fn of(&self, class: ClassId) -> u16 {
        self.first.get(usize::from(class.0)).copied().unwrap_or(class.0)
    }
}

/// What a track is, by the sum of the scores of its detections.
#[derive(Debug, Clone)]
pub(super) struct Votes(SmallVec<[(ClassId, f32); 4]>);

impl Votes {
    pub(super) fn new(class: ClassId, score: f32) -> Self {
        Self(SmallVec::from_slice(&[(class, score)]))
    }

    /// Counts a detection and returns the class that leads; of equal ones, the one seen first.
    pub(super) fn add(&mut self, class: ClassId, score: f32) -> ClassId {
        match self.0.iter_mut().find(|(known, _)| *known == class) {
            Some((_, sum)) => *sum += score,
            None => self.0.push((class, score)),
        }
        self.0
            .iter()
            .copied()
            .reduce(|best, next| if next.1 > best.1 { next } else { best })
            .unwrap_or((class, score))
            .0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vehicles_are_one_group_and_people_are_not_in_it() {
        let groups = ClassGroups::by_name(["person", "bicycle", "Car", "motorcycle", "dog", "truck"]);
        let of = |class| groups.of(ClassId(class));
        assert_eq!([of(0), of(1), of(2), of(3), of(4), of(5), of(77)], [0, 1, 2, 1, 4, 2, 77]);
    }

    #[test]
    fn the_greater_sum_of_scores_wins() {
        let (car, truck) = (ClassId(2), ClassId(7));
        let mut votes = Votes::new(car, 0.5);
        assert_eq!(votes.add(truck, 0.5), car);
        assert_eq!(votes.add(truck, 0.1), truck);
        assert_eq!(votes.add(car, 0.2), car);
    }
}
