//! Writes the table of traditional Chinese characters and their simplified forms, one to one, that
//! `src/fold.rs` includes. It comes from OpenCC's dictionaries, and is made here so that no process has to load
//! them.

use std::{env, error::Error, fmt::Write as _, fs, path::PathBuf};

use ferrous_opencc::{OpenCC, config::BuiltinConfig};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    let converter = OpenCC::from_config(BuiltinConfig::T2s)?;
    let blocks = [0x3400..=0x4DBF, 0x4E00..=0x9FFF, 0xF900..=0xFAFF, 0x20000..=0x2FA1F];
    let mut table = String::from("[\n");
    for traditional in blocks.into_iter().flatten().filter_map(char::from_u32) {
        let converted = converter.convert(&traditional.to_string());
        let mut characters = converted.chars();
        if let (Some(simplified), None) = (characters.next(), characters.next())
            && simplified != traditional
        {
            writeln!(table, "({traditional:?}, {simplified:?}),")?;
        }
    }
    table.push(']');
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("simplified.rs"), table)?;
    Ok(())
}
