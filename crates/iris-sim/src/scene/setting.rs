//! The hour, the weather and what disturbs the picture: words on the command line, and the light they make.

use std::fmt;
use std::str::FromStr;

use super::light::{Light, sun_at};
use super::space::{V3, grey, v};
use crate::Error;

/// The hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hour {
    /// The sun is up.
    #[default]
    Day,
    /// The sun is low and the sky dim.
    Dusk,
    /// Lamps only, and a noisy sensor.
    Night,
    /// Night, seen by the camera's own infrared light.
    Infrared,
}

/// The weather.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Weather {
    /// Nothing between the sun and the ground.
    #[default]
    Clear,
    /// Clouds: no shadows but soft ones.
    Overcast,
    /// Streaks, wet ground and haze.
    Rain,
    /// Flakes and white ground.
    Snow,
}

/// What disturbs the picture but is no alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Trees sway in strong wind.
    Wind,
    /// The mast shakes.
    Shake,
    /// An insect walks over the lens.
    Insect,
    /// Headlights of a car that is not seen sweep over the scene.
    Headlights,
    /// The lamps are switched on and off.
    Switch,
}

/// How a scene is to be seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Setting {
    /// The hour.
    pub hour: Hour,
    /// The weather; there is none indoors.
    pub weather: Weather,
    /// In any number.
    pub effects: Vec<Effect>,
}

const HOURS: [(&str, Hour); 4] =
    [("day", Hour::Day), ("dusk", Hour::Dusk), ("night", Hour::Night), ("infrared", Hour::Infrared)];
const WEATHERS: [(&str, Weather); 4] =
    [("clear", Weather::Clear), ("overcast", Weather::Overcast), ("rain", Weather::Rain), ("snow", Weather::Snow)];
const EFFECTS: [(&str, Effect); 5] = [
    ("wind", Effect::Wind),
    ("shake", Effect::Shake),
    ("insect", Effect::Insect),
    ("headlights", Effect::Headlights),
    ("switch", Effect::Switch),
];

impl Effect {
    /// Its word.
    pub fn word(self) -> &'static str {
        EFFECTS.iter().find(|(_, e)| *e == self).map_or("", |(word, _)| *word)
    }
}

fn find<T: Copy>(table: &[(&str, T)], word: &str) -> Option<T> {
    table.iter().find(|(name, _)| *name == word).map(|(_, value)| *value)
}

impl Setting {
    /// All words that a setting is made of.
    pub fn words() -> impl Iterator<Item = &'static str> {
        HOURS.iter().map(|(w, _)| *w).chain(WEATHERS.iter().map(|(w, _)| *w)).chain(EFFECTS.iter().map(|(w, _)| *w))
    }

    /// Whether an effect was asked for.
    pub fn has(&self, effect: Effect) -> bool {
        self.effects.contains(&effect)
    }

    /// Changes what a word names.
    pub fn with(mut self, word: &str) -> Result<Self, Error> {
        if let Some(hour) = find(&HOURS, word) {
            self.hour = hour;
        } else if let Some(weather) = find(&WEATHERS, word) {
            self.weather = weather;
        } else {
            let unknown =
                || Error::UnknownSetting { word: word.into(), known: Self::words().collect::<Vec<_>>().join(", ") };
            self.effects.push(find(&EFFECTS, word).ok_or_else(unknown)?);
        }
        Ok(self)
    }

    /// The light of a place, but for its lamps.
    pub(crate) fn light(&self, indoor: bool) -> Light {
        let base = if indoor { self.indoors() } else { self.outdoors() };
        let dim = |light: Light| Light { horizon: light.horizon * 0.9, ..light };
        if self.weather == Weather::Clear { base } else { dim(base) }
    }

    fn indoors(&self) -> Light {
        let fill = grey(match self.hour {
            Hour::Day | Hour::Dusk => 0.30,
            Hour::Night => 0.04,
            Hour::Infrared => 0.004,
        });
        let light = Light { sun: grey(0.0), sky: fill * 1.1, horizon: fill, bounce: fill * 0.8, ..NOON };
        match self.hour {
            Hour::Day | Hour::Dusk => Light { exposure: 1.2, noise: 1.2, ..light },
            Hour::Night => Light { exposure: 2.5, noise: 6.0, ..light },
            Hour::Infrared => Light { exposure: 1.0, noise: 5.0, infrared: true, ..light },
        }
    }

    fn outdoors(&self) -> Light {
        let cloudy = self.weather != Weather::Clear;
        match self.hour {
            Hour::Day if cloudy => Light {
                sun: grey(0.0),
                sky: v(0.72, 0.74, 0.77),
                horizon: v(0.70, 0.71, 0.73),
                bounce: grey(0.22),
                exposure: 1.25,
                ..NOON
            },
            Hour::Day => NOON,
            Hour::Dusk => Light {
                sun_at: sun_at(9.0, -70.0),
                sun: if cloudy { grey(0.0) } else { v(0.55, 0.30, 0.14) },
                sky: v(0.13, 0.16, 0.25),
                horizon: v(0.30, 0.24, 0.22),
                bounce: v(0.07, 0.06, 0.055),
                exposure: 2.2,
                noise: 4.0,
                lamps_on: 1.0,
                ..NOON
            },
            Hour::Night => Light {
                sun: grey(0.0),
                sky: v(0.012, 0.014, 0.022),
                horizon: v(0.03, 0.028, 0.026),
                bounce: grey(0.008),
                exposure: 3.0,
                noise: 9.0,
                ..NOON
            },
            Hour::Infrared => Light {
                sun: grey(0.0),
                sky: grey(0.008),
                horizon: grey(0.012),
                bounce: grey(0.004),
                exposure: 1.3,
                noise: 7.0,
                infrared: true,
                lamps_on: 0.15,
                ..NOON
            },
        }
    }
}

/// A clear day.
const NOON: Light = Light {
    sun_at: v(-0.50, -0.42, 0.757),
    sun: v(1.25, 1.17, 1.02),
    sky: v(0.26, 0.36, 0.52),
    horizon: v(0.52, 0.58, 0.64),
    bounce: V3 { x: 0.20, y: 0.19, z: 0.17 },
    lamps: Vec::new(),
    lamps_on: 1.0,
    beams: Vec::new(),
    infrared: false,
    exposure: 0.85,
    noise: 1.0,
};

impl FromStr for Setting {
    type Err = Error;

    /// Words with `+` between them, such as `night+rain+shake`.
    fn from_str(text: &str) -> Result<Self, Error> {
        text.split('+').filter(|word| !word.is_empty()).try_fold(Self::default(), Self::with)
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hour = HOURS.iter().find(|(_, h)| *h == self.hour).map_or("", |(n, _)| *n);
        let weather = WEATHERS.iter().find(|(_, w)| *w == self.weather).map_or("", |(n, _)| *n);
        write!(f, "{hour}+{weather}")?;
        self.effects.iter().try_for_each(|e| write!(f, "+{}", e.word()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_make_a_setting_and_back() {
        let setting: Setting = "night+rain+shake+insect".parse().expect("known words");
        assert_eq!((setting.hour, setting.weather), (Hour::Night, Weather::Rain));
        assert!(setting.has(Effect::Shake) && setting.has(Effect::Insect) && !setting.has(Effect::Wind));
        assert_eq!(setting.to_string(), "night+rain+shake+insect");
    }

    #[test]
    fn an_unknown_word_is_named_with_those_that_are_known() {
        let error = "night+hail".parse::<Setting>().expect_err("taken").to_string();
        assert!(error.contains("hail") && error.contains("snow"), "{error}");
    }
}
