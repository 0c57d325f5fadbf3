//! Pulling from a local server that speaks the hub's paths, and importing what somebody carried in.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod server;

use std::{fs, path::Path, sync::atomic::Ordering, thread};

use docent_core::ErrorKind;
use docent_models::{Catalogue, ModelState, ModelStore, PullOptions, Pulled};
use server::{Fault, HubServer, sum};

fn weights() -> Vec<u8> {
    (0..300_000_u32).flat_map(u32::to_le_bytes).collect()
}

/// `big` on the hub, `small` from registries with `small-hub` standing in for it, `loose` without pins.
fn catalogue() -> Catalogue {
    let entry = |name: &str, sources: &str, more: &str, files: &str| {
        format!(
            "[[model]]\nname = '{name}'\nrole = 'generator'\nsummary = ''\nlanguages = []\nlicence = 'MIT'\n\
             memory_mb = 1\nsources = [{sources}]\nfiles = [{files}]\n{more}\n"
        )
    };
    let hub = "{ kind = 'hub', repo = 'org/repo', revision = 'abc', paths = { 'w.gguf' = 'deep/w.gguf' } }";
    let weights = weights();
    let pinned = format!(
        "{{ name = 'w.gguf', bytes = {}, sha256 = '{}' }}, {{ name = 'c.json', bytes = 2, sha256 = '{}' }}",
        weights.len(),
        sum(&weights),
        sum(b"{}")
    );
    let text = entry("big", hub, "default_from_mb = 100", &pinned)
        + &entry("small", "{ kind = 'registry' }", "default_from_mb = 0", "{ name = 's.gguf', bytes = 3 }")
        + &entry("small-hub", hub, "stands_in_for = 'small'", "{ name = 'w.gguf' }")
        + &entry("loose", hub, "", "{ name = 'w.gguf' }");
    Catalogue::from_manifest(&text, Path::new("test")).unwrap()
}

fn store(folder: &Path) -> ModelStore {
    ModelStore::with_catalogue(folder, catalogue()).unwrap()
}

fn pull(store: &ModelStore, name: &str, server: &HubServer) -> docent_core::Result<Pulled> {
    let options = PullOptions { endpoint: Some(server.endpoint()), token: None };
    store.pull(name, &options, &mut |_| {})
}

#[test]
fn a_model_is_pulled_verified_and_found() {
    let server = HubServer::start(weights(), Fault::None);
    let home = tempfile::tempdir().unwrap();
    let store = store(home.path());
    let error = store.locate("big").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ModelMissing);
    assert!(error.hint_text().unwrap().contains("docent models pull big"), "{error:?}");

    let mut seen = Vec::new();
    let options = PullOptions { endpoint: Some(server.endpoint()), token: None };
    let pulled =
        store.pull("big", &options, &mut |p| seen.push((p.file.to_owned(), p.done, p.total))).unwrap();
    let size = weights().len() as u64;
    assert_eq!(pulled, Pulled { name: "big".into(), downloaded: size + 2, already: false });
    assert!(seen.contains(&("w.gguf".into(), size, size)), "the progress never reached the end");
    assert!(seen.windows(2).all(|pair| pair[0].0 != pair[1].0 || pair[0].1 <= pair[1].1));

    let found = store.locate("big").unwrap();
    assert_eq!(found.entry.name, "big");
    assert_eq!(fs::read(found.main_file()).unwrap(), weights());
    let leftovers: Vec<_> = fs::read_dir(home.path().join(".downloads/big")).unwrap().collect();
    assert!(leftovers.is_empty(), "{leftovers:?}");

    let requests = server.requests.load(Ordering::SeqCst);
    assert!(pull(&store, "big", &server).unwrap().already);
    assert_eq!(server.requests.load(Ordering::SeqCst), requests, "an installed model needs no network");
}

#[test]
fn a_stand_in_is_pulled_under_its_own_name() {
    let server = HubServer::start(weights(), Fault::None);
    let home = tempfile::tempdir().unwrap();
    let store = store(home.path());
    assert_eq!(pull(&store, "small", &server).unwrap().name, "small-hub");
    assert_eq!(store.locate("small").unwrap().entry.name, "small-hub");
}

#[test]
fn wrong_bytes_are_refused_and_not_kept() {
    let server = HubServer::start(weights(), Fault::WrongBytes);
    let home = tempfile::tempdir().unwrap();
    let store = store(home.path());
    let error = pull(&store, "big", &server).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Download);
    assert!(error.message().contains("other bytes"), "{error:?}");
    assert_eq!(store.locate("big").unwrap_err().kind(), ErrorKind::ModelMissing);
    server.mend();
    pull(&store, "big", &server).unwrap();
    store.locate("big").unwrap();
}

