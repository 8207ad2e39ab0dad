//! Names of users and tokens.

use super::Invalid;

/// The longest name, in characters.
const MAX_NAME: usize = 64;

/// Refuses what is no name: 1 to 64 of ASCII letters, digits, `.`, `_`, `-` and `@`. The error says so.
pub(super) fn check(name: &str) -> Result<(), Invalid> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
    if (1..=MAX_NAME).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    let message = format!("must be 1 to {MAX_NAME} of the letters a-z and A-Z, digits, '.', '_', '-' and '@'");
    Err(Invalid { key: "name", message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for name in ["a", "ada.lovelace@example.com", "Guard_1-b", &"x".repeat(64)] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        for name in ["", "a b", "a\n", "../x", "a\0", "ä", "<b>", "'; --", &"x".repeat(65)] {
            assert!(check(name).is_err(), "{name}");
        }
    }
}
