//! People: how they hold themselves ([`skeleton`]), what they wear ([`wardrobe`]) and what is drawn of them ([`body`]).
//! Where they go and when is the script's business.

pub(crate) mod body;
pub(crate) mod skeleton;
pub(crate) mod wardrobe;