#[test]
fn without_a_pin_the_hubs_own_hash_counts() {
    let home = tempfile::tempdir().unwrap();
    let server = HubServer::start(weights(), Fault::WrongBytes);
    assert_eq!(pull(&store(home.path()), "loose", &server).unwrap_err().kind(), ErrorKind::Download);
    server.mend();
    pull(&store(home.path()), "loose", &server).unwrap();
    // From then on the recorded hash is the pin.
    let file = home.path().join("loose/w.gguf");
    fs::write(&file, vec![0; 10]).unwrap();
    assert_eq!(store(home.path()).locate("loose").unwrap_err().kind(), ErrorKind::ModelDamaged);
}

#[test]
fn an_interrupted_download_goes_on() {
    let server = HubServer::start(weights(), Fault::CutAfter(700_000));
    let home = tempfile::tempdir().unwrap();
    let store = store(home.path());
    let error = pull(&store, "big", &server).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Download);
    assert_eq!(store.locate("big").unwrap_err().kind(), ErrorKind::ModelMissing);
    server.mend();
    let pulled = pull(&store, "big", &server).unwrap();
    assert_eq!(pulled.downloaded, weights().len() as u64 - 700_000 + 2, "it did not go on where it stopped");
    store.locate("big").unwrap();
}

#[test]
fn half_a_file_with_wrong_bytes_is_begun_again() {
    let server = HubServer::start(weights(), Fault::CutAfter(700_000));
    let home = tempfile::tempdir().unwrap();
    let store = store(home.path());
    pull(&store, "big", &server).unwrap_err();
    let half = find(home.path(), ".part").expect("no half file was kept");
    let mut bytes = fs::read(&half).unwrap();
    bytes[5] ^= 1;
    fs::write(&half, bytes).unwrap();
    server.mend();
    pull(&store, "big", &server).unwrap();
    assert_eq!(fs::read(store.locate("big").unwrap().main_file()).unwrap(), weights());
    // And one that is already as long as the whole: the hub has nothing left to send.
    fs::remove_dir_all(home.path().join("big")).unwrap();
    server.fail(Fault::CutAfter(700_000));
    pull(&store, "big", &server).unwrap_err();
    let half = find(home.path(), ".part").expect("no half file was kept");
    fs::write(&half, vec![7; weights().len()]).unwrap();
    server.mend();
    pull(&store, "big", &server).unwrap();
    assert_eq!(fs::read(store.locate("big").unwrap().main_file()).unwrap(), weights());
}

#[test]
fn a_hub_that_is_not_there_is_named_with_the_way_out() {
    let home = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let options = PullOptions { endpoint: Some(format!("http://127.0.0.1:{port}")), token: None };
    let error = store(home.path()).pull("big", &options, &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Download);
    assert!(error.message().contains(&port.to_string()), "{error:?}");
    assert!(error.hint_text().unwrap().contains("models import"), "{error:?}");
    let nonsense = PullOptions { endpoint: Some("hub".into()), token: None };
    assert_eq!(store(home.path()).pull("big", &nonsense, &mut |_| {}).unwrap_err().kind(), ErrorKind::Usage);
    let error = store(home.path()).pull("nothing", &options, &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_file_that_the_hub_lacks_is_an_error_and_no_panic() {
    let server = HubServer::start(weights(), Fault::NotFound);
    let home = tempfile::tempdir().unwrap();
    let error = pull(&store(home.path()), "big", &server).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Download);
    assert!(error.to_report().message.contains("404"), "{error:?}");
}

#[test]
fn two_pulls_at_once_download_once() {
    let server = HubServer::start(weights(), Fault::None);
    let home = tempfile::tempdir().unwrap();
    let pulls: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| pull(&store(home.path()), "big", &server).unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(pulls.iter().filter(|pulled| !pulled.already).count(), 1, "{pulls:?}");
    assert_eq!(fs::read(store(home.path()).locate("big").unwrap().main_file()).unwrap(), weights());
}

#[test]
fn a_folder_is_imported_whatever_its_files_are_called() {
    let home = tempfile::tempdir().unwrap();
    let from = tempfile::tempdir().unwrap();
    let deep = from.path().join("snapshots/abc");
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("renamed.bin"), weights()).unwrap();
    fs::write(from.path().join("README.md"), "hello").unwrap();

    let error = store(home.path()).import(from.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ModelMissing);
    assert!(error.message().contains("c.json"), "{error:?}");

    fs::write(deep.join("c.json"), "{}").unwrap();
    let mut store = store(home.path());
    assert_eq!(store.import(from.path()).unwrap().installed, ["big"]);
    assert_eq!(fs::read(store.locate("big").unwrap().main_file()).unwrap(), weights());
    assert!(deep.join("renamed.bin").exists(), "the original stays");
    assert_eq!(store.import(from.path()).unwrap().installed, ["big"], "importing again does no harm");
    assert_eq!(store.import(home.path()).unwrap().installed, ["big"], "nor does importing what is installed");
    store.locate("big").unwrap();
}

