//! Passwords: which are taken, and how they are kept.
//!
//! Hashed by Argon2id with the parameters that OWASP's password storage cheat sheet recommends: 19 MiB, two passes, one
//! lane. That takes tens of milliseconds and all of a core: call it on a thread for such work.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

/// The shortest password, in characters.
pub const MIN_PASSWORD: usize = 12;
/// The longest password, in characters.
pub const MAX_PASSWORD: usize = 128;
/// How many different characters a password has at least.
const MIN_VARIETY: usize = 5;
/// What everyone tries first. A password that holds one of these must have enough beside it.
const COMMON: [&str; 16] = [
    "password", "passwort", "qwerty", "qwertz", "letmein", "welcome", "admin", "iris", "camera", "secret", "changeme",
    "iloveyou", "monkey", "dragon", "football", "security",
];
/// What must be left of a password without its common words, its sequences and the user's name.
const MIN_REST: usize = 6;

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Too short or too long.
    #[error("a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters")]
    Length,
    /// Too easy.
    #[error(
        "this password is easily guessed: it is little more than a common word, the user's name, a sequence or a repetition"
    )]
    Common,
}

/// Refuses passwords that are too short, too long, or tried first by whoever guesses: those with fewer than five
/// different characters, and those of which fewer than six characters are left without common words, the user's name,
/// and characters that repeat or follow on the one before.
pub fn check_password(password: &str, user: &str) -> Result<(), Refusal> {
    if !(MIN_PASSWORD..=MAX_PASSWORD).contains(&password.chars().count()) {
        return Err(Refusal::Length);
    }
    let mut rest = password.to_lowercase();
    for word in COMMON.into_iter().chain([&*user.to_lowercase()]).filter(|word| !word.is_empty()) {
        rest = rest.replace(word, "");
    }
    let variety = rest.chars().collect::<std::collections::BTreeSet<_>>().len();
    if variety < MIN_VARIETY || surprising(&rest) < MIN_REST { Err(Refusal::Common) } else { Ok(()) }
}

/// How many characters neither repeat the one before nor are its neighbour in the alphabet.
fn surprising(text: &str) -> usize {
    let codes: Vec<u32> = text.chars().map(u32::from).collect();
    usize::from(!codes.is_empty()) + codes.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) > 1).count()
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// What is stored of a password, in the PHC string format, with a salt of its own.
///
/// # Errors
/// There is no memory for it.
pub fn hash_password(password: &str) -> argon2::password_hash::Result<String> {
    let salt: [u8; 16] = rand::random();
    argon2().hash_password_with_salt(password.as_bytes(), &salt).map(|hash: PasswordHash| hash.to_string())
}

/// Whether a password is the one that was hashed. Without a hash (there is no such user) it takes as long, and is not.
pub fn verify_password(password: &str, hash: Option<&str>) -> bool {
    // Of no password: 32 bytes that were never a hash.
    const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5$bm9ib2R5bm9ib2R5bm9ib2R5bm9ib2R5bm9ib2R5bm8";
    let matches = argon2().verify_password(password.as_bytes(), hash.unwrap_or(NOBODY)).is_ok();
    matches && hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_verified_by_its_hash() {
        let hash = hash_password("correct horse battery").expect("hashed");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(verify_password("correct horse battery", Some(&hash)));
        assert!(!verify_password("correct horse batterz", Some(&hash)));
        assert!(!verify_password("correct horse battery", None));
        assert_ne!(Ok(hash), hash_password("correct horse battery"));
    }

    #[test]
    fn nobody_has_a_hash_of_the_same_cost() {
        assert!(!verify_password("", None));
        let nobody = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5$bm9ib2R5bm9ib2R5bm9ib2R5bm9ib2R5bm9ib2R5bm8";
        assert!(PasswordHash::new(nobody).is_ok(), "else refusing it would take no time");
    }

    #[test]
    fn easy_passwords_are_refused() {
        for (password, refusal) in [
            ("short", Refusal::Length),
            (&*"x9-kQ".repeat(26), Refusal::Length),
            ("aaaaaaaaaaaaaaaa", Refusal::Common),
            ("abababababababab", Refusal::Common),
            ("123456789012345", Refusal::Common),
            ("abcdefghijklmnop", Refusal::Common),
            ("Password1234", Refusal::Common),
            ("ada.lovelace-ada.lovelace", Refusal::Common),
            ("adminadmin12345", Refusal::Common),
        ] {
            assert_eq!(check_password(password, "ada.lovelace"), Err(refusal), "{password}");
        }
    }

    #[test]
    fn good_passwords_are_taken() {
        for password in ["correct horse battery", "Tr0ub4dor&3xyz", "größe-weiß-öl!", "6?wQz 91kLm-"] {
            assert_eq!(check_password(password, "ada"), Ok(()), "{password}");
        }
    }
}
