//! The example programs, as somebody who embeds docent runs them.

use std::{env, path::PathBuf, process::Stdio};

use rustix::process::Signal;

use crate::home::{Home, eventually, examples, finish, shown, start};

/// A program of `examples/`, which cargo builds with the tests.
fn program(name: &str) -> PathBuf {
    let built = env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(built.is_file(), "there is no {}: run `make test`", built.display());
    built
}

#[test]
fn the_examples_run() {
    let home = Home::new();
    let corpus = shown(&examples().join("corpus"));
    let run = |name: &str, arguments: &[&str]| {
        let mut command = home.environment(program(name));
        command.args(arguments);
        let output = finish(command);
        assert_eq!(output.code, Some(0), "{name}: {output:?}");
        output.stdout
    };
    let said = run("index_and_search", &[&corpus, "warranty of the AX-200"]);
    assert!(said.contains("files searchable") && said.contains("\n1. "), "{said}");
    let said = run("ask", &["How long is the warranty on the AX-200 pump?"]);
    assert!(said.contains("[1] /") && said.contains("first word after"), "{said}");

    // It follows a folder until it is interrupted.
    home.write("a.md", "# A\n\nText.\n");
    let mut command = home.environment(program("watch"));
    command.arg(home.docs()).stdout(Stdio::piped());
    let watching = start(command);
    // Where the examples have their home.
    let socket = home.beside("target/example-home/docent.sock");
    eventually("the example watches", || socket.exists().then_some(()));
    watching.signal(Signal::INT);
    let output = watching.finish();
    assert_eq!(output.code, Some(0), "{output:?}");
}
