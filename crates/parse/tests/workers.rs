//! Workers that do what they must not, and what becomes of them. This program is the worker, too.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests fail and tell so; one prints on purpose"
)]

use std::{
    fs::File,
    io::{Read as _, Write as _},
    net::{TcpStream, UdpSocket},
    ops::ControlFlow,
    path::Path,
    process::{Command, ExitCode},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use docent_core::{ParseError, ParseErrorKind, ParsedDocument, Parser, RecognisedPage};
use docent_parse::{
    OcrSpec, PageEvent, ParseOptions, Parsers,
    workers::{Work, WorkerCommand, WorkerLimits, WorkerPool, serve_with},
};
use libtest_mimic::{Arguments, Trial};

#[path = "parsers/pdfs.rs"]
mod pdfs;

const WORKER: &str = "be-a-worker";
const KILLED: &str = "on-the-second-page";
const MB: usize = 1 << 20;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(WORKER) {
        return serve_with(|options, on_page| {
            let kills = options.ocr.is_some();
            let on_page = move |event: PageEvent| {
                // The reader of the second page is taken over.
                let is_killed =
                    kills && event == PageEvent::Begun(1) && std::env::args().any(|word| word == KILLED);
                on_page(event);
                if is_killed {
                    std::process::abort();
                }
            };
            let parsers = Parsers::telling(options, Box::new(on_page));
            parsers.load_libraries();
            Hostile(parsers)
        });
    }
    let tests = [
        ("documents_come_through_unchanged", documents_come_through_unchanged as fn()),
        ("errors_come_through_unchanged", errors_come_through_unchanged),
        ("a_worker_that_dies_costs_one_file", a_worker_that_dies_costs_one_file),
        ("a_worker_that_hangs_is_killed", a_worker_that_hangs_is_killed),
        ("a_worker_that_swells_is_stopped", a_worker_that_swells_is_stopped),
        ("what_a_worker_says_is_checked", what_a_worker_says_is_checked),
        ("what_a_library_may_do", what_a_library_may_do),
        ("many_threads_have_many_workers", many_threads_have_many_workers),
        ("a_program_that_is_missing_is_named", a_program_that_is_missing_is_named),
        ("pdfs_that_multiply_are_stopped", pdfs_that_multiply_are_stopped),
        ("ocr_works_within_the_seal", ocr_works_within_the_seal),
        ("a_page_that_kills_ocr_costs_itself", a_page_that_kills_ocr_costs_itself),
        #[cfg(target_os = "linux")]
        ("a_worker_gets_out_nowhere", a_worker_gets_out_nowhere),
        #[cfg(target_os = "linux")]
        ("workers_end_with_their_pool", workers_end_with_their_pool),
    ];
    let trials = tests
        .map(|(name, test)| {
            Trial::test(name, move || {
                test();
                Ok(())
            })
        })
        .into_iter()
        .collect();
    // One at a time: one of them counts processes.
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A parser that was taken over: the name of the file says what it does.
struct Hostile(Parsers);

impl Work for Hostile {
    fn work(
        &self,
        path: &Path,
        bytes: &[u8],
        known: &[RecognisedPage],
    ) -> Result<ParsedDocument, ParseError> {
        let argument = String::from_utf8_lossy(bytes).into_owned();
        // What an attempt came to, where the process lives on.
        let told = |outcome: std::io::Result<String>| {
            let outcome = outcome.unwrap_or_else(|error| format!("refused: {:?}", error.kind()));
            self.0.parse("told.txt".as_ref(), outcome.as_bytes())
        };
        match path.to_str().unwrap_or_default() {
            "abort" => std::process::abort(),
            "exit" => std::process::exit(0),
            "hang" => loop {
                thread::sleep(Duration::from_secs(1));
            },
            "spin" => loop {
                std::hint::black_box(0);
            },
            "swell" => told(Ok(vec![b'x'; 2048 * MB].len().to_string())),
            "many-blocks" => {
                let mut document = self.0.parse("a.md".as_ref(), b"# One\n\nTwo\n")?;
                document.blocks[1].range = 3..900;
                Ok(document)
            }
            "print" => {
                print!("{}", "printed".repeat(1000));
                std::io::stdout().flush().ok();
                told(Ok("printed".into()))
            }
            "thread" => {
                let thread = thread::Builder::new().stack_size(64 * MB).spawn(|| "from a thread".to_owned());
                told(thread.map(|thread| thread.join().unwrap()))
            }
            "tcp" => told(TcpStream::connect(argument).map(|_| "connected".into())),
            "udp" => told(UdpSocket::bind("127.0.0.1:0").map(|_| "bound".into())),
            #[cfg(unix)]
            "become" => told(Err(std::os::unix::process::CommandExt::exec(&mut Command::new(argument)))),
            "program" => told(Command::new(argument).status().map(|_| "ran".into())),
            "read" => told(File::open(argument).map(|_| "opened".into())),
            "list" => told(std::fs::read_dir(argument).map(|_| "listed".into())),
            "create" => told(File::create(argument).map(|_| "created".into())),
            "delete" => told(std::fs::remove_file(argument).map(|()| "deleted".into())),
            _ => self.0.parse_with(path, bytes, known),
        }
    }
}

fn pool(limits: WorkerLimits) -> WorkerPool {
    let command = WorkerCommand { program: std::env::current_exe().unwrap(), arguments: vec![WORKER.into()] };
    WorkerPool::new(command, ParseOptions::default(), limits)
}

fn parse(pool: &WorkerPool, name: &str, bytes: &[u8]) -> Result<ParsedDocument, ParseError> {
    pool.parse(Path::new(name), bytes)
}

/// That `pool` still reads files.
fn assert_works(pool: &WorkerPool) {
    assert_eq!(parse(pool, "fine.md", b"# Leave\n\n30 days.\n").unwrap().text, "# Leave\n\n30 days.\n");
}

fn ocr_pool(more: &[&str]) -> WorkerPool {
    let models = std::path::PathBuf::from(
        std::env::var_os("DOCENT_MODELS")
            .unwrap_or_else(|| panic!("set DOCENT_MODELS: `make models` gets what it holds")),
    );
    let model = models.join("pp-ocrv6-small");
    let runtime = std::fs::read_dir(models.join("onnxruntime")).unwrap().flatten().map(|entry| entry.path());
    let spec = OcrSpec {
        detector: model.join("PP-OCRv6_det_small.onnx"),
        recogniser: model.join("PP-OCRv6_rec_small.onnx"),
        runtime: runtime.into_iter().find(|path| path.to_string_lossy().contains("libonnxruntime")).unwrap(),
        threads: 0,
    };
    let options = ParseOptions {
        pdfium: Some(models.join("pdfium/libpdfium.so")),
        ocr: Some(spec),
        ..ParseOptions::default()
    };
    let mut arguments: Vec<std::ffi::OsString> = vec![WORKER.into()];
    arguments.extend(more.iter().map(Into::into));
    let command = WorkerCommand { program: std::env::current_exe().unwrap(), arguments };
    WorkerPool::new(command, options, WorkerLimits { memory: 2 << 30, seconds: 120 })
}

fn scan(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/scans").join(name)).unwrap()
}

/// What pdfium would turn into all the memory or time there is: a form that draws itself twice, ten forms that draw the
/// next ten times each, marks in marks, each of which is a copy of all around it.
fn pdfs_that_multiply_are_stopped() {
    let command = WorkerCommand { program: std::env::current_exe().unwrap(), arguments: vec![WORKER.into()] };
    let options = ParseOptions { pdfium: Some(pdfs::pdfium()), ..ParseOptions::default() };
    let limits = WorkerLimits { memory: 256 << 20, seconds: 10 };
    let pool = WorkerPool::new(command, options, limits);
    let form = |next: u32, content: &str| {
        let resources = format!("/Resources << /XObject << /X {next} 0 R >> /Font << /F1 5 0 R >> >>");
        pdfs::stream(&format!("/Type /XObject /Subtype /Form /BBox [0 0 600 800] {resources}"), content)
    };
    let twice = vec![form(6, "BT /F1 9 Tf (inside) Tj ET /X Do /X Do")];
    let mut ten_times: Vec<String> = (7..16).map(|next| form(next, &"/X Do ".repeat(10))).collect();
    ten_times.push(form(16, "BT /F1 9 Tf (inside) Tj ET"));
    let marks = format!("{}{}", pdfs::WORDS, "/A BMC ".repeat(1_000_000));
    let drawn = format!("{}/X Do\n", pdfs::WORDS);
    for (content, forms) in [(&drawn, twice), (&drawn, ten_times), (&marks, Vec::new())] {
        let bytes = pdfs::page("/XObject << /X 6 0 R >>", content, &forms);
        match parse(&pool, "a.pdf", &bytes) {
            Ok(document) => assert!(document.text.contains("Words that are here")),
            Err(error) => {
                let kinds = [ParseErrorKind::TooLarge, ParseErrorKind::Timeout];
                assert!(kinds.contains(&error.kind), "{error}");
            }
        }
        assert_works(&pool);
    }
}

/// The model's threads, pdfium's drawing and what ONNX Runtime asks of the system all have to get by with what is left.
fn ocr_works_within_the_seal() {
    let pool = ocr_pool(&[]);
    let mut pages = Vec::new();
    let mut keep = |page: RecognisedPage| {
        pages.push(page.number);
        ControlFlow::Continue(())
    };
    let lease = pool.recognise("lease.pdf".as_ref(), &scan("lease.pdf"), &[], &mut keep).unwrap().unwrap();
    assert!(lease.text.contains("optical instruments"), "{}", lease.text);
    assert_eq!(pages, [0]);
    let fax = scan("fax.tif");
    let mut stop = |_| ControlFlow::Break(());
    assert!(
        pool.recognise("fax.tif".as_ref(), &fax, &[], &mut stop).unwrap().is_none(),
        "stopped after a page"
    );
    // Another program cannot be had while the model is loaded, either.
    #[cfg(target_os = "linux")]
    assert!(pool.seal().unwrap().system_calls);
}

fn a_page_that_kills_ocr_costs_itself() {
    let pool = ocr_pool(&[KILLED]);
    let mut pages = Vec::new();
    let mut keep = |page: RecognisedPage| {
        pages.push(page);
        ControlFlow::Continue(())
    };
    let fax = pool.recognise("fax.tif".as_ref(), &scan("fax.tif"), &[], &mut keep).unwrap().unwrap();
    assert!(
        fax.text.contains("Valve 7 opens") && fax.text.contains("[this page cannot be read]"),
        "{}",
        fax.text
    );
    assert!(!fax.text.contains("page two"), "{}", fax.text);
    assert_eq!(pages.iter().map(|page| page.number).collect::<Vec<_>>(), [0, 1]);
}

fn documents_come_through_unchanged() {
    let pool = pool(WorkerLimits::default());
    let long = format!("# Terms\n\n{}", "合同 terms; \u{1f600}\n\n".repeat(200_000));
    for (name, text) in [("a.md", "# Leave\n\n- 30 days\n"), ("b.csv", "a,b\n1,2\n"), ("c.md", &long)] {
        let here = Parsers::new(ParseOptions::default()).parse(Path::new(name), text.as_bytes());
        assert_eq!(parse(&pool, name, text.as_bytes()), here, "{name}");
    }
}

fn errors_come_through_unchanged() {
    let pool = pool(WorkerLimits::default());
    for (name, bytes) in [("a.docx", b"words".as_slice()), ("b.bin", b"\0\x01\x02\0"), ("c.txt", b"  ")] {
        let here = Parsers::new(ParseOptions::default()).parse(Path::new(name), bytes).unwrap_err();
        assert_eq!(parse(&pool, name, bytes).unwrap_err(), here, "{name}");
    }
}

fn a_worker_that_dies_costs_one_file() {
    let pool = pool(WorkerLimits::default());
    assert_works(&pool);
    let error = parse(&pool, "abort", b"x").unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::Crashed);
    assert!(cfg!(not(unix)) || error.reason.contains("SIGABRT"), "{error}");
    assert_works(&pool);
    assert_eq!(parse(&pool, "exit", b"x").unwrap_err().kind, ParseErrorKind::Crashed);
    assert_works(&pool);
}

