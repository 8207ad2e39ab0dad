//! Who is in a scene: each actor has a role and a journey, and at each moment is one or two things to be drawn.

use super::animal;
use super::figure::skeleton::{Act, Posture, Skeleton, pose};
use super::figure::{body, wardrobe::Looks};
use super::mesh::Mesh;
use super::paint::Paint;
use super::script::{Journey, Moment};
use super::space::{V3, smooth};
use super::vehicle::{Form, Kind, bicycle, shape};

/// What an actor is.
#[derive(Debug, Clone)]
pub(crate) enum Role {
    Person(Looks),
    Vehicle { kind: Kind, lacquer: V3 },
    Cyclist { looks: Looks, bicycle: V3 },
    Dog { fur: V3 },
}

/// Somebody or something that moves.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    pub(crate) role: Role,
    pub(crate) journey: Journey,
}

/// What detectors call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Also one on a bicycle.
    Person,
    /// Without its rider.
    Bicycle,
    /// Also a van.
    Car,
    /// A truck.
    Truck,
    /// A dog.
    Dog,
}

impl Class {
    /// The name and the number of COCO's category.
    pub fn coco(self) -> (&'static str, u32) {
        match self {
            Self::Person => ("person", 1),
            Self::Bicycle => ("bicycle", 2),
            Self::Car => ("car", 3),
            Self::Truck => ("truck", 8),
            Self::Dog => ("dog", 18),
        }
    }
}

/// Something to be drawn.
#[derive(Debug)]
pub(crate) struct Thing {
    /// From 1; never used again in the scene.
    pub(crate) id: u16,
    pub(crate) class: Class,
    pub(crate) mesh: Mesh,
    pub(crate) paints: Vec<Paint>,
    pub(crate) at: V3,
    pub(crate) heading: f32,
    pub(crate) person: Option<Person>,
    /// "van" and the like, where the class does not say it.
    pub(crate) kind: Option<&'static str>,
    /// Its headlights are on.
    pub(crate) lit: bool,
}

/// What is known of a person at a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Person {
    pub(crate) skeleton: Skeleton,
    pub(crate) height: f32,
    pub(crate) act: Act,
    pub(crate) helmet: bool,
    pub(crate) vest: bool,
}

impl Actor {
    /// What is to be drawn of the actor with this number at this time. `lit` says whether cars have their lamps on.
    pub(crate) fn things(&self, number: usize, time: f32, lit: bool) -> Vec<Thing> {
        let Some(now) = self.journey.at(time) else { return Vec::new() };
        let id = (number * 2 + 1) as u16;
        match &self.role {
            Role::Person(looks) => vec![person(id, looks, &now, time)],
            Role::Vehicle { kind, lacquer } => vec![vehicle(id, *kind, *lacquer, &now, lit && now.is_moving)],
            Role::Cyclist { looks, bicycle } => cyclist(id, looks, *bicycle, &now, time),
            Role::Dog { fur } => {
                let mesh = animal::mesh(now.gone / animal::STRIDE);
                vec![thing(id, Class::Dog, mesh, animal::paints(*fur, u32::from(id)), &now)]
            }
        }
    }
}

fn thing(id: u16, class: Class, mut mesh: Mesh, paints: Vec<Paint>, now: &Moment) -> Thing {
    for vertex in &mut mesh.vertices {
        vertex.at = vertex.at.turn(now.heading) + now.at;
        vertex.normal = vertex.normal.turn(now.heading);
    }
    Thing { id, class, mesh, paints, at: now.at, heading: now.heading, person: None, kind: None, lit: false }
}

/// A posture on its way from what was done before.
fn posture(now: &Moment) -> Posture {
    now.before.posture(9.0).mix(now.act.posture(now.since), smooth(0.0, 0.6, now.since))
}

fn of_person(mut thing: Thing, skeleton: &Skeleton, looks: &Looks, now: &Moment) -> Thing {
    let place = |p: V3| p.turn(now.heading) + now.at;
    thing.person = Some(Person {
        skeleton: skeleton.map(place, |d| d.turn(now.heading)),
        height: looks.height,
        act: now.act,
        helmet: looks.helmet.is_some(),
        vest: looks.vest.is_some(),
    });
    thing
}

fn person(id: u16, looks: &Looks, now: &Moment, time: f32) -> Thing {
    let idle = time + (looks.seed % 1000) as f32;
    let cycle = now.strides / looks.height + (looks.seed % 7) as f32 / 7.0;
    let skeleton = pose(posture(now), looks.height, cycle, idle);
    let drawn = thing(id, Class::Person, body::mesh(&skeleton, looks), body::paints(looks), now);
    of_person(drawn, &skeleton, looks, now)
}

fn vehicle(id: u16, kind: Kind, lacquer: V3, now: &Moment, lit: bool) -> Thing {
    let form: Form = kind.form();
    let class = if kind == Kind::Truck { Class::Truck } else { Class::Car };
    let drawn = thing(id, class, shape::mesh(&form), shape::paints(form, lacquer, lit), now);
    Thing { kind: (kind == Kind::Van).then_some("van"), lit, ..drawn }
}

fn cyclist(id: u16, looks: &Looks, colour: V3, now: &Moment, time: f32) -> Vec<Thing> {
    let turns = now.gone / 4.5;
    let sitting = pose(Act::Ride.posture(now.since), looks.height, 0.0, time);
    let skeleton = bicycle::seat(sitting, looks.height, turns);
    let rider = thing(id, Class::Person, body::mesh(&skeleton, looks), body::paints(looks), now);
    let bicycle = thing(id + 1, Class::Bicycle, bicycle::mesh(), bicycle::paints(colour), now);
    vec![of_person(rider, &skeleton, looks, now), bicycle]
}