#[test]
fn a_copy_of_a_models_folder_brings_what_has_no_pin() {
    let server = HubServer::start(weights(), Fault::None);
    let there = tempfile::tempdir().unwrap();
    pull(&store(there.path()), "loose", &server).unwrap();

    let here = tempfile::tempdir().unwrap();
    assert_eq!(store(here.path()).import(there.path()).unwrap().installed, ["loose"]);
    let file = store(here.path()).locate("loose").unwrap().main_file().to_owned();
    assert_eq!(fs::read(&file).unwrap(), weights());

    // Other bytes than that machine had are not taken.
    let other = tempfile::tempdir().unwrap();
    fs::remove_file(there.path().join("loose/w.gguf")).unwrap();
    fs::write(there.path().join("loose/w.gguf"), "other").unwrap();
    assert_eq!(fs::read(&file).unwrap(), weights());
    assert!(store(other.path()).import(there.path()).is_err());
}

#[test]
fn a_file_that_was_cut_short_or_is_unknown_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let from = tempfile::tempdir().unwrap();
    let short = from.path().join("w.gguf");
    fs::write(&short, &weights()[..1000]).unwrap();
    let mut only_big = catalogue();
    only_big.models.truncate(1);
    let mut store = ModelStore::with_catalogue(home.path(), only_big).unwrap();
    assert_eq!(store.import(&short).unwrap_err().kind(), ErrorKind::ModelDamaged);
    let unknown = from.path().join("mine.gguf");
    fs::write(&unknown, "GGUF").unwrap();
    let error = store.import(&unknown).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.hint_text().unwrap().contains("docent-model.toml"), "{error:?}");
    assert_eq!(store.import(&from.path().join("absent")).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_damaged_model_is_named_and_keeps_no_other_away() {
    let home = tempfile::tempdir().unwrap();
    let from = tempfile::tempdir().unwrap();
    fs::write(from.path().join("w.gguf"), &weights()[..1000]).unwrap();
    let entry = |name: &str, file: &str, sum: &str| {
        format!(
            "[[model]]\nname = '{name}'\nrole = 'generator'\nsummary = ''\nlanguages = []\nlicence = 'MIT'\n\
             memory_mb = 1\nsources = [{{ kind = 'import' }}]\nfiles = [{{ name = '{file}', sha256 = '{sum}' }}]\n"
        )
    };
    // FIPS 180-4, the first example.
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let text = entry("whole", "abc.gguf", abc) + &entry("half", "w.gguf", &"0".repeat(64));
    let catalogue = Catalogue::from_manifest(&text, Path::new("test")).unwrap();
    let mut store = ModelStore::with_catalogue(home.path(), catalogue).unwrap();
    let error = store.import(from.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ModelDamaged, "{error:?}");

    fs::write(from.path().join("abc.gguf"), "abc").unwrap();
    let imported = store.import(from.path()).unwrap();
    assert_eq!(imported.installed, ["whole"]);
    assert_eq!(imported.refused.len(), 1);
    assert!(imported.refused[0].message().contains("half"), "{imported:?}");
}

#[cfg(unix)]
#[test]
fn links_are_followed_to_the_files_themselves() {
    use std::os::unix::fs::symlink;
    let home = tempfile::tempdir().unwrap();
    let from = tempfile::tempdir().unwrap();
    // As a hub's cache has them.
    for folder in ["blobs", "snapshots"] {
        fs::create_dir(from.path().join(folder)).unwrap();
    }
    fs::write(from.path().join("blobs/1"), weights()).unwrap();
    fs::write(from.path().join("blobs/2"), "{}").unwrap();
    symlink("../blobs/1", from.path().join("snapshots/w.gguf")).unwrap();
    symlink("../blobs/2", from.path().join("snapshots/c.json")).unwrap();
    let mut store = store(home.path());
    assert_eq!(store.import(&from.path().join("snapshots")).unwrap().installed, ["big"]);
    let file = store.locate("big").unwrap().main_file().to_owned();
    assert!(fs::symlink_metadata(&file).unwrap().is_file(), "a link to a stick would dangle later");
    drop(from);
    assert_eq!(fs::read(file).unwrap(), weights());
}

#[test]
fn a_manifest_that_cannot_be_read_takes_no_other_model_away() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("newer")).unwrap();
    fs::write(home.path().join("newer/docent-model.toml"), "[[model]]\nnovelty = 1\n").unwrap();
    assert!(store(home.path()).catalogue().get("big").is_ok());
}

