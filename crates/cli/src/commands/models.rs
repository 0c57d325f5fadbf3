//! `models`: list, pull, import, use.

use std::{fs, path::Path};

use docent::{
    Client, Config, Error, ErrorKind, IoContext as _, ModelStore, PullOptions, Pulled, Result, Role,
};
use serde_json::{Value, json};
use toml_edit::{DocumentMut, Item, Table};

use super::absolute;
use crate::{
    args::{ModelsCommand, RoleArg},
    context::Context,
    exit::Exit,
    print,
    progress::Meter,
};

/// What a machine is taken to have where the platform does not say: 4 GB.
const UNKNOWN_MEMORY: u64 = 4 << 30;

pub(super) fn run(context: &Context, command: ModelsCommand) -> Result<Exit> {
    match command {
        ModelsCommand::List => list(context),
        ModelsCommand::Pull { name } => pull(context, name),
        ModelsCommand::Import { path } => import(context, &path),
        ModelsCommand::Use { role, name } => choose(context, role, &name),
    }
}

fn list(context: &Context) -> Result<Exit> {
    let store = context.models()?;
    let models = store.list()?;
    let folder = store.folder().display().to_string();
    if context.output.json {
        context.output.object(&json!({ "folder": folder, "models": models }))?;
    } else {
        context.output.text(&print::models(&models, &folder))?;
    }
    Ok(Exit::Done)
}

fn pull(context: &Context, name: Option<String>) -> Result<Exit> {
    let store = context.models()?;
    let is_named = name.is_some();
    let names = match name {
        Some(name) => vec![name],
        None => store.default_set(docent::machine_memory().unwrap_or(UNKNOWN_MEMORY)),
    };
    let progress = Meter::new(context.output);
    let mut reports = Vec::new();
    let mut missing = Vec::new();
    for name in &names {
        let result = store.pull(name, &PullOptions::default(), &mut |state| {
            progress.pulling(state.model, state.file, state.done, state.total);
        });
        progress.clear();
        match result {
            Ok(pulled) => {
                if !context.output.json {
                    context.output.text(&in_words(&pulled))?;
                }
                reports.push(
                    json!({ "name": pulled.name, "downloaded": pulled.downloaded, "already": pulled.already }),
                );
            }
            // One that is on no hub does not keep the others away, but is a failure.
            Err(error) if !is_named && error.kind() == ErrorKind::ModelMissing => {
                missing.push(json!({ "name": name, "reason": error.message(), "hint": error.hint_text() }));
                context.output.note(&with_hint(&error));
            }
            Err(error) => return Err(error),
        }
    }
    if context.output.json {
        context.output.object(&json!({ "models": reports, "missing": missing }))?;
    }
    Ok(Exit::failed_if(!missing.is_empty()))
}

fn with_hint(error: &Error) -> String {
    format!("{}: {}", error.message(), error.hint_text().unwrap_or_default())
}

fn in_words(pulled: &Pulled) -> String {
    if pulled.already {
        format!("{} is installed already\n", pulled.name)
    } else {
        format!("{} is installed; {} downloaded\n", pulled.name, print::bytes(pulled.downloaded))
    }
}

fn import(context: &Context, path: &Path) -> Result<Exit> {
    let mut store = context.models()?;
    let progress = Meter::new(context.output);
    progress.doing("hashing files");
    let imported = store.import(&absolute(path)?);
    progress.clear();
    let imported = imported?;
    let refused: Vec<Value> = imported
        .refused
        .iter()
        .map(|error| json!({ "path": error.path(), "reason": error.message() }))
        .collect();
    context.output.result(&json!({ "models": imported.installed, "refused": refused }), |_| {
        imported.installed.iter().map(|name| format!("{name} is installed\n")).collect()
    })?;
    for error in &imported.refused {
        context.output.note(&with_hint(error));
    }
    Ok(Exit::failed_if(!imported.refused.is_empty()))
}