fn a_worker_that_hangs_is_killed() {
    let pool = pool(WorkerLimits { seconds: 1, ..WorkerLimits::default() });
    let begun = Instant::now();
    let error = parse(&pool, "hang", b"x").unwrap_err();
    assert_eq!((error.kind, error.reason.as_str()), (ParseErrorKind::Timeout, "took longer than 3 s"));
    assert!(begun.elapsed() >= Duration::from_secs(3));
    assert_works(&pool);
    if cfg!(unix) {
        let error = parse(&pool, "spin", b"x").unwrap_err();
        assert_eq!(error.kind, ParseErrorKind::Timeout);
        assert_works(&pool);
    }
}

fn a_worker_that_swells_is_stopped() {
    if cfg!(unix) {
        let pool = pool(WorkerLimits { memory: 256 << 20, ..WorkerLimits::default() });
        let error = parse(&pool, "swell", b"x").unwrap_err();
        assert_eq!(error.kind, ParseErrorKind::TooLarge);
        assert_eq!(error.reason, "needed more than 256 MB of memory to be read");
        assert_works(&pool);
    }
}

fn what_a_worker_says_is_checked() {
    let pool = pool(WorkerLimits::default());
    assert_eq!(parse(&pool, "many-blocks", b"x").unwrap_err().kind, ParseErrorKind::Damaged);
    assert_works(&pool);
}

