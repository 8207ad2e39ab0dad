//! Keys of 256 random bits: sessions, tokens, and the one that sets Iris up.
//!
//! A key is shown once to whom it belongs. What is stored is its SHA-256, which is enough against guessing because a
//! key has as many bits; passwords, which have not, are the business of [`super::password`].

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

/// A key in the hands of its owner. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

/// What is stored of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl Key {
    /// What a token's text starts with, so that one that lies around is recognised.
    const MARK: &str = "iris_";

    /// A new key, from the operating system's randomness.
    pub fn generate() -> Self {
        Self(rand::random())
    }

    /// Reads what [`Self::text`] or [`Self::token`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(Self::MARK).unwrap_or(text).as_bytes();
        let mut key = [0; 32];
        if digits.len() != 2 * key.len() {
            return None;
        }
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16);
            *byte = (digit(0)? * 16 + digit(1)?) as u8;
        }
        Some(Self(key))
    }

    /// The key as text, in 64 hexadecimal digits.
    pub fn text(&self) -> String {
        self.0
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .filter_map(|digit| char::from_digit(digit.into(), 16))
            .collect()
    }

    /// The key as the text of a token.
    pub fn token(&self) -> String {
        format!("{}{}", Self::MARK, self.text())
    }

    /// What is stored of it.
    pub fn digest(&self) -> Digest {
        Digest(Sha256::digest(self.0).into())
    }

    /// Another key that only someone who has this one can compute, and from which this one cannot be told.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Self {
        // HMAC fills a key up to a block of its hash.
        let mut block = [0; 64];
        block[..self.0.len()].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(purpose.as_bytes());
        Self(mac.finalize().into_bytes().into())
    }

    /// Whether two keys are the same, in a time that does not tell where they differ.
    pub fn equals(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_being_written_down() {
        let key = Key::generate();
        assert_eq!(Key::parse(&key.text()), Some(key.clone()));
        assert_eq!(Key::parse(&key.token()), Some(key.clone()));
        assert_ne!(key, Key::generate());
        assert_eq!(format!("{key:?}"), "***");
    }

    #[test]
    fn what_is_no_key_is_none() {
        let text = Key::generate().text();
        let wrong =
            [String::new(), "iris_".into(), text[1..].into(), format!("{text}0"), "g".repeat(64), "ä".repeat(32)];
        assert!(wrong.iter().all(|text| Key::parse(text).is_none()));
    }

    #[test]
    fn a_derived_key_is_another_and_always_the_same() {
        let key = Key::generate();
        assert!(key.derive("csrf").equals(&key.derive("csrf")));
        assert!(!key.derive("csrf").equals(&key) && !key.derive("csrf").equals(&key.derive("other")));
    }
}