#[test]
fn a_manifest_brings_a_model_of_ones_own() {
    let home = tempfile::tempdir().unwrap();
    let from = tempfile::tempdir().unwrap();
    fs::write(from.path().join("mine.gguf"), "GGUF").unwrap();
    let manifest = "[[model]]\nname = 'mine'\nrole = 'generator'\nsummary = 'ours'\nlanguages = ['en']\n\
                    licence = 'MIT'\nmemory_mb = 10\nsources = [{ kind = 'import' }]\nfiles = [{ name = 'mine.gguf' }]\n";
    fs::write(from.path().join("docent-model.toml"), manifest).unwrap();
    assert_eq!(store(home.path()).import(from.path()).unwrap().installed, ["mine"]);
    // Another process knows it, too, and finds damage.
    let later = store(home.path());
    assert_eq!(later.locate("mine").unwrap().entry.summary, "ours");
    fs::remove_file(home.path().join("mine/mine.gguf")).unwrap();
    fs::write(home.path().join("mine/mine.gguf"), "GGUX").unwrap();
    assert_eq!(later.locate("mine").unwrap_err().kind(), ErrorKind::ModelDamaged);
    // The name of a built-in model is taken.
    fs::write(from.path().join("docent-model.toml"), manifest.replace("'mine'", "'big'")).unwrap();
    assert_eq!(store(home.path()).import(from.path()).unwrap_err().kind(), ErrorKind::Config);
}

#[test]
fn damage_is_found_shown_and_mended() {
    let server = HubServer::start(weights(), Fault::None);
    let home = tempfile::tempdir().unwrap();
    let store = store(home.path());
    pull(&store, "big", &server).unwrap();
    let file = home.path().join("big/w.gguf");
    let mut bytes = weights();
    bytes[9] ^= 1;
    fs::write(&file, bytes).unwrap();
    let error = store.locate("big").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ModelDamaged);
    assert!(error.hint_text().unwrap().contains("models pull big"), "{error:?}");
    let listed = store.list().unwrap();
    let big = listed.iter().find(|status| status.entry.name == "big").unwrap();
    assert!(matches!(big.state, ModelState::Damaged(_)));
    let shown = serde_json::to_value(big).unwrap();
    assert_eq!((&shown["name"], &shown["state"]), (&"big".into(), &"damaged".into()), "{shown}");
    let pulled = pull(&store, "big", &server).unwrap();
    assert_eq!(pulled.downloaded, weights().len() as u64, "only what was damaged is fetched");
    store.locate("big").unwrap();
    fs::write(&file, "short").unwrap();
    assert_eq!(store.locate("big").unwrap_err().kind(), ErrorKind::ModelDamaged);
}

#[test]
fn the_default_set_fits_the_memory() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(store(home.path()).default_set(64 << 20), ["small"]);
    assert_eq!(store(home.path()).default_set(1 << 30), ["big"]);
    let real = ModelStore::open(home.path()).unwrap();
    assert_eq!(
        real.default_set(8 << 30),
        ["onnxruntime", "pdfium", "multilingual-e5-small", "qwen2.5-coder-0.5b-instruct"]
    );
    assert!(real.default_set(1 << 30).contains(&"smollm2-135m-instruct".to_owned()));
}

/// The models that `make models` provides are the ones that are pinned. Wants them: `DOCENT_MODELS`.
#[test]
fn the_default_models_are_installed_and_sound() {
    let folder = std::env::var_os("DOCENT_MODELS")
        .expect("DOCENT_MODELS names no folder with the default models: run 'make models'");
    let store = ModelStore::open(folder).unwrap();
    for name in store.default_set(8 << 30) {
        store.locate(&name).unwrap_or_else(|error| panic!("{error:?}: run 'make models'"));
    }
    assert!(store.runtime().is_ok() && store.pdfium().is_some());
}

fn find(folder: &Path, ending: &str) -> Option<std::path::PathBuf> {
    fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).find_map(|path| {
        if path.is_dir() {
            find(&path, ending)
        } else {
            path.to_string_lossy().ends_with(ending).then_some(path)
        }
    })
}
