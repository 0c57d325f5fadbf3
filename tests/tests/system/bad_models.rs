//! Models and libraries that are missing or damaged: each is named, with the command that mends it, and nothing panics.

use std::{fs, os::unix::fs::symlink, path::Path};

use serde_json::Value;

use crate::{
    home::{Home, models, shown},
    invented::word,
};

/// A folder of models that has only these, by links to each of their files.
fn only(home: &Home, folder: &str, names: &[&str]) -> std::path::PathBuf {
    let folder = home.beside(folder);
    fs::create_dir_all(&folder).unwrap();
    for name in names {
        fs::create_dir(folder.join(name)).unwrap();
        for entry in fs::read_dir(models().join(name)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name() != "verified.json" {
                symlink(entry.path(), folder.join(name).join(entry.file_name())).unwrap();
            }
        }
    }
    folder
}

/// Replaces the link to a file by the first half of the file.
fn truncate(file: &Path) {
    let bytes = fs::read(file).unwrap();
    fs::remove_file(file).unwrap();
    fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
}

fn indexed() -> Home {
    let home = Home::small();
    home.write("gate.md", format!("# Gate\n\nThe gate of hall 4 opens at seven, says {}.\n", word(1)));
    home.add();
    home
}

#[track_caller]
fn assert_says(error: &Value, kind: &str, named: &str) {
    assert_eq!(error["kind"], kind, "{error}");
    let text = format!("{} {}", error["message"], error["path"]);
    assert!(text.contains(named), "{named} is not named: {error}");
    let hint = error["hint"].as_str().unwrap_or_default();
    assert!(hint.contains("docent models") || hint.contains("make models"), "no way out: {error}");
}

#[test]
fn missing_models() {
    let mut home = indexed();
    let none = home.beside("none");
    fs::create_dir(&none).unwrap();
    home.set_models(none.clone());
    home.write("new.md", "# New\n\nText.\n");
    assert_says(&home.error(1, &["index"]), "model_missing", "all-minilm-l6-v2");
    assert_says(&home.error(1, &["search", "gate"]), "model_missing", "all-minilm-l6-v2");
    assert_says(&home.error(1, &["ask", "When does the gate open?"]), "model_missing", "all-minilm-l6-v2");
    // Words need no model.
    assert_eq!(home.found(&["--mode", "lexical", &word(1)]).len(), 1);
    home.json(&["status"]);
    let listed = home.json(&["models", "list"]);
    assert!(listed["models"].as_array().unwrap().iter().all(|model| model["state"] == "missing"), "{listed}");
    let output = home.docent(&["doctor", "--json"]);
    assert_eq!(output.code, Some(1), "{output:?}");

    let output = home.docent(&["search", "gate"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{output:?}");
    assert!(output.stderr.contains("all-minilm-l6-v2") && output.stderr.contains("hint: "), "{output:?}");
    // Nothing is added before it is known that it can be indexed.
    let fresh = Home::small().with_models(none);
    fresh.write("a.md", "# A\n");
    assert_says(&fresh.error(1, &["add", &shown(&fresh.docs())]), "model_missing", "all-minilm-l6-v2");
    assert_eq!(fresh.json(&["status"])["roots"], Value::Array(Vec::new()));
}

#[test]
fn a_missing_generator() {
    let mut home = indexed();
    let models = only(&home, "models", &["all-minilm-l6-v2", "onnxruntime"]);
    home.set_models(models);
    assert_says(
        &home.error(1, &["ask", "When does the gate of hall 4 open?"]),
        "model_missing",
        "smollm2-135m-instruct",
    );
    assert_eq!(home.found(&["gate"]).len(), 1, "searching does without");
}

#[test]
fn a_missing_runtime() {
    let mut home = indexed();
    let models = only(&home, "models", &["all-minilm-l6-v2", "smollm2-135m-instruct"]);
    home.set_models(models);
    let system = ["/usr/local/lib", "/usr/lib", "/usr/lib64", "/usr/lib/x86_64-linux-gnu"];
    if system.iter().any(|folder| Path::new(folder).join("libonnxruntime.so").exists()) {
        eprintln!("skipped: this system has an ONNX Runtime of its own");
        return;
    }
    let output = home.docent(&["search", "gate", "--json"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert_says(&output.json()["error"], "runtime_missing", "onnxruntime");
    assert!(!output.stderr.contains("panicked"), "{output:?}");
    assert_eq!(home.found(&["--mode", "lexical", &word(1)]).len(), 1);
}

#[test]
fn damaged_models() {
    let mut home = indexed();
    let models =
        only(&home, "models", &["all-minilm-l6-v2", "smollm2-135m-instruct", "onnxruntime", "pdfium"]);
    home.set_models(models.clone());
    assert_eq!(home.found(&["gate"]).len(), 1, "links are as good as files");

    truncate(&models.join("smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf"));
    let question = ["ask", "When does the gate of hall 4 open?"];
    assert_says(&home.error(1, &question), "model_damaged", "smollm2-135m-instruct");
    truncate(&models.join("all-minilm-l6-v2/model_int8.onnx"));
    assert_says(&home.error(1, &["search", "gate"]), "model_damaged", "all-minilm-l6-v2");
    home.write("new.md", "# New\n\nText.\n");
    assert_says(&home.error(1, &["index"]), "model_damaged", "all-minilm-l6-v2");
    let listed = home.json(&["models", "list"]);
    let state = |name: &str| {
        let models = listed["models"].as_array().unwrap();
        models.iter().find(|model| model["name"] == name).map(|model| model["state"].clone()).unwrap()
    };
    assert_eq!(state("all-minilm-l6-v2"), "damaged", "{listed}");
    assert_eq!(state("onnxruntime"), "installed", "{listed}");

    // Importing the sound files mends them.
    let sound = crate::home::models();
    for name in ["all-minilm-l6-v2", "smollm2-135m-instruct"] {
        home.json(&["models", "import", &shown(&sound.join(name))]);
    }
    home.json(&["index"]);
    assert_eq!(home.found(&["new"]).len().min(1), 1);
    assert_eq!(home.json(&question)["answered"], true);
    home.assert_clean();
}