/// It prints, which is no answer, and starts threads.
fn what_a_library_may_do() {
    let pool = pool(WorkerLimits::default());
    assert_eq!(parse(&pool, "print", b"x").unwrap().text, "printed");
    assert_eq!(parse(&pool, "thread", b"x").unwrap().text, "from a thread");
    assert_works(&pool);
}

fn many_threads_have_many_workers() {
    let pool = Arc::new(pool(WorkerLimits::default()));
    thread::scope(|scope| {
        for number in 0..4 {
            let pool = pool.clone();
            scope.spawn(move || {
                for file in 0..20 {
                    let text = format!("text {file} of thread {number}");
                    if (file + number) % 9 == 0 {
                        parse(&pool, "abort", b"x").unwrap_err();
                    }
                    assert_eq!(parse(&pool, "a.txt", text.as_bytes()).unwrap().text, text);
                }
            });
        }
    });
}

fn a_program_that_is_missing_is_named() {
    let command = WorkerCommand { program: "/nowhere/docent".into(), arguments: Vec::new() };
    let pool = WorkerPool::new(command, ParseOptions::default(), WorkerLimits::default());
    let error = parse(&pool, "a.txt", b"x").unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::Unavailable);
    assert!(error.reason.contains("/nowhere/docent cannot be started"), "{error}");
}

