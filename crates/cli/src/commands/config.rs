//! `config`.

use docent::{Config, Error, ErrorKind, Result};
use serde_json::json;

use crate::{context::Context, exit::Exit};

pub(super) fn config(context: &Context, default: bool) -> Result<Exit> {
    let config = if default { Config::default() } else { context.config()? };
    if context.output.json {
        let file = context.home.config_file().display().to_string();
        context.output.object(&json!({ "file": file, "config": config }))?;
    } else {
        let text = toml::to_string(&config).map_err(|cause| {
            Error::new(ErrorKind::Internal, "cannot write the configuration").caused_by(cause)
        })?;
        context.output.bytes(text.as_bytes())?;
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use docent::Config;

    #[test]
    fn the_documented_file_is_the_default_one_and_every_key_is_explained() {
        let page = include_str!("../../../../docs/configuration.md");
        let default = Config::default_file().unwrap();
        assert!(page.contains(default.trim()), "docs/configuration.md does not show:\n{default}");
        for key in default.lines().filter_map(|line| line.split_once(" = ")).map(|(key, _)| key) {
            assert!(page.contains(&format!("\n| `{key}` |")), "{key} is not explained");
        }
    }
}
