//! `iris-sim render`: a scene and its truth into a folder.

use std::path::PathBuf;

use super::look::{Look, render_all};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The scene, with words about its hour, its weather and disturbances if wanted, such as `yard+night+rain`.
    scene: String,
    /// The folder to write to; it is made if it is missing.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// What all that is left to chance comes from.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    look: Look,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let recipe = args.look.recipe(&args.scene, args.seed)?;
    for rendered in render_all(&[recipe])? {
        rendered.write(&args.out)?;
    }
    Ok(())
}