/// The real thing: a listener that waits, a program that leaves a mark, a file that is there.
#[cfg(target_os = "linux")]
fn a_worker_gets_out_nowhere() {
    let pool = pool(WorkerLimits::default());
    let seal = pool.seal().unwrap();
    println!("sealed: {seal:?}");
    assert!(seal.system_calls, "this kernel has no seccomp: what docent promises cannot be kept");
    let stopped = |name: &str, argument: &str| {
        let error = parse(&pool, name, argument.as_bytes()).unwrap_err();
        assert_eq!(error.kind, ParseErrorKind::Crashed, "{name}: {error}");
        assert!(error.reason.contains("what it may not"), "{name}: {error}");
        assert_works(&pool);
    };
    let refused = |name: &str, argument: &str| {
        let told = parse(&pool, name, argument.as_bytes()).unwrap().text;
        assert!(told.starts_with("refused"), "{name}: {told}");
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    stopped("tcp", &listener.local_addr().unwrap().to_string());
    assert!(listener.accept().is_err(), "it came through");
    stopped("udp", "");
    stopped("become", "/bin/true");
    stopped("program", "/bin/true");
    let folder = std::env::temp_dir().join(format!("docent-workers-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let (secret, new) = (folder.join("secret"), folder.join("new"));
    std::fs::write(&secret, "secret").unwrap();
    refused("read", secret.to_str().unwrap());
    refused("read", "/proc/self/environ");
    refused("list", folder.to_str().unwrap());
    stopped("create", new.to_str().unwrap());
    stopped("delete", secret.to_str().unwrap());
    assert!(secret.exists() && !new.exists());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[cfg(target_os = "linux")]
fn workers_end_with_their_pool() {
    let children = || {
        let own = std::process::id().to_string();
        let parent = |status: &str| {
            status.lines().find_map(|line| line.strip_prefix("PPid:")).map(|pid| pid.trim().to_owned())
        };
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        processes
            .filter(|process| {
                let mut status = String::new();
                let read = File::open(process.path().join("status"))
                    .and_then(|mut file| file.read_to_string(&mut status));
                read.is_ok() && parent(&status).as_deref() == Some(&own)
            })
            .count()
    };
    let before = children();
    let pool = pool(WorkerLimits::default());
    assert_works(&pool);
    assert_eq!(children(), before + 1);
    drop(pool);
    let begun = Instant::now();
    while children() > before {
        assert!(begun.elapsed() < Duration::from_secs(10), "a worker is left");
        thread::sleep(Duration::from_millis(10));
    }
}