fn choose(context: &Context, role: RoleArg, name: &str) -> Result<Exit> {
    // A configuration with a mistake is reported as such, and left as it is.
    let store = context.models()?;
    let (key, wanted) = match role {
        RoleArg::Embedder => ("embedder", Role::Embedder),
        RoleArg::Reranker => ("reranker", Role::Reranker),
        RoleArg::Generator => ("generator", Role::Generator),
        RoleArg::Ocr => ("ocr", Role::Ocr),
    };
    let none = matches!(role, RoleArg::Reranker | RoleArg::Ocr) && matches!(name, "none" | "");
    if !none {
        check_role(&store, name, wanted)?;
    }
    let model = if none { "" } else { name };
    let file = context.home.config_file();
    let before = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(cause) => return Err(Error::io("read", &file, cause)),
    };
    let after = with_model(&before, key, model).map_err(|cause| {
        Error::new(ErrorKind::Config, format!("cannot edit {}", file.display())).at(&file).caused_by(cause)
    })?;
    toml::from_str::<Config>(&after).map_err(|cause| {
        Error::new(ErrorKind::Config, format!("cannot edit {}", file.display())).at(&file).caused_by(cause)
    })?;
    context.home.create()?;
    write_whole(&file, &after)?;
    let missing = if none { None } else { store.locate(name).err() };
    let mut notes = Vec::new();
    if let Some(error) = &missing {
        notes.push(with_hint(error));
    }
    if role == RoleArg::Reranker && !none {
        notes
            .push("this version of docent does not rerank yet: the setting is kept for one that does".into());
    }
    if Client::connect(&context.home).is_some() {
        notes.push("the docent that watches this home goes on with the old one until it is restarted".into());
    }
    let report = json!({
        "role": key,
        "model": model,
        "installed": missing.is_none(),
        "file": file.display().to_string(),
        "notes": notes,
    });
    context.output.result(&report, |_| {
        if none { format!("no model is the {key} now\n") } else { format!("{name} is the {key} now\n") }
    })?;
    for note in &notes {
        context.output.note(note);
    }
    Ok(Exit::Done)
}

fn check_role(store: &ModelStore, name: &str, wanted: Role) -> Result<()> {
    let fitting = || {
        let names = store.catalogue().models.iter().filter(|entry| entry.role == wanted);
        let names: Vec<&str> = names.map(|entry| entry.name.as_str()).collect();
        if names.is_empty() {
            "there is none yet".into()
        } else {
            format!("choose from: {}", names.join(", "))
        }
    };
    let role = wanted.as_str();
    match store.catalogue().get(name) {
        Err(error) => Err(error.hint(fitting())),
        Ok(entry) if entry.role != wanted => {
            let message = format!("{name} is not for the role {role} but for {}", entry.role.as_str());
            Err(Error::new(ErrorKind::Usage, message).hint(fitting()))
        }
        Ok(_) => Ok(()),
    }
}

/// The configuration `text` with `models.<key>` set to `model`; comments and order stay.
fn with_model(text: &str, key: &str, model: &str) -> std::result::Result<String, toml_edit::TomlError> {
    let mut document: DocumentMut = text.parse()?;
    let models = document.entry("models").or_insert_with(|| Item::Table(Table::new()));
    if let Some(models) = models.as_table_like_mut() {
        let mut value = toml_edit::Value::from(model);
        if let Some(old) = models.get(key).and_then(Item::as_value) {
            *value.decor_mut() = old.decor().clone();
        }
        models.insert(key, Item::Value(value));
    }
    Ok(document.to_string())
}

/// Writes a small file in one step, so that a kill leaves the old one or the new one.
fn write_whole(file: &Path, text: &str) -> Result<()> {
    let half = file.with_extension(format!("toml.{}", std::process::id()));
    fs::write(&half, text).doing("write", &half)?;
    fs::rename(&half, file).doing("write", file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_other_keys_stay() {
        let before =
            "# mine\n[models]\nthreads = 2 # of four\ngenerator = 'old' # small\n\n[search]\nhits = 5\n";
        insta::assert_snapshot!(with_model(before, "generator", "new").unwrap(), @r#"
        # mine
        [models]
        threads = 2 # of four
        generator = "new" # small

        [search]
        hits = 5
        "#);
    }

    #[test]
    fn an_empty_configuration_gets_a_table() {
        let text = with_model("", "embedder", "e5").unwrap();
        assert_eq!(text, "[models]\nembedder = \"e5\"\n");
        let config: Config = toml::from_str(&text).unwrap();
        assert_eq!(config.models.embedder, "e5");
        assert!(with_model("[models", "embedder", "e5").is_err());
    }

    #[test]
    fn unknown_names_are_refused_with_the_list() {
        let folder = tempfile::tempdir().unwrap();
        let store = ModelStore::open(folder.path()).unwrap();
        let error = check_role(&store, "nonsense", Role::Embedder).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.hint_text().unwrap().contains("multilingual-e5-small"), "{error:?}");
        let error = check_role(&store, "multilingual-e5-small", Role::Generator).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(!error.hint_text().unwrap().contains("multilingual-e5-small"), "{error:?}");
    }
}
